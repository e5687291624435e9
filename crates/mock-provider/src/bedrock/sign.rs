//! AWS Signature Version 4, judged: its form always, its value where the secret is known.

use http::{HeaderMap, request::Parts};
use sha2::{Digest, Sha256};

use crate::{
    credential,
    error::ApiError,
    settings::{KeyCheck, Settings},
};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "bedrock";
/// The block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// The fields of an `Authorization` header.
#[derive(Debug)]
struct Signature<'a> {
    key_id: &'a str,
    /// `20260101/us-east-1/bedrock/aws4_request`
    scope: &'a str,
    day: &'a str,
    region: &'a str,
    headers: Vec<&'a str>,
    value: &'a str,
}

/// Checks who sends a request: by a signature, or by an API key of Bedrock's.
pub(super) fn admit(
    parts: &Parts,
    body: Option<&[u8]>,
    settings: &Settings,
) -> Result<(), ApiError> {
    let header = parts.headers.get("authorization");
    let value = header
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let Some(fields) = value.strip_prefix(ALGORITHM) else {
        let keyed = value
            .get(..7)
            .is_some_and(|s| s.eq_ignore_ascii_case("bearer "))
            && credential::bearer(&parts.headers).is_some();
        return match settings.require_key {
            KeyCheck::Required if !keyed => Err(ApiError::MissingKey),
            _ => Ok(()),
        };
    };
    let signature = Signature::parse(fields)?;
    let date = signature.check(&parts.headers)?;
    let known = settings
        .aws_keys
        .iter()
        .find(|key| key.id == signature.key_id);
    match (known, body) {
        (Some(key), Some(body)) if signature.of(parts, body, date, &key.secret) != signature.value => {
            Err(ApiError::BadKey {
                kind: "InvalidSignatureException",
                message: "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.".to_owned(),
            })
        }
        _ => Ok(()),
    }
}

fn incomplete(message: impl Into<String>) -> ApiError {
    ApiError::BadKey {
        kind: "IncompleteSignatureException",
        message: message.into(),
    }
}

// === impl Signature ===

impl<'a> Signature<'a> {
    fn parse(fields: &'a str) -> Result<Self, ApiError> {
        let field = |name: &str| {
            fields
                .split(',')
                .filter_map(|field| field.trim().split_once('='))
                .find(|(given, _)| *given == name)
                .map(|(_, value)| value.trim())
                .filter(|value| !value.is_empty())
                .ok_or_else(|| {
                    incomplete(format!("Authorization header requires '{name}' parameter."))
                })
        };
        let credential = field("Credential")?;
        let bad_scope = || {
            incomplete(
                "Credential should be scoped to a valid region and to the service 'bedrock'.",
            )
        };
        let (key_id, scope) = credential.split_once('/').ok_or_else(bad_scope)?;
        let parts: Vec<&str> = scope.split('/').collect();
        let [day, region, SERVICE, "aws4_request"] = parts.as_slice() else {
            return Err(bad_scope());
        };
        if region.is_empty() || key_id.is_empty() {
            return Err(bad_scope());
        }
        let value = field("Signature")?;
        if value.len() != 64 || !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(incomplete("Signature must be 64 hexadecimal digits."));
        }
        Ok(Self {
            key_id,
            scope,
            day,
            region,
            headers: field("SignedHeaders")?.split(';').collect(),
            value,
        })
    }

    /// The time of signing, once what has to be signed is.
    fn check<'h>(&self, headers: &'h HeaderMap) -> Result<&'h str, ApiError> {
        let date = headers
            .get("x-amz-date")
            .and_then(|date| date.to_str().ok())
            .ok_or_else(|| {
                incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
            })?;
        let formed = date.len() == 16 && date.as_bytes()[8] == b'T' && date.ends_with('Z');
        if !formed || !date.starts_with(self.day) {
            return Err(incomplete(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP",
            ));
        }
        let amazon = headers
            .keys()
            .map(http::HeaderName::as_str)
            .filter(|name| name.starts_with("x-amz-"));
        for name in ["host"].into_iter().chain(amazon) {
            if !self.headers.contains(&name) {
                return Err(incomplete(format!(
                    "'{name}' must be a 'SignedHeader' in the AWS Authorization."
                )));
            }
        }
        if !self.headers.is_sorted() {
            return Err(incomplete("SignedHeaders must be sorted."));
        }
        Ok(date)
    }

    /// The signature as it should be, in lower-case hexadecimal digits.
    fn of(&self, parts: &Parts, body: &[u8], date: &str, secret: &str) -> String {
        let hash = hex(&Sha256::digest(canonical(parts, body, &self.headers)));
        let text = format!("{ALGORITHM}\n{date}\n{}\n{hash}", self.scope);
        let mut key = hmac(format!("AWS4{secret}").as_bytes(), self.day.as_bytes());
        for part in [self.region, SERVICE, "aws4_request"] {
            key = hmac(&key, part.as_bytes());
        }
        hex(&hmac(&key, text.as_bytes()))
    }
}

fn canonical(parts: &Parts, body: &[u8], headers: &[&str]) -> String {
    let mut query: Vec<String> = parts
        .uri
        .query()
        .into_iter()
        .flat_map(|query| query.split('&'))
        .map(|pair| match pair.contains('=') {
            true => pair.to_owned(),
            false => format!("{pair}="),
        })
        .collect();
    query.sort();
    let mut text = format!(
        "{}\n{}\n{}\n",
        parts.method,
        encode_again(parts.uri.path()),
        query.join("&")
    );
    for name in headers {
        text.push_str(&format!("{name}:{}\n", header_value(parts, name)));
    }
    let payload = hex(&Sha256::digest(body));
    text.push_str(&format!("\n{}\n{payload}", headers.join(";")));
    text
}

/// A path as it is sent, with all but its slashes encoded once more: of `%3A`, `%253A`.
fn encode_again(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The values of a header, each with runs of spaces made one. HTTP/2 has the host in the request line.
fn header_value(parts: &Parts, name: &str) -> String {
    let values: Vec<String> = parts
        .headers
        .get_all(name)
        .iter()
        .map(|value| {
            let value = String::from_utf8_lossy(value.as_bytes());
            value.split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect();
    match (values.is_empty(), name, parts.uri.authority()) {
        (true, "host", Some(authority)) => authority.to_string(),
        _ => values.join(","),
    }
}

/// HMAC-SHA-256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0; BLOCK];
    match key.len() {
        0..=BLOCK => block[..key.len()].copy_from_slice(key),
        _ => block[..32].copy_from_slice(&Sha256::digest(key)),
    }
    let inner = Sha256::new()
        .chain_update(block.map(|byte| byte ^ 0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(block.map(|byte| byte ^ 0x5c))
        .chain_update(inner)
        .finalize()
        .to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test cases 2 and 6.
    #[test]
    fn authenticates_as_published() {
        assert_eq!(
            hex(&hmac(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(&hmac(
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First"
            )),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn encodes_a_sent_path_once_more() {
        assert_eq!(
            encode_again("/model/a.b-v1%3A0/converse"),
            "/model/a.b-v1%253A0/converse"
        );
        assert_eq!(encode_again("/model/a:0"), "/model/a%3A0");
    }

    #[test]
    fn tells_malformed_headers() {
        let zeros = "0".repeat(64);
        for fields in [
            String::new(),
            format!(
                " Credential=A/20260101/r/s3/aws4_request, SignedHeaders=host, Signature={zeros}"
            ),
            format!(
                " Credential=A/20260101//bedrock/aws4_request, SignedHeaders=host, Signature={zeros}"
            ),
            " Credential=A/20260101/r/bedrock/aws4_request, SignedHeaders=host, Signature=00"
                .to_owned(),
            format!(" Credential=A/20260101/r/bedrock/aws4_request, Signature={zeros}"),
        ] {
            assert!(Signature::parse(&fields).is_err(), "{fields}");
        }
    }
}
