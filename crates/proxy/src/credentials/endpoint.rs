//! Asking a token endpoint.

use std::rc::Rc;
use std::time::Duration;

use agw_core::backend::{AppProtocol, Endpoint, UpstreamTls, Verify};
use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};

use super::error::MintError;
use crate::body::{Collected, collect};
use crate::upstream::{Connector, Outbound, Payload, Pool, PoolKey, describe, host_header, send};

/// What a token endpoint says is smaller.
const ANSWER_LIMIT: usize = 256 << 10;
/// Nothing else is worth waiting for.
const WITHIN: Duration = Duration::from_secs(5);

/// The connections of the thread that asks.
#[derive(Clone, Copy)]
pub(crate) struct Via<'a> {
    pub(crate) pool: &'a Rc<Pool>,
    pub(crate) connector: &'a Rc<Connector>,
}

/// The same, kept.
pub(crate) struct TokenEndpoints {
    pool: Rc<Pool>,
    connector: Rc<Connector>,
}

/// A question to a token endpoint.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) url: &'a str,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) form: Option<String>,
}

/// What was said, by whom.
pub(crate) struct Answer {
    pub(super) host: String,
    pub(crate) body: Bytes,
}

impl<'a> Ask<'a> {
    pub(super) fn get(url: &'a str) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: Vec::new(),
            form: None,
        }
    }

    /// With `fields` as a form.
    pub(super) fn post(url: &'a str, fields: &[(&str, &str)]) -> Self {
        Self {
            method: Method::POST,
            form: Some(form(fields)),
            ..Self::get(url)
        }
    }

    pub(super) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn outbound(self) -> Result<(PoolKey, Outbound), MintError> {
        let (endpoint, target) = place(self.url)?;
        let bad = || MintError::Address(endpoint.host.to_string());
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let agent = HeaderValue::from_static("agentgateway");
        headers.insert(header::USER_AGENT, agent);
        for (name, value) in self.headers {
            let mut value = HeaderValue::try_from(value)
                .map_err(|_| MintError::Unusable("a token that no header can hold"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let mut pieces = Vec::new();
        if let Some(form) = self.form {
            const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(header::CONTENT_TYPE, FORM);
            headers.insert(header::CONTENT_LENGTH, form.len().into());
            pieces.push(form.into());
        }
        let outbound = Outbound {
            method: self.method,
            target,
            authority: Authority::try_from(host_header(&endpoint)).map_err(|_| bad())?,
            headers,
            upgrade: None,
            payload: Payload::Pieces(pieces),
        };
        let key = PoolKey {
            endpoint,
            protocol: AppProtocol::Http1,
        };
        Ok((key, outbound))
    }
}

impl From<Via<'_>> for TokenEndpoints {
    fn from(via: Via<'_>) -> Self {
        Self {
            pool: via.pool.clone(),
            connector: via.connector.clone(),
        }
    }
}

impl TokenEndpoints {
    /// What a server has under `path`.
    pub(crate) async fn get(&self, endpoint: &Endpoint, path: &str) -> Result<Answer, MintError> {
        let host = endpoint.host.to_string();
        let bad = |_| MintError::Address(host.clone());
        let accepted = HeaderValue::from_static("application/json");
        let agent = HeaderValue::from_static("agentgateway");
        let outbound = Outbound {
            method: Method::GET,
            target: PathAndQuery::try_from(path).map_err(|_| MintError::Address(host.clone()))?,
            authority: Authority::try_from(host_header(endpoint)).map_err(bad)?,
            headers: HeaderMap::from_iter([
                (header::ACCEPT, accepted),
                (header::USER_AGENT, agent),
            ]),
            upgrade: None,
            payload: Payload::Pieces(Vec::new()),
        };
        let key = PoolKey {
            endpoint: endpoint.clone(),
            protocol: AppProtocol::Http1,
        };
        self.within(key, outbound).await
    }

    /// The answer to `ask`, which is a success.
    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Answer, MintError> {
        let (key, outbound) = ask.outbound()?;
        self.within(key, outbound).await
    }

    async fn within(&self, key: PoolKey, outbound: Outbound) -> Result<Answer, MintError> {
        let host = key.endpoint.host.to_string();
        match tokio::time::timeout(WITHIN, self.answer(key, outbound, &host)).await {
            Ok(answer) => answer.map(|body| Answer { host, body }),
            Err(_) => Err(MintError::Slow {
                host,
                within: WITHIN,
            }),
        }
    }

    async fn answer(
        &self,
        key: PoolKey,
        outbound: Outbound,
        host: &str,
    ) -> Result<Bytes, MintError> {
        let host = || host.to_owned();
        let unreachable = |cause| MintError::Unreachable {
            host: host(),
            cause,
        };
        let response = send(&self.pool, &self.connector, key, outbound)
            .await
            .map_err(|error| unreachable(describe(&error)))?;
        let (parts, body) = response.into_parts();
        let body = match collect(body, ANSWER_LIMIT, WITHIN).await {
            Collected::Whole(body) => body,
            Collected::TooLarge => {
                return Err(MintError::NoToken {
                    host: host(),
                    why: "the answer is too large",
                });
            }
            Collected::Stalled => return Err(unreachable("the answer stalled".to_owned())),
            Collected::Failed(error) => return Err(unreachable(describe(&error))),
        };
        match parts.status {
            StatusCode::OK | StatusCode::CREATED => Ok(body),
            status => Err(MintError::Refused {
                host: host(),
                status,
                code: code(&body),
            }),
        }
    }
}

impl Answer {
    /// The members of a JSON object.
    pub(super) fn object(&self) -> Result<serde_json::Map<String, serde_json::Value>, MintError> {
        serde_json::from_slice(&self.body).map_err(|_| self.no_token("it is not a JSON object"))
    }

    pub(crate) fn no_token(&self, why: &'static str) -> MintError {
        MintError::NoToken {
            host: self.host.clone(),
            why,
        }
    }
}

/// The `Host` of questions to a URL, and what they ask there for.
pub(super) fn addressed(url: &str) -> Result<(String, PathAndQuery), MintError> {
    let (endpoint, target) = place(url)?;
    Ok((host_header(&endpoint), target))
}

/// Where a URL leads.
fn place(url: &str) -> Result<(Endpoint, PathAndQuery), MintError> {
    // Only the host is told: the rest may hold what is not for a log.
    let uri =
        Uri::try_from(url).map_err(|_| MintError::Address("what is configured".to_owned()))?;
    let host = uri.host().unwrap_or_default().to_owned();
    let tls = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => Some(UpstreamTls::new(Verify::Full)),
        Some(scheme) if *scheme == Scheme::HTTP => None,
        _ => return Err(MintError::Address(host)),
    };
    let usual = if tls.is_some() { 443 } else { 80 };
    let endpoint = Endpoint {
        host: host.trim_matches(['[', ']']).into(),
        port: uri.port_u16().unwrap_or(usual),
        tls,
    };
    let target = uri.path_and_query().cloned();
    Ok((endpoint, target.unwrap_or(PathAndQuery::from_static("/"))))
}

/// The name of an error as OAuth (RFC 6749 §5.2) and AWS say it; what explains it may quote
/// anything.
fn code(body: &[u8]) -> Option<String> {
    let plain = |code: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        (!code.is_empty() && code.len() <= 64 && code.chars().all(plain)).then(|| code.to_owned())
    };
    let text = std::str::from_utf8(body).ok()?;
    if let Some(code) = tag(text, "Code") {
        return plain(code);
    }
    let body: serde_json::Value = serde_json::from_str(text).ok()?;
    let code = body.get("error").or_else(|| body.get("code"))?;
    plain(code.as_str()?)
}

/// The text of an XML element that holds nothing but text.
pub(super) fn tag<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inner, _) = rest.split_once(&format!("</{name}>"))?;
    (!inner.contains(['<', '&'])).then_some(inner)
}

/// `application/x-www-form-urlencoded`, with escapes for all but RFC 3986's unreserved characters.
pub(super) fn form(fields: &[(&str, &str)]) -> String {
    let pairs = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lead_to_endpoints() {
        let found = |url| {
            let (endpoint, target) = place(url).unwrap();
            let tls = endpoint.tls.is_some();
            (
                endpoint.host.to_string(),
                endpoint.port,
                tls,
                target.to_string(),
            )
        };
        let table = [
            (
                "https://a.example/token?x=1",
                ("a.example", 443, true, "/token?x=1"),
            ),
            (
                "http://169.254.169.254",
                ("169.254.169.254", 80, false, "/"),
            ),
            (
                "http://[fd00:ec2::254]:81/x",
                ("fd00:ec2::254", 81, false, "/x"),
            ),
        ];
        for (url, (host, port, tls, target)) in table {
            assert_eq!(found(url), (host.to_owned(), port, tls, target.to_owned()));
        }
        for url in ["ftp://a/", "a.example", "/token", "https://"] {
            assert!(place(url).is_err(), "{url}");
        }
    }

    #[test]
    fn errors_are_named_and_not_quoted() {
        let table: [(&str, Option<&str>); 5] = [
            (
                r#"{"error":"invalid_grant","error_description":"canary"}"#,
                Some("invalid_grant"),
            ),
            (
                "<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>canary</Message>",
                Some("ExpiredTokenException"),
            ),
            (r#"{"error":"said canary to you"}"#, None),
            (r#"{"error":{"message":"canary"}}"#, None),
            ("canary", None),
        ];
        for (body, expected) in table {
            assert_eq!(code(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn forms_escape_what_would_part_them() {
        let form = form(&[("a", "x&y=z +%"), ("b", "ü-._~")]);
        assert_eq!(form, "a=x%26y%3Dz%20%2B%25&b=%C3%BC-._~");
    }
}
