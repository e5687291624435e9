//! JSON Web Tokens (RFC 7519), as far as service accounts need them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Map, Value, json};

use super::error::MintError;

/// `claims`, signed with an RSA key in PEM (`RS256`, RFC 7518 §3.3).
pub(super) fn rs256(pem: &str, key_id: Option<&str>, claims: &Value) -> Result<String, MintError> {
    const BAD: MintError = MintError::Unusable("the service account's key is no RSA key in PEM");
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| BAD)?;
    let key = any_supported_type(&key).map_err(|_| BAD)?;
    let schemes = [SignatureScheme::RSA_PKCS1_SHA256];
    let signer = key.choose_scheme(&schemes).ok_or(BAD)?;
    let mut head = json!({ "alg": "RS256", "typ": "JWT" });
    if let Some(id) = key_id {
        head["kid"] = id.into();
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&head), part(claims));
    let signature = signer.sign(signed.as_bytes()).map_err(|_| BAD)?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// When a token says that it ends. Whether it is genuine is not looked at: it was asked for.
pub(super) fn expiry(token: &str) -> Option<SystemTime> {
    let claims = token.split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: Map<String, Value> = serde_json::from_slice(&claims).ok()?;
    let seconds = claims.get("exp")?.as_u64()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Whole seconds since 1970.
pub(super) fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_when_it_ends() {
        let token =
            |claims: Value| format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let ends = expiry(&token(json!({"exp": 1_700_000_000})));
        assert_eq!(ends.map(seconds), Some(1_700_000_000));
        for other in [token(json!({})), "opaque".to_owned(), "a.b.c".to_owned()] {
            assert_eq!(expiry(&other), None, "{other}");
        }
    }

    #[test]
    fn a_key_that_cannot_sign_is_not_quoted() {
        let pem = "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----";
        for pem in [pem, "canary"] {
            let error = rs256(pem, None, &json!({})).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }
}
