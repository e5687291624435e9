//! The proxy's own credentials on requests to a provider.

use std::sync::Arc;
use std::time::SystemTime;

use agw_ai::dialect::bedrock::SERVICE;
use agw_ai::dialect::{Credential, Dialect};
use agw_ai::sigv4::{AwsCredentials, Scope, SignedRequest, payload_hash, sign};
use agw_core::backend::{Auth, ProviderKind};
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// Headers in which clients carry keys: none of them reaches a provider that has its own key.
const CLIENT_KEYS: [HeaderName; 5] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
    header::COOKIE,
];

/// Whose credential goes to a backend. Without any `auth` the client's own key goes through: it is
/// how a keyless gateway in front of a provider works.
#[derive(Debug)]
pub(crate) enum Authorization {
    Client,
    /// The backend's own. A key that is no header value is refused with the manifest that brings
    /// it; without the header the provider refuses the request.
    Own(Option<Credential>),
    /// Each request is signed.
    Aws(Box<AwsSigner>),
}

/// A key of AWS, and where its signatures are good.
#[derive(Debug)]
pub(crate) struct AwsSigner {
    credentials: AwsCredentials,
    region: Arc<str>,
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
    pub(crate) fn new(provider: ProviderKind, auth: Option<&Auth>) -> Self {
        match auth {
            Some(Auth::Key(key)) => {
                Self::Own(agw_ai::dialect::of(provider).credential(key.expose()).ok())
            }
            Some(Auth::Aws(key)) => Self::Aws(Box::new(AwsSigner {
                credentials: AwsCredentials {
                    access_key: key.id.expose().to_owned(),
                    secret_key: key.secret.clone(),
                    session_token: key.session.clone(),
                },
                region: key.region.clone(),
            })),
            Some(Auth::Passthrough) | None => Self::Client,
        }
    }

    /// Puts the credential on a request.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        let credential = match self {
            Self::Client => return,
            Self::Own(credential) => credential.as_ref(),
            Self::Aws(_) => None,
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
        let Self::Aws(signer) = self else { return };
        let signed = SignedRequest {
            method: request.method.as_str(),
            host: request.host,
            path: request.target.path(),
            query: request.target.query().unwrap_or_default(),
            headers: &[],
            payload_hash: &payload_hash(request.pieces.iter().map(|piece| &piece[..])),
        };
        let scope = Scope {
            region: &signer.region,
            service: SERVICE,
        };
        if let Ok(signature) = sign(&signed, scope, &signer.credentials, SystemTime::now()) {
            headers.extend(signature.headers());
        }
    }

    /// Puts the client's own key where a provider of another dialect than the client's takes it.
    pub(crate) fn respell(&self, headers: &mut HeaderMap, dialect: &dyn Dialect) {
        let Self::Client = self else { return };
        let key = CLIENT_KEYS
            .iter()
            .filter(|name| **name != header::COOKIE)
            .filter_map(|name| headers.get(name))
            .find_map(|value| value.to_str().ok());
        if let Some(credential) = key.and_then(|key| dialect.credential(key).ok()) {
            Self::Own(Some(credential)).apply(headers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agw_core::secret::Secret;

    #[test]
    fn the_clients_key_never_reaches_a_provider_that_has_its_own() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer client".parse().unwrap());
        headers.insert("x-api-key", "client".parse().unwrap());
        headers.append("authorization", "Bearer another".parse().unwrap());
        let key = Auth::Key(Secret::new("sk-own"));
        Authorization::new(ProviderKind::OpenAi, Some(&key)).apply(&mut headers);
        assert_eq!(headers.get_all("authorization").iter().count(), 1);
        assert_eq!(headers["authorization"], "Bearer sk-own");
        assert!(headers["authorization"].is_sensitive());
        assert!(!headers.contains_key("x-api-key"));
    }

    #[test]
    fn passthrough_keeps_the_clients_key() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer client".parse().unwrap());
        Authorization::new(ProviderKind::OpenAi, Some(&Auth::Passthrough)).apply(&mut headers);
        assert_eq!(headers["authorization"], "Bearer client");
    }
}
