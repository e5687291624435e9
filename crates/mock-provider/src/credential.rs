//! Where requests carry credentials, and how they are told apart without being kept.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, request::Parts};
use sha2::{Digest, Sha256};

use crate::percent;

/// Headers that carry credentials, in the order in which they are looked for; their values are never kept.
const HEADERS: [&str; 7] = [
    "authorization",
    "proxy-authorization",
    "api-key",
    "x-api-key",
    "x-goog-api-key",
    "cookie",
    "x-amz-security-token",
];
/// How many of them identify a caller by themselves.
const IDENTIFYING: usize = 5;
/// Google's credential in the query.
const QUERY: &str = "key";

/// Fingerprints of all credentials of a request, by header name or `?key`.
pub(crate) fn all(parts: &Parts) -> BTreeMap<String, String> {
    let headers = HEADERS.iter().filter_map(|name| {
        let value = parts.headers.get(*name)?;
        Some(((*name).to_owned(), fingerprint(value.as_bytes())))
    });
    let query = query(parts).map(|key| ("?key".to_owned(), fingerprint(key.as_bytes())));
    headers.chain(query).collect()
}

/// The fingerprint of the credential that identifies the caller.
pub(crate) fn first(found: &BTreeMap<String, String>) -> Option<&String> {
    HEADERS[..IDENTIFYING]
        .iter()
        .find_map(|name| found.get(*name))
        .or_else(|| found.get("?key"))
}

pub(crate) fn is_header(name: &HeaderName) -> bool {
    HEADERS.contains(&name.as_str())
}

/// Path and query without credentials.
pub(crate) fn redacted_path(parts: &Parts) -> String {
    let path = parts.uri.path();
    let Some(query) = parts.uri.query() else {
        return path.to_owned();
    };
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((QUERY, _)) => format!("{QUERY}=REDACTED"),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{path}?{}", pairs.join("&"))
}

/// The key of `Authorization: Bearer …`, or its whole value under another scheme.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let key = bare(headers.get("authorization")?.as_bytes());
    (!key.is_empty()).then_some(key)
}

/// The value of a header, if there is one that is not blank.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let key = headers.get(name)?.as_bytes().trim_ascii();
    (!key.is_empty()).then_some(key)
}

/// The key in the query, if it is not blank.
pub(crate) fn query(parts: &Parts) -> Option<String> {
    let pairs = parts.uri.query()?.split('&');
    let (_, key) = pairs
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| *name == QUERY)?;
    Some(percent::decode(key)).filter(|key| !key.trim().is_empty())
}

/// A credential without its scheme.
fn bare(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    match value.split_at_checked(6) {
        Some((scheme, key))
            if scheme.eq_ignore_ascii_case(b"bearer")
                && key.first().is_none_or(u8::is_ascii_whitespace) =>
        {
            key.trim_ascii()
        }
        _ => value,
    }
}

/// The part of a credential that stays the same from request to request: of an AWS signature, the access key id.
fn lasting(value: &[u8]) -> &[u8] {
    const SCHEME: &[u8] = b"AWS4-HMAC-SHA256 ";
    const FIELD: &[u8] = b"Credential=";
    let key = bare(value);
    if !key.starts_with(SCHEME) {
        return key;
    }
    match key.windows(FIELD.len()).position(|part| part == FIELD) {
        Some(start) => {
            let scope = &key[start + FIELD.len()..];
            scope.split(|byte| *byte == b'/').next().unwrap_or(scope)
        }
        None => key,
    }
}

fn fingerprint(value: &[u8]) -> String {
    Sha256::digest(lasting(value))
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(path: &str, headers: &[(&str, &str)]) -> Parts {
        let request = headers
            .iter()
            .fold(Request::get(path), |request, (name, value)| {
                request.header(*name, *value)
            });
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn sees_every_credential_wherever_it_is() {
        let parts = parts(
            "/v1beta/models?alt=sse&key=g-secret",
            &[("authorization", "Bearer sk-1"), ("x-api-key", "sk-2")],
        );
        let found = all(&parts);
        assert_eq!(
            found.keys().collect::<Vec<_>>(),
            ["?key", "authorization", "x-api-key"]
        );
        assert_eq!(first(&found), found.get("authorization"));
        assert_eq!(found["x-api-key"], fingerprint(b"sk-2"));
        assert_eq!(found["authorization"], fingerprint(b"sk-1"));
        assert_eq!(redacted_path(&parts), "/v1beta/models?alt=sse&key=REDACTED");
    }

    #[test]
    fn knows_a_signer_by_its_access_key() {
        let signed = |signature: &str| {
            let value = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature={signature}"
            );
            all(&parts("/", &[("authorization", &value)]))["authorization"].clone()
        };
        assert_eq!(signed("aa"), signed("bb"));
        assert_eq!(signed("aa"), fingerprint(b"AKIDEXAMPLE"));
    }

    #[test]
    fn a_blank_key_is_none() {
        let headers = parts(
            "/?key=",
            &[("authorization", "Bearer "), ("x-api-key", " ")],
        );
        assert_eq!(bearer(&headers.headers), None);
        assert_eq!(header(&headers.headers, "x-api-key"), None);
        assert_eq!(query(&headers), None);
    }
}
