//! The proxy's own credentials on requests to a provider.

use agw_core::backend::{Auth, ProviderKind};
use http::{HeaderMap, HeaderName, header};

/// Headers in which clients carry keys: none of them reaches a provider that has its own key.
const CLIENT_KEYS: [HeaderName; 5] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
    header::COOKIE,
];

/// Puts the backend's credential on a request for `provider`, or what the client sent when the
/// backend asks for that. Without any `auth` the client's own key goes through: it is how a
/// keyless gateway in front of a provider works.
pub(crate) fn authorize(headers: &mut HeaderMap, provider: ProviderKind, auth: Option<&Auth>) {
    let Some(Auth::Key(key)) = auth else { return };
    for name in &CLIENT_KEYS {
        headers.remove(name);
    }
    // A key that is no header value is refused with the manifest that brings it; without the
    // header the provider refuses the request.
    if let Ok(credential) = agw_ai::dialect::of(provider).credential(key.expose()) {
        headers.insert(credential.name, credential.value);
    }
}

/// `Authorization: Bearer <key>` on a request to a plain backend with a key.
pub(crate) fn authorize_plain(headers: &mut HeaderMap, auth: Option<&Auth>) {
    if auth.is_some() {
        authorize(headers, ProviderKind::OpenAi, auth);
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
        authorize(
            &mut headers,
            ProviderKind::OpenAi,
            Some(&Auth::Key(Secret::new("sk-own"))),
        );
        assert_eq!(headers["authorization"], "Bearer sk-own");
        assert!(headers["authorization"].is_sensitive());
        assert!(!headers.contains_key("x-api-key"));
    }

    #[test]
    fn passthrough_keeps_the_clients_key() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer client".parse().unwrap());
        authorize(&mut headers, ProviderKind::OpenAi, Some(&Auth::Passthrough));
        assert_eq!(headers["authorization"], "Bearer client");
    }
}
