//! Authentication and authorization.

mod api_keys;
pub(super) mod external;
mod jwt;
mod users;

use std::sync::Arc;

use agw_api::access::{
    AuthenticationMode, Authorization as AuthorizationSpec, AuthorizationAction, BasicMode,
    CredentialLocation,
};
use agw_api::policy::Traffic;
use agw_core::access::{Access, Action, Authorization, Demand, Location};
use agw_core::header::FieldName;

use super::place::Place;
use crate::expression::{Rejected, collect};
use crate::report::{Report, Subject};
use crate::state::ClusterState;

/// What a policy asks of who is asking. `place` is that of `traffic`.
pub(super) fn access(spec: &Traffic, place: &mut Place<'_, '_>) -> Result<Access, Rejected> {
    let jwt = spec.jwt_authentication.as_ref();
    let jwt = jwt.map(|jwt| jwt::jwt(jwt, &mut place.inside("jwtAuthentication")));
    let basic = spec.basic_authentication.as_ref();
    let basic = basic.map(|basic| users::basic(basic, &mut place.inside("basicAuthentication")));
    let keys = spec.api_key_authentication.as_ref();
    let keys = keys.map(|keys| api_keys::api_key(keys, &mut place.inside("apiKeyAuthentication")));
    let external = spec.ext_auth.as_ref();
    let external = external.map(|spec| external::external(spec, &mut place.inside("extAuth")));
    let decided = spec.authorization.as_ref();
    let decided = decided.map(|spec| authorization(spec, &mut place.inside("authorization")));
    Ok(Access {
        jwt: jwt.transpose()?.map(Arc::new),
        basic: basic.transpose()?.map(Arc::new),
        api_key: keys.transpose()?.map(Arc::new),
        external: external.transpose()?.map(Arc::new),
        authorization: decided.transpose()?.map(Arc::new).into_iter().collect(),
    })
}

/// Whether a policy has a part that decides who may pass: where it is not valid, nobody may.
pub(super) fn guards(spec: &Traffic) -> bool {
    spec.jwt_authentication.is_some()
        || spec.basic_authentication.is_some()
        || spec.api_key_authentication.is_some()
        || spec.ext_auth.is_some()
        || spec.authorization.is_some()
}

/// Who may ask what an object of its own stands for; `field` is where it says so.
pub(crate) fn own_authorization(
    spec: &AuthorizationSpec,
    (state, subject, field): (&ClusterState, Subject<'_>, &str),
    report: &mut Report,
) -> Result<Authorization, Rejected> {
    let mut place = Place {
        state,
        subject,
        field: field.to_owned(),
        report,
    };
    authorization(spec, &mut place)
}

fn authorization(
    spec: &AuthorizationSpec,
    place: &mut Place<'_, '_>,
) -> Result<Authorization, Rejected> {
    let written = &spec.policy.match_expressions;
    if written.is_empty() {
        let remedy = "write at least one expression";
        return Err(place.refuse("policy.matchExpressions", "there is none", remedy));
    }
    let compiled = written.iter().enumerate().map(|(index, source)| {
        place.expression(&format!("policy.matchExpressions[{index}]"), source)
    });
    Ok(Authorization {
        action: match spec.action {
            AuthorizationAction::Allow => Action::Allow,
            AuthorizationAction::Deny => Action::Deny,
            AuthorizationAction::Require => Action::Require,
        },
        expressions: collect(compiled)?,
    })
}

fn demand(mode: AuthenticationMode) -> Demand {
    match mode {
        AuthenticationMode::Strict => Demand::Strict,
        AuthenticationMode::Optional => Demand::Optional,
        AuthenticationMode::Permissive => Demand::Permissive,
    }
}

fn basic_demand(mode: BasicMode) -> Demand {
    match mode {
        BasicMode::Strict => Demand::Strict,
        BasicMode::Optional => Demand::Optional,
    }
}

/// Where a credential stands; `Authorization: Bearer …` when nothing is said.
fn location(
    spec: Option<&CredentialLocation>,
    place: &mut Place<'_, '_>,
) -> Result<Location, Rejected> {
    let Some(spec) = spec else {
        return Ok(Location::bearer());
    };
    let CredentialLocation {
        header,
        query_parameter,
        cookie,
        expression,
    } = spec;
    match (header, query_parameter, cookie, expression) {
        (Some(header), None, None, None) => {
            let name = FieldName::parse(&header.name).map_err(|error| {
                let at = "location.header.name";
                place.refuse(at, &error.to_string(), "write a valid header name")
            })?;
            Ok(Location::Header {
                name: name.name().clone(),
                prefix: header.prefix.as_deref().map(Into::into),
            })
        }
        (None, Some(query), None, None) => Ok(Location::Query((*query.name).into())),
        (None, None, Some(cookie), None) => Ok(Location::Cookie((*cookie.name).into())),
        (None, None, None, Some(source)) => {
            let compiled = place.expression("location.expression", source)?;
            Ok(Location::Expression(compiled))
        }
        _ => Err(place.refuse(
            "location",
            "a credential has one place",
            "write exactly one of `header`, `queryParameter`, `cookie` and `expression`",
        )),
    }
}
