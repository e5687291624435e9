//! Who asks, and whether they may.

use std::sync::Arc;

use agw_core::access::{
    Access, ApiKeyAuthentication, BasicAuthentication, Demand, JwtAuthentication, Location, Shown,
    allow,
};
use agw_core::backend::BackendPolicy;
use agw_core::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::Value;

use super::Exchange;
use crate::access::{hashed, single};
use crate::error::Error;

/// A credential's place, and whether the credential in it was good.
enum Found<T> {
    Good(T),
    /// None that is good, and none is asked for.
    Waived,
}

/// What is wrong with what a request shows.
enum Wrong {
    Missing(&'static str),
    Bad(String),
    /// Nobody can tell now.
    Unknown(String),
}

impl Exchange {
    /// Runs a phase's authentication and authorization.
    pub(super) async fn admit(&mut self, access: &Access) -> Result<(), Error> {
        if access.is_empty() {
            return Ok(());
        }
        if let Some(jwt) = &access.jwt {
            self.check_token(jwt).await?;
        }
        if let Some(basic) = &access.basic {
            self.check_password(basic).await?;
        }
        if let Some(keys) = &access.api_key {
            self.check_key(keys)?;
        }
        if let Some(external) = &access.external {
            self.ask_authorizer(external).await?;
        }
        if access.authorization.is_empty() {
            return Ok(());
        }
        if access.reads_body() && self.inbound.has_body() {
            let limits = self.peer.worker.limits.clone();
            self.inbound.hold(&limits, limits.body).await?;
        }
        let metadata = Value::Object(self.metadata.clone());
        if access.allows(&self.input(&metadata, None)) {
            Ok(())
        } else {
            Err(Error::Forbidden)
        }
    }

    /// Whether a backend lets the request in that stands before it.
    pub(super) fn may_ask(&self, policy: &BackendPolicy) -> bool {
        let Some(authorization) = &policy.authorization else {
            return true;
        };
        self.with_question(|input| allow(std::slice::from_ref(authorization), input))
    }

    fn shown(&self, location: &Location) -> Shown {
        let metadata = Value::Object(self.metadata.clone());
        location.find(&self.input(&metadata, None))
    }

    async fn check_token(&mut self, jwt: &Arc<JwtAuthentication>) -> Result<(), Error> {
        const WHAT: &str = "authentication failure: ";
        let outcome = match self.shown(&jwt.location) {
            Shown::Nothing => Err(Wrong::Missing("no bearer token found")),
            Shown::Ambiguous => Err(Wrong::Bad("there is more than one token".to_owned())),
            Shown::Credential(token) => {
                let live = self.live.clone();
                match live.verifiers.of(jwt) {
                    Some(verifier) => {
                        let worker = self.peer.worker.clone();
                        let claims = verifier.verify(token.expose(), worker.via()).await;
                        claims.map_err(Wrong::from)
                    }
                    None => Err(Wrong::Unknown("the issuers are not known".to_owned())),
                }
            }
        };
        let challenge = HeaderValue::from_static("Bearer");
        if let Found::Good(claims) = settle(outcome, jwt.demand, WHAT, &challenge)? {
            self.identity.jwt = Some(Value::Object(claims));
            self.used.push(jwt.location.clone());
        }
        Ok(())
    }

    fn check_key(&mut self, keys: &Arc<ApiKeyAuthentication>) -> Result<(), Error> {
        const WHAT: &str = "api key authentication failure: ";
        let outcome = match self.shown(&keys.location) {
            Shown::Nothing => Err(Wrong::Missing("no API Key found")),
            Shown::Ambiguous => Err(Wrong::Bad("there is more than one API Key".to_owned())),
            Shown::Credential(key) => {
                // The key itself is compared with nothing: no time tells how much of it is right.
                let known = keys.keys.0.get(&hashed(key.expose()));
                known
                    .map(|known| Value::Object((**known).clone()))
                    .ok_or_else(|| Wrong::Bad("the API Key is not known".to_owned()))
            }
        };
        let challenge = HeaderValue::from_static("Bearer");
        if let Found::Good(known) = settle(outcome, keys.demand, WHAT, &challenge)? {
            self.identity.api_key = Some(known);
            self.used.push(keys.location.clone());
        }
        Ok(())
    }

    async fn check_password(&mut self, basic: &Arc<BasicAuthentication>) -> Result<(), Error> {
        const WHAT: &str = "basic authentication failure: ";
        let location = Location::Header {
            name: header::AUTHORIZATION,
            prefix: Some("Basic ".into()),
        };
        let outcome = match self.shown(&location) {
            Shown::Nothing => Err(Wrong::Missing("no name and password found")),
            Shown::Ambiguous => Err(Wrong::Bad("there is more than one password".to_owned())),
            Shown::Credential(pair) => match named(&pair) {
                None => Err(Wrong::Bad("this is no name and password".to_owned())),
                Some((name, password)) => {
                    let passwords = self.peer.worker.passwords.clone();
                    match passwords.check(&basic.users, &name, &password).await {
                        Ok(true) => Ok(name),
                        Ok(false) => Err(Wrong::Bad("wrong name or password".to_owned())),
                        Err(_) => Err(Wrong::Unknown("too many are being checked".to_owned())),
                    }
                }
            },
        };
        let challenge = format!("Basic realm=\"{}\", charset=\"UTF-8\"", basic.realm);
        let challenge = HeaderValue::try_from(challenge);
        let challenge = challenge.unwrap_or(HeaderValue::from_static("Basic"));
        if let Found::Good(name) = settle(outcome, basic.demand, WHAT, &challenge)? {
            self.identity.basic = Some(single("username", &name));
            self.used.push(location);
        }
        Ok(())
    }

    /// Takes the credentials that were good off the request: they are for the gateway.
    pub(super) fn keep_credentials(&mut self) {
        for location in std::mem::take(&mut self.used) {
            match location {
                Location::Header { name, .. } => {
                    if let Some(value) = self.inbound.headers.remove(&name) {
                        self.kept.push((name, value));
                    }
                }
                Location::Query(name) => {
                    let query = self.inbound.query.take();
                    self.inbound.query = query.and_then(|query| without_parameter(&query, &name));
                }
                Location::Cookie(name) => strip_cookie(&mut self.inbound.headers, &name),
                Location::Expression(_) => {}
            }
        }
    }

    /// Gives them to a target that asks for the client's own, and to no other.
    pub(super) fn lend_credentials(&mut self, passes: bool) {
        for (name, value) in &self.kept {
            if passes {
                self.inbound.headers.insert(name.clone(), value.clone());
            } else if self.inbound.headers.get(name) == Some(value) {
                self.inbound.headers.remove(name);
            }
        }
    }
}

/// What follows from what was found.
fn settle<T>(
    outcome: Result<T, Wrong>,
    demand: Demand,
    what: &str,
    challenge: &HeaderValue,
) -> Result<Found<T>, Error> {
    let refused = |why: &str| {
        Err(Error::Unauthenticated {
            why: format!("{what}{why}"),
            challenge: challenge.clone(),
        })
    };
    match (outcome, demand) {
        (Ok(good), _) => Ok(Found::Good(good)),
        (Err(Wrong::Missing(_)), Demand::Optional) | (Err(_), Demand::Permissive) => {
            Ok(Found::Waived)
        }
        (Err(Wrong::Missing(why)), Demand::Strict) => refused(why),
        (Err(Wrong::Bad(why)), _) => refused(&why),
        (Err(Wrong::Unknown(why)), _) => Err(Error::Unverified(format!("{what}{why}"))),
    }
}

impl From<crate::access::TokenError> for Wrong {
    fn from(error: crate::access::TokenError) -> Self {
        match &error {
            crate::access::TokenError::NoKeys(cause) => Self::Unknown(format!("{error}: {cause}")),
            _ => Self::Bad(error.to_string()),
        }
    }
}

/// The name and password of a pair (RFC 7617 §2).
fn named(pair: &Secret) -> Option<(String, Secret)> {
    let bytes = STANDARD.decode(pair.expose()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), Secret::new(password)))
}

fn without_parameter(query: &str, name: &str) -> Option<String> {
    let is_it = |pair: &&str| {
        let mut decoded = form_urlencoded::parse(pair.as_bytes());
        decoded.next().is_some_and(|(found, _)| *found == *name)
    };
    let kept: Vec<_> = query.split('&').filter(|pair| !is_it(pair)).collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

fn strip_cookie(headers: &mut HeaderMap, name: &str) {
    const COOKIE: HeaderName = header::COOKIE;
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines.flat_map(|line| line.to_str().unwrap_or_default().split(';'));
    let others = pairs.map(str::trim).filter(|pair| {
        let found = pair.split('=').next().unwrap_or_default();
        found != name && !pair.is_empty()
    });
    let others: Vec<_> = others.map(str::to_owned).collect();
    headers.remove(COOKIE);
    if let Ok(value) = HeaderValue::try_from(others.join("; "))
        && !others.is_empty()
    {
        headers.insert(COOKIE, value);
    }
}

impl std::fmt::Debug for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(why) => f.write_str(why),
            Self::Bad(why) | Self::Unknown(why) => f.write_str(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_come_off_where_they_stood() {
        for (query, want) in [
            ("key=a", None),
            ("a=1&key=b&c=2", Some("a=1&c=2")),
            ("%6bey=x&a=1", Some("a=1")),
            ("keys=1", Some("keys=1")),
        ] {
            assert_eq!(without_parameter(query, "key").as_deref(), want, "{query}");
        }
        let mut headers = HeaderMap::new();
        headers.append("cookie", "a=1; sid=secret".parse().unwrap());
        headers.append("cookie", "sid=secret; b=2".parse().unwrap());
        strip_cookie(&mut headers, "sid");
        assert_eq!(headers["cookie"], "a=1; b=2");
        strip_cookie(&mut headers, "a");
        strip_cookie(&mut headers, "b");
        assert!(!headers.contains_key("cookie"));
    }

    #[test]
    fn names_end_at_the_first_colon() {
        let pair = |text: &str| named(&Secret::new(STANDARD.encode(text)));
        let (name, password) = pair("a:b:c").unwrap();
        assert_eq!((name.as_str(), password.expose()), ("a", "b:c"));
        assert!(pair("a").is_none());
        assert!(named(&Secret::new("***")).is_none());
    }
}
