//! Issuers of tokens, and their keys.

use std::sync::Arc;
use std::time::Duration;

use agw_api::access::{Jwks as JwksSpec, JwtAuthentication as Spec, JwtProvider};
use agw_core::access::{Issuer, Jwks, JwtAuthentication, KeySource};

use super::super::place::Place;
use super::{demand, location};
use crate::expression::{Rejected, collect};

/// How long fetched keys are used when nothing else is said.
const LIFETIME: Duration = Duration::from_secs(300);

/// The shortest time that fetched keys are used: an issuer is no target for as many questions as
/// there are requests.
const SHORTEST: Duration = Duration::from_secs(1);

pub(super) fn jwt(spec: &Spec, place: &mut Place<'_, '_>) -> Result<JwtAuthentication, Rejected> {
    let location = location(spec.location.as_ref(), place);
    if spec.providers.is_empty() {
        return Err(place.refuse("providers", "there is none", "name at least one issuer"));
    }
    let issuers = spec.providers.iter().enumerate();
    let issuers = collect(
        issuers.map(|(i, spec)| issuer(spec, &mut place.inside(&format!("providers[{i}]")))),
    );
    Ok(JwtAuthentication {
        demand: demand(spec.mode),
        location: location?,
        issuers: issuers?,
    })
}

fn issuer(spec: &JwtProvider, place: &mut Place<'_, '_>) -> Result<Issuer, Rejected> {
    if spec.issuer.is_empty() {
        return Err(place.refuse("issuer", "it is empty", "write the `iss` of the tokens"));
    }
    Ok(Issuer {
        name: (*spec.issuer).into(),
        audiences: spec.audiences.iter().map(|a| (**a).into()).collect(),
        keys: keys(&spec.jwks, &mut place.inside("jwks"))?,
    })
}

fn keys(spec: &JwksSpec, place: &mut Place<'_, '_>) -> Result<KeySource, Rejected> {
    match (&spec.inline, &spec.remote) {
        (Some(text), None) => {
            let keys = Jwks::parse(text).map_err(|error| {
                let remedy = "write the JSON that the issuer publishes under its `jwks_uri`";
                place.refuse("inline", &error.to_string(), remedy)
            })?;
            Ok(KeySource::Inline(Arc::new(keys)))
        }
        (None, Some(remote)) => {
            let place = &mut place.inside("remote");
            let backend = place.inside("backendRef").server(&remote.backend_ref)?;
            let path = format!("/{}", remote.jwks_path.trim_start_matches('/'));
            if http::uri::PathAndQuery::try_from(path.as_str()).is_err() {
                let remedy = "write the path of the issuer's `jwks_uri`";
                return Err(place.refuse("jwksPath", "this is no path", remedy));
            }
            let lifetime = remote.cache_duration.map(agw_api::Duration::get);
            Ok(KeySource::Remote {
                backend,
                path: path.into(),
                lifetime: lifetime.unwrap_or(LIFETIME).max(SHORTEST),
            })
        }
        _ => {
            let remedy = "write exactly one of `inline` and `remote`";
            Err(place.refuse("", "it is not said where the keys are", remedy))
        }
    }
}
