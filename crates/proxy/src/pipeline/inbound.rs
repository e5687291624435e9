//! A client's request, taken apart.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use agw_core::filter::{UrlRewrite, is_preflight};
use agw_core::matcher::{PathMatch, RequestHead};
use agw_core::request_path::normalize;
use agw_core::transform::Head;
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;

use crate::body::{ClientStream, Collected, collect};
use crate::connection::{Flight, Framing};
use crate::error::Error;
use crate::settings::Limits;

/// The request as the phases see and change it.
pub(crate) struct Inbound {
    pub(crate) method: Method,
    pub(crate) version: Version,
    /// Lower case, without port; what listeners and routes are matched on.
    pub(crate) host: String,
    /// Host and port as sent, or what a filter made of it: what a plain backend sees.
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: ClientBody,
    /// What is asked for, once it was looked for.
    pub(crate) model: Option<Arc<str>>,
    framing: Framing,
}

/// What the client sends after its head.
pub(crate) enum ClientBody {
    None,
    Coming(ClientStream),
    Held(Bytes),
    /// Given to an upstream, or lost with an error.
    Gone,
}

impl Inbound {
    pub(crate) fn new(request: Request<Incoming>, flight: Rc<Flight>, framing: Framing) -> Self {
        let (parts, body) = request.into_parts();
        let authority = parts.uri.authority().map(|a| a.as_str().to_owned());
        let authority = authority.unwrap_or_else(|| {
            let host = parts
                .headers
                .get(header::HOST)
                .and_then(|h| h.to_str().ok());
            host.unwrap_or_default().to_owned()
        });
        let body = if body.is_end_stream() {
            ClientBody::None
        } else {
            ClientBody::Coming(ClientStream::new(body, flight))
        };
        Self {
            method: parts.method,
            version: parts.version,
            host: without_port(&authority).to_ascii_lowercase(),
            authority,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            headers: parts.headers,
            body,
            model: None,
            framing,
        }
    }

    /// Refuses what RFC 9112 §3.2 calls a bad request: no host, or more than one. Gives the path
    /// its one spelling before anything is matched on it.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        if self.framing == Framing::Conflicting {
            return Err(Error::BadRequest(
                "the request has both Content-Length and Transfer-Encoding".to_owned(),
            ));
        }
        let hosts = self.headers.get_all(header::HOST).iter().count();
        if hosts > 1 {
            return Err(Error::BadRequest(
                "the request has more than one Host header".to_owned(),
            ));
        }
        if self.authority.is_empty() && self.version != Version::HTTP_10 {
            return Err(Error::BadRequest("the request has no host".to_owned()));
        }
        if self.path == "*" && self.method == Method::OPTIONS {
            return Ok(());
        }
        let normal = match normalize(&self.path) {
            Ok(Cow::Borrowed(_)) => return Ok(()),
            Ok(Cow::Owned(normal)) => normal,
            Err(error) => return Err(Error::BadRequest(error.to_string())),
        };
        self.path = normal;
        Ok(())
    }

    pub(crate) fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.method,
            host: &self.host,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
            model: self.model.as_deref(),
        }
    }

    /// What the client wants the connection to go on with instead of HTTP/1.1 (RFC 9110 §7.8). Not
    /// another version of HTTP: its requests would get past everything that is decided here.
    pub(crate) fn upgrade(&self) -> Option<HeaderValue> {
        let wanted = self.headers.get(header::UPGRADE)?;
        let once = self.headers.get_all(header::UPGRADE).iter().count() == 1;
        if !once || self.version != Version::HTTP_11 || self.has_body() {
            return None;
        }
        let connection = self.headers.get_all(header::CONNECTION).iter();
        let asked = connection
            .flat_map(|value| value.as_bytes().split(|&b| b == b','))
            .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"));
        let is_http = |protocol: &[u8]| {
            let name = protocol.split(|&b| b == b'/').next().unwrap_or_default();
            let name = name.trim_ascii();
            [&b"h2c"[..], b"h2", b"http"]
                .iter()
                .any(|http| name.eq_ignore_ascii_case(http))
        };
        let http = wanted.as_bytes().split(|&b| b == b',').any(is_http);
        (asked && !http).then(|| wanted.clone())
    }

    pub(crate) fn is_preflight(&self) -> bool {
        is_preflight(&self.method, &self.headers)
    }

    pub(crate) fn rewrite(&mut self, rewrite: &UrlRewrite, matched: &PathMatch) {
        if let Some(hostname) = &rewrite.hostname {
            self.authority = hostname.to_string();
        }
        if let Some(path) = &rewrite.path {
            self.path = path.apply(&self.path, matched).into_owned();
        }
    }

    /// Puts another value in the head. The new host is what is matched from here on.
    pub(crate) fn replace(&mut self, part: Head) {
        match part {
            Head::Path { path, query } => {
                self.path = path;
                self.query = query.or_else(|| self.query.take());
            }
            Head::Method(method) => self.method = method,
            Head::Authority(authority) => {
                self.host = without_port(&authority).to_ascii_lowercase();
                self.authority = authority;
            }
            Head::Status(_) => {}
        }
    }

    /// The path and query as they stand.
    pub(crate) fn target(&self) -> Result<PathAndQuery, Error> {
        target(&self.path, self.query.as_deref())
    }

    /// The whole body in memory, read at most once. `limit` is in bytes.
    pub(crate) async fn hold(&mut self, limits: &Limits, limit: usize) -> Result<Bytes, Error> {
        match std::mem::replace(&mut self.body, ClientBody::Gone) {
            ClientBody::None => {
                self.body = ClientBody::None;
                Ok(Bytes::new())
            }
            ClientBody::Held(bytes) => {
                self.body = ClientBody::Held(bytes.clone());
                Ok(bytes)
            }
            ClientBody::Coming(body) => match collect(body, limit, limits.client_body).await {
                Collected::Whole(bytes) => {
                    self.body = ClientBody::Held(bytes.clone());
                    Ok(bytes)
                }
                Collected::TooLarge => Err(Error::BodyTooLarge { limit }),
                Collected::Stalled => Err(Error::ClientTimeout),
                Collected::Failed(error) => Err(Error::ClientBody(error.to_string())),
            },
            ClientBody::Gone => Err(Error::ClientBody("the body was read before".to_owned())),
        }
    }

    /// Reads what little is left of the body, and drops it: a client that is still sending when its
    /// answer comes may take the answer for a broken connection. A long or slow rest is left.
    pub(crate) async fn discard(&mut self) {
        const MOST: usize = 256 << 10;
        const LONGEST: Duration = Duration::from_secs(1);
        if let ClientBody::Coming(body) = &mut self.body
            && body.size_hint().lower() <= MOST as u64
        {
            let rest = collect(body, MOST, LONGEST);
            let _ = tokio::time::timeout(LONGEST, rest).await;
        }
    }

    pub(crate) fn held(&self) -> Option<&Bytes> {
        match &self.body {
            ClientBody::Held(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(crate) fn has_body(&self) -> bool {
        !matches!(self.body, ClientBody::None)
    }

    /// The client's own request id, when it is short and plain enough to go into logs.
    pub(crate) fn request_id(&self) -> Option<String> {
        let id = self.headers.get("x-request-id")?.to_str().ok()?;
        let plain = (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
        plain.then(|| id.to_owned())
    }

    /// The trace id of a W3C `traceparent`: `00-<32 hex>-<16 hex>-<2 hex>`.
    pub(crate) fn trace_id(&self) -> Option<String> {
        let parent = self.headers.get("traceparent")?.to_str().ok()?;
        let id = parent.split('-').nth(1)?;
        let valid = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
        valid.then(|| id.to_owned())
    }
}

/// What a request line or `:path` says.
pub(super) fn target(path: &str, query: Option<&str>) -> Result<PathAndQuery, Error> {
    let parsed = match query {
        None => PathAndQuery::try_from(path),
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
    };
    parsed.map_err(|e| Error::BadRequest(format!("the request's path is not valid: {e}")))
}

/// `host` of `host:port`, `[v6]:port` or either without port.
pub(crate) fn without_port(authority: &str) -> &str {
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
            if port.bytes().all(|b| b.is_ascii_digit()) {
                name
            } else {
                host
            }
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(connection: &str, upgrade: &str) -> Inbound {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONNECTION, connection.parse().unwrap());
        headers.insert(header::UPGRADE, upgrade.parse().unwrap());
        Inbound {
            method: Method::GET,
            version: Version::HTTP_11,
            host: String::new(),
            authority: String::new(),
            path: "/".to_owned(),
            query: None,
            headers,
            body: ClientBody::None,
            model: None,
            framing: Framing::Sound,
        }
    }

    #[test]
    fn an_upgrade_is_asked_for_by_both_headers_and_never_to_http() {
        for (connection, upgrade, want) in [
            ("Upgrade", "websocket", true),
            ("keep-alive, upgrade", "WebSocket", true),
            ("keep-alive", "websocket", false),
            ("upgrade", "h2c", false),
            ("upgrade", "websocket, H2C", false),
            ("upgrade", "HTTP/2.0", false),
            ("upgrade", "http2-like", true),
        ] {
            let got = asking(connection, upgrade).upgrade().is_some();
            assert_eq!(got, want, "{connection} {upgrade}");
        }
        let mut old = asking("upgrade", "websocket");
        old.version = Version::HTTP_10;
        assert!(old.upgrade().is_none());
        let mut twice = asking("upgrade", "websocket");
        twice
            .headers
            .append(header::UPGRADE, "h2c".parse().unwrap());
        assert!(twice.upgrade().is_none());
    }

    #[test]
    fn finds_the_host_of_an_authority() {
        for (authority, want) in [
            ("a.example", "a.example"),
            ("a.example:8080", "a.example"),
            ("[::1]:8080", "[::1]"),
            ("[::1]", "[::1]"),
            ("a:b", "a:b"),
            ("", ""),
        ] {
            assert_eq!(without_port(authority), want, "{authority}");
        }
    }
}
