//! The proxy's own credentials on requests to a provider.

mod place;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use agw_ai::dialect::bedrock::SERVICE;
use agw_ai::dialect::{Credential, Dialect};
use agw_ai::sigv4::{AwsCredentials, Scope, SignedRequest, payload_hash, sign};
use agw_core::backend::{Auth, KeyPlace, ProviderKind};
use agw_core::cloud::GcpToken;
use agw_core::secret::Secret;
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::credentials::{AwsSource, BearerSource, Holder, Sources, Via};
use crate::error::Error;

/// Headers in which clients carry keys: none of them reaches a provider that has its own key.
const CLIENT_KEYS: [HeaderName; 5] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
    header::COOKIE,
];

/// Whose credential goes to a backend. The client's own goes to no provider unless its manifest
/// says so: it may be good at another.
#[derive(Debug)]
pub(crate) enum Authorization {
    Client,
    /// The backend's own, if it has one. A key that is no header value is refused with the manifest
    /// that brings it; without the header the provider refuses the request.
    Own(Option<Credential>),
    /// A key in a place of its own; without one, the client's.
    At(Option<Secret>, KeyPlace),
    /// A token that is fetched.
    Bearer(BearerSource),
    /// Each request is signed.
    Aws(AwsKeys, Arc<str>),
}

/// Where the key is from that signs.
#[derive(Debug)]
pub(crate) enum AwsKeys {
    Own(Arc<AwsCredentials>),
    Ambient(AwsSource),
}

/// What one request proves itself with.
#[derive(Debug)]
pub(crate) enum Proof<'a> {
    Client,
    Own(Option<Cow<'a, Credential>>),
    At(Option<&'a Secret>, &'a KeyPlace),
    /// A key of AWS, and where its signatures are good.
    Aws(Arc<AwsCredentials>, &'a str),
}

/// What a signature covers.
#[derive(Clone, Copy)]
pub(crate) struct Unsigned<'a> {
    pub(crate) method: &'a Method,
    pub(crate) host: &'a str,
    pub(crate) target: &'a PathAndQuery,
    pub(crate) pieces: &'a [Bytes],
}

impl Authorization {
    /// `host` is the backend's. Credentials that `before` has are taken over.
    pub(crate) fn new(
        provider: ProviderKind,
        auth: Option<&Auth>,
        host: &str,
        sources: &mut Sources,
        before: Option<&Sources>,
    ) -> Self {
        match auth {
            Some(Auth::Key(key)) => {
                Self::Own(agw_ai::dialect::of(provider).credential(key.expose()).ok())
            }
            Some(Auth::Aws(key)) => {
                let credentials = AwsCredentials {
                    access_key: key.id.expose().to_owned(),
                    secret_key: key.secret.clone(),
                    session_token: key.session.clone(),
                };
                Self::Aws(AwsKeys::Own(Arc::new(credentials)), key.region.clone())
            }
            Some(Auth::AwsAmbient(region)) => Self::Aws(
                AwsKeys::Ambient(sources.aws(region, before)),
                region.clone(),
            ),
            Some(Auth::Gcp(auth)) => {
                let mut auth = (**auth).clone();
                if let GcpToken::Id { audience } = &mut auth.token {
                    audience.get_or_insert_with(|| format!("https://{host}").into());
                }
                Self::Bearer(sources.bearer(Holder::Gcp(auth), before))
            }
            Some(Auth::Azure(auth)) => {
                Self::Bearer(sources.bearer(Holder::Azure((**auth).clone()), before))
            }
            Some(Auth::AwsRole(role)) => Self::Aws(
                AwsKeys::Ambient(sources.role(role, before)),
                role.region.clone(),
            ),
            Some(Auth::Passthrough) => Self::Client,
            Some(Auth::KeyAt(at)) => Self::At(Some(at.0.clone()), at.1.clone()),
            Some(Auth::PassthroughAt(place)) => Self::At(None, (**place).clone()),
            None => Self::Own(None),
        }
    }

    /// What a request proves itself with now. Fails where that must be fetched and cannot be.
    pub(crate) async fn prove(&self, via: Via<'_>) -> Result<Proof<'_>, Error> {
        Ok(match self {
            Self::Client => Proof::Client,
            Self::Own(credential) => Proof::Own(credential.as_ref().map(Cow::Borrowed)),
            Self::At(key, place) => Proof::At(key.as_ref(), place),
            Self::Bearer(source) => Proof::Own(Some(Cow::Owned(source.get(via).await?))),
            Self::Aws(AwsKeys::Own(key), region) => Proof::Aws(key.clone(), region),
            Self::Aws(AwsKeys::Ambient(source), region) => {
                Proof::Aws(source.get(via).await?, region)
            }
        })
    }
}

impl Proof<'_> {
    /// Puts the credential on a request.
    pub(crate) fn apply(&self, target: &mut PathAndQuery, headers: &mut HeaderMap) {
        let credential = match self {
            Self::Client => return,
            Self::At(key, place) => {
                let key = key.map(|key| key.expose().to_owned());
                let key = key.or_else(|| clients_key(headers).map(str::to_owned));
                for name in &CLIENT_KEYS {
                    headers.remove(name);
                }
                if let Some(key) = key {
                    place::put(&key, place, target, headers);
                }
                return;
            }
            Self::Own(credential) => credential.as_deref(),
            Self::Aws(..) => None,
        };
        // What is replaced need not be removed.
        let replaced = credential.map(|c| &c.name);
        let foreign: Vec<HeaderName> = headers
            .keys()
            .filter(|name| CLIENT_KEYS.contains(name) && Some(*name) != replaced)
            .cloned()
            .collect();
        for name in foreign {
            headers.remove(name);
        }
        if let Some(credential) = credential {
            headers.insert(credential.name.clone(), credential.value.clone());
            if let Some(companion) = credential.companion {
                let value = HeaderValue::from_static(companion.value);
                headers.append(HeaderName::from_static(companion.name), value);
            }
        }
    }

    /// Signs a request that is complete but for the proof of who sends it. A key that is no header
    /// value leaves it unsigned, and the provider refuses it.
    pub(crate) fn sign(&self, request: Unsigned<'_>, headers: &mut HeaderMap) {
        let Self::Aws(key, region) = self else { return };
        let signed = SignedRequest {
            method: request.method.as_str(),
            host: request.host,
            path: request.target.path(),
            query: request.target.query().unwrap_or_default(),
            headers: &[],
            payload_hash: &payload_hash(request.pieces.iter().map(|piece| &piece[..])),
        };
        let scope = Scope {
            region,
            service: SERVICE,
        };
        if let Ok(signature) = sign(&signed, scope, key, SystemTime::now()) {
            headers.extend(signature.headers());
        }
    }

    /// Puts the client's own key where a provider of another dialect than the client's takes it.
    pub(crate) fn respell(&self, headers: &mut HeaderMap, dialect: &dyn Dialect) {
        let Self::Client = self else { return };
        let key = clients_key(headers);
        if let Some(credential) = key.and_then(|key| dialect.credential(key).ok()) {
            let mut nowhere = PathAndQuery::from_static("/");
            Proof::Own(Some(Cow::Owned(credential))).apply(&mut nowhere, headers);
        }
    }
}

/// The key that a client sent, with the scheme before it.
fn clients_key(headers: &HeaderMap) -> Option<&str> {
    let names = CLIENT_KEYS
        .into_iter()
        .filter(|name| *name != header::COOKIE);
    names
        .filter_map(|name| headers.get(name))
        .find_map(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_key_never_reaches_a_provider_that_has_its_own() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer client".parse().unwrap());
        headers.insert("x-api-key", "client".parse().unwrap());
        headers.append("authorization", "Bearer another".parse().unwrap());
        let own = agw_ai::dialect::of(ProviderKind::OpenAi).credential("sk-own");
        let mut target = PathAndQuery::from_static("/");
        Proof::Own(own.ok().map(Cow::Owned)).apply(&mut target, &mut headers);
        assert_eq!(headers.get_all("authorization").iter().count(), 1);
        assert_eq!(headers["authorization"], "Bearer sk-own");
        assert!(headers["authorization"].is_sensitive());
        assert!(!headers.contains_key("x-api-key"));
    }

    #[test]
    fn passthrough_keeps_the_clients_key() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer client".parse().unwrap());
        let mut target = PathAndQuery::from_static("/");
        Proof::Client.apply(&mut target, &mut headers);
        assert_eq!(headers["authorization"], "Bearer client");
    }
}
