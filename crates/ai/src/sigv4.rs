//! AWS Signature Version 4: the headers that prove who asks.
//!
//! ```text
//! sign(request, scope, credentials, time) ─> authorization, x-amz-date, x-amz-security-token
//! ```
//!
//! What is signed must be sent as it was signed: path, query, host and the headers that were named.

mod canonical;

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agw_core::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{AUTHORIZATION, InvalidHeaderValue};
use http::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Who asks.
#[derive(Clone, PartialEq, Eq)]
pub struct AwsCredentials {
    pub access_key: String,
    pub secret_key: Secret,
    /// Of credentials that expire.
    pub session_token: Option<Secret>,
}

/// What a signature is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope<'a> {
    pub region: &'a str,
    pub service: &'a str,
}

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    pub method: &'a str,
    /// As in the `Host` header.
    pub host: &'a str,
    /// As it is sent, escapes included; without query.
    pub path: &'a str,
    pub query: &'a str,
    /// Headers to sign beside the host and those that signing adds.
    pub headers: &'a [(&'a str, &'a str)],
    /// See [`payload_hash`].
    pub payload_hash: &'a str,
}

/// The headers to send with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Sensitive: it never prints.
    pub authorization: HeaderValue,
    pub date: HeaderValue,
    pub token: Option<HeaderValue>,
}

impl fmt::Debug for AwsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsCredentials")
            .field("expire", &self.session_token.is_some())
            .finish_non_exhaustive()
    }
}

impl Signature {
    /// The headers by name.
    pub fn headers(self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let token = self.token.map(|token| (TOKEN, token));
        [(AUTHORIZATION, self.authorization), (DATE, self.date)]
            .into_iter()
            .chain(token)
    }
}

/// The hash of a body that is sent in these pieces.
pub fn payload_hash<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> String {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update(piece);
    }
    hex(&hash.finalize())
}

/// Signs `request` at `time`. Fails on credentials that no header can hold.
pub fn sign(
    request: &SignedRequest<'_>,
    scope: Scope<'_>,
    credentials: &AwsCredentials,
    time: SystemTime,
) -> Result<Signature, InvalidHeaderValue> {
    let (date, moment) = stamp(time);
    let token = credentials.session_token.as_ref().map(Secret::expose);
    let (canonical, names) = canonical::request(request, &moment, token);
    let Scope { region, service } = scope;
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let hash = hex(&Sha256::digest(canonical));
    let text = format!("{ALGORITHM}\n{moment}\n{scope}\n{hash}");
    let first = format!("AWS4{}", credentials.secret_key.expose());
    let key = [&*date, region, service, "aws4_request"]
        .into_iter()
        .fold(first.into_bytes(), |key, part| mac(&key, part));
    let signature = hex(&mac(&key, &text));
    let access_key = &credentials.access_key;
    let authorization = format!(
        "{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    );
    Ok(Signature {
        authorization: sensitive(authorization)?,
        date: HeaderValue::try_from(moment)?,
        token: token.map(str::to_owned).map(sensitive).transpose()?,
    })
}

fn sensitive(text: String) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::try_from(text)?;
    value.set_sensitive(true);
    Ok(value)
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("keys of all lengths are taken");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Such as `20150830` and `20150830T123600Z`. Times that no calendar has are its start.
fn stamp(time: SystemTime) -> (String, String) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let seconds = i64::try_from(since.as_secs()).unwrap_or(0);
    let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    let date = format!("{year:04}{month:02}{day:02}");
    let (hour, minute, second) = at.to_hms();
    let moment = format!("{date}T{hour:02}{minute:02}{second:02}Z");
    (date, moment)
}

fn hex(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(HEX[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests;
