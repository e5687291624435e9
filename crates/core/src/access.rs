//! Who may pass: credentials that requests have to show, and what is decided by them.

mod external;
mod jwk;
mod location;
mod password;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

pub use external::{
    Authorizer, Denial, ExternalAuth, HeaderEdit, HttpQuestion, Lifetime, Permit, Question,
    Remembered, is_editable,
};
pub use jwk::{Algorithm, InvalidKeys, Jwk, Jwks, Material};
pub use location::{Location, Shown};

pub(crate) use location::cookies;
pub use password::{InvalidUser, PasswordHash, User};

use crate::expr::{EvalError, Expression, Input};
use crate::id::BackendKey;

/// What a policy asks of who is asking, in the order in which it is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Access {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt: Option<Arc<JwtAuthentication>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic: Option<Arc<BasicAuthentication>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Arc<ApiKeyAuthentication>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<Arc<ExternalAuth>>,
    /// Of every target that the request is under, the wider first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization: Vec<Arc<Authorization>>,
}

/// What is asked of credentials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum Demand {
    /// They are there, and valid.
    #[default]
    Strict,
    /// They are valid, or not there.
    Optional,
    /// Nothing: what they say is known where they are valid.
    Permissive,
}

/// Tokens of known issuers (RFC 7519).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JwtAuthentication {
    pub demand: Demand,
    pub location: Location,
    pub issuers: Vec<Issuer>,
}

/// Who issues tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issuer {
    pub name: Arc<str>,
    /// Of which a token has to be for one; empty for anybody's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<Arc<str>>,
    pub keys: KeySource,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum KeySource {
    Inline(Arc<Jwks>),
    /// They are fetched, and used for `lifetime`.
    Remote {
        backend: BackendKey,
        path: Arc<str>,
        lifetime: Duration,
    },
}

/// Keys that the gateway's owner hands out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiKeyAuthentication {
    pub demand: Demand,
    pub location: Location,
    pub keys: Arc<ApiKeys>,
}

/// What is known of each key, by the SHA-256 of the key: the keys themselves are nowhere.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ApiKeys(pub BTreeMap<[u8; 32], Arc<Map<String, Value>>>);

/// Names and passwords (RFC 7617).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BasicAuthentication {
    pub demand: Demand,
    pub realm: Arc<str>,
    pub users: Vec<User>,
}

/// Expressions that decide whether a request may pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Authorization {
    pub action: Action,
    pub expressions: Vec<Expression>,
}

/// What follows from a policy's expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Action {
    /// One of them has to hold, of all policies of this action.
    Allow,
    /// None of them may hold.
    Deny,
    /// Each of them has to hold.
    Require,
}

impl Access {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This with the gaps filled from the wider target's. What decides about requests is added up:
    /// a narrower target's word does not lift a wider one's.
    #[must_use]
    pub fn over(&self, wider: &Self) -> Self {
        let authorization = wider.authorization.iter().chain(&self.authorization);
        Self {
            jwt: self.jwt.clone().or_else(|| wider.jwt.clone()),
            basic: self.basic.clone().or_else(|| wider.basic.clone()),
            api_key: self.api_key.clone().or_else(|| wider.api_key.clone()),
            external: self.external.clone().or_else(|| wider.external.clone()),
            authorization: authorization.cloned().collect(),
        }
    }

    /// Each field's name as manifests have it, and whether it is set, in the order in which they
    /// are looked at.
    pub(crate) fn fields(&self) -> [(&'static str, bool); 5] {
        [
            ("jwtAuthentication", self.jwt.is_some()),
            ("basicAuthentication", self.basic.is_some()),
            ("apiKeyAuthentication", self.api_key.is_some()),
            ("extAuth", self.external.is_some()),
            ("authorization", !self.authorization.is_empty()),
        ]
    }

    /// Whether a request's body has to be held before this can be decided.
    pub fn reads_body(&self) -> bool {
        let expressions = self.authorization.iter().flat_map(|a| &a.expressions);
        expressions.into_iter().any(|e| e.reads().request_body)
    }

    /// Whether the request may pass.
    pub fn allows(&self, input: &Input<'_>) -> bool {
        allow(&self.authorization, input)
    }
}

/// Whether a request may pass under all of `policies`.
pub fn allow(policies: &[Arc<Authorization>], input: &Input<'_>) -> bool {
    let of = |action| {
        let policies = policies.iter();
        policies
            .filter(move |policy| policy.action == action)
            .flat_map(|policy| &policy.expressions)
    };
    let mut allow = of(Action::Allow).peekable();
    !of(Action::Deny).any(|e| forbids(e, input))
        && of(Action::Require).all(|e| e.eval_bool(input) == Ok(true))
        && (allow.peek().is_none() || allow.any(|e| e.eval_bool(input) == Ok(true)))
}

/// What is not there does not forbid; what cannot be told does.
fn forbids(expression: &Expression, input: &Input<'_>) -> bool {
    !matches!(
        expression.eval_bool(input),
        Ok(false) | Err(EvalError::Absent(_))
    )
}

impl std::fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{} keys>", self.0.len())
    }
}

impl Serialize for ApiKeys {
    /// What is known of the keys, without the hashes of those who hold them.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.values().map(AsRef::as_ref))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::expr::RequestInput;

    fn policy(action: Action, expressions: &[&str]) -> Arc<Authorization> {
        let compiled = expressions.iter().map(|e| Expression::compile(e).unwrap());
        Arc::new(Authorization {
            action,
            expressions: compiled.collect(),
        })
    }

    /// A policy's action and expressions.
    type Written<'a> = (Action, &'a [&'a str]);

    fn allowed(policies: &[Written<'_>]) -> bool {
        let headers = HeaderMap::from_iter([("x-a", "1")].map(|(n, v)| {
            (
                http::HeaderName::from_static(n),
                http::HeaderValue::from_static(v),
            )
        }));
        let mut input = Input::new();
        input.request = Some(RequestInput {
            method: "GET",
            scheme: "http",
            host: "h",
            path: "/admin",
            query: None,
            version: http::Version::HTTP_11,
            headers: &headers,
            body: None,
            start_time: None,
            end_time: None,
        });
        let policies = policies.iter().map(|(action, list)| policy(*action, list));
        let access = Access {
            authorization: policies.collect(),
            ..Access::default()
        };
        access.allows(&input)
    }

    #[test]
    fn decides() {
        use Action::{Allow, Deny, Require};
        const YES: &str = r#"request.headers["x-a"] == "1""#;
        const NO: &str = r#"request.headers["x-a"] == "2""#;
        const ABSENT: &str = r#"jwt.sub == "a""#;
        const BROKEN: &str = r#"int(request.headers["x-a"] + "x") == 1"#;
        let table: &[(&[Written<'_>], bool)] = &[
            (&[], true),
            (&[(Allow, &[YES])], true),
            (&[(Allow, &[NO])], false),
            (&[(Allow, &[NO, YES])], true),
            (&[(Allow, &[NO]), (Allow, &[YES])], true),
            (&[(Allow, &[ABSENT])], false),
            (&[(Allow, &[BROKEN])], false),
            (&[(Deny, &[YES])], false),
            (&[(Deny, &[NO])], true),
            (&[(Deny, &[NO, YES])], false),
            (&[(Deny, &[ABSENT])], true),
            (&[(Deny, &[BROKEN])], false),
            (&[(Require, &[YES])], true),
            (&[(Require, &[YES, NO])], false),
            (&[(Require, &[YES]), (Require, &[NO])], false),
            (&[(Require, &[ABSENT])], false),
            (&[(Require, &[BROKEN])], false),
            (&[(Allow, &[YES]), (Deny, &[YES])], false),
            (&[(Require, &[YES]), (Allow, &[NO])], false),
            // Not a boolean is no yes.
            (&[(Allow, &["request.path"])], false),
            (&[(Deny, &["request.path"])], false),
        ];
        for (policies, want) in table {
            assert_eq!(allowed(policies), *want, "{policies:?}");
        }
    }

    #[test]
    fn a_narrower_target_adds_to_what_is_decided_and_replaces_what_is_shown() {
        let deny = policy(Action::Deny, &["true"]);
        let allow = policy(Action::Allow, &["true"]);
        let wide = Access {
            authorization: vec![deny.clone()],
            ..Access::default()
        };
        let narrow = Access {
            authorization: vec![allow.clone()],
            ..Access::default()
        };
        assert_eq!(narrow.over(&wide).authorization, [deny, allow]);
    }
}
