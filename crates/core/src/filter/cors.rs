//! Cross-origin resource sharing: what browsers of other origins may ask and see.
//!
//! Semantics of Gateway API's `HTTPCORSFilter` over the Fetch standard's CORS protocol.

use std::sync::Arc;
use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Serialize;

use crate::header::FieldValue;

/// What an upstream may have said of CORS: the filter's word replaces it.
const SAID: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

/// A rule's `CORS` filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cors {
    pub origins: Vec<OriginPattern>,
    pub credentials: Credentials,
    pub methods: Names,
    pub headers: Names,
    pub expose: Names,
    pub max_age: Duration,
}

/// Whether cookies and authorisation of the browser may come along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Credentials {
    Allowed,
    Omitted,
}

/// Methods or header names: every one, or a comma-separated list; an empty one sends no header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Names {
    Any,
    Listed(FieldValue),
    None,
}

/// Which origins are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum OriginPattern {
    /// `*`
    Any,
    Of {
        scheme: Arc<str>,
        host: HostPattern,
        port: u16,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum HostPattern {
    Any,
    /// `*.example.com`, held as `.example.com`: any number of labels before it.
    Suffix(Arc<str>),
    Exact(Arc<str>),
}

/// Why a text is not an origin to allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an origin: `*`, or `http` or `https`, `://`, a host that may begin with `*`, and a port if need be"
)]
pub struct InvalidOrigin(pub String);

impl OriginPattern {
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let lower = text.to_ascii_lowercase();
        let invalid = || InvalidOrigin(text.to_owned());
        let (scheme, host, port) = split(&lower).ok_or_else(invalid)?;
        let host = match host.strip_prefix('*') {
            Some("") => HostPattern::Any,
            Some(suffix) if suffix.starts_with('.') && !suffix.contains('*') => {
                HostPattern::Suffix(suffix.into())
            }
            None if !host.contains('*') => HostPattern::Exact(host.into()),
            _ => return Err(invalid()),
        };
        Ok(Self::Of {
            scheme: scheme.into(),
            host,
            port,
        })
    }

    /// `origin` is in lower case.
    pub(crate) fn matches(&self, origin: &str) -> bool {
        let Self::Of { scheme, host, port } = self else {
            return true;
        };
        let Some((its_scheme, its_host, its_port)) = split(origin) else {
            return false;
        };
        *its_scheme == **scheme
            && its_port == *port
            && match host {
                HostPattern::Any => true,
                HostPattern::Suffix(suffix) => {
                    its_host.len() > suffix.len() && its_host.ends_with(&**suffix)
                }
                HostPattern::Exact(exact) => *its_host == **exact,
            }
    }
}

/// Scheme, host and port of an origin, which has nothing else.
fn split(origin: &str) -> Option<(&str, &str, u16)> {
    let (scheme, rest) = origin.split_once("://")?;
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (rest, default),
    };
    let odd = |c: char| matches!(c, '/' | '?' | '#' | '@') || c.is_whitespace();
    (!host.is_empty() && !host.contains(odd)).then_some((scheme, host, port))
}

/// Whether a request is a browser's question and not yet the request itself (Fetch, CORS-preflight).
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

impl Cors {
    /// The headers of the answer to a preflight request; none of them for an origin that is not
    /// allowed.
    pub fn preflight(&self, request: &HeaderMap) -> HeaderMap {
        let mut answer = HeaderMap::new();
        if !self.share(request, &mut answer) {
            return answer;
        }
        let asked = [
            (
                ACCESS_CONTROL_ALLOW_METHODS,
                &self.methods,
                ACCESS_CONTROL_REQUEST_METHOD,
            ),
            (
                ACCESS_CONTROL_ALLOW_HEADERS,
                &self.headers,
                ACCESS_CONTROL_REQUEST_HEADERS,
            ),
        ];
        for (name, names, question) in asked {
            if let Some(value) = self.named(names, request.get(question)) {
                answer.insert(name, value);
            }
        }
        // Browsers look for it in the answer that follows; the conformance suite in this one too.
        if let Some(value) = self.named(&self.expose, None) {
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, value);
        }
        answer.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.as_secs().into());
        answer
    }

    /// Puts the filter's word into the answer to a request, in place of the upstream's.
    pub fn apply(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        if !request.contains_key(ORIGIN) {
            return;
        }
        for name in &SAID {
            answer.remove(name);
        }
        if self.share(request, answer)
            && let Some(value) = self.named(&self.expose, None)
        {
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, value);
        }
    }

    /// Says which origin may see the answer. False when that is not the one that asks.
    fn share(&self, request: &HeaderMap, answer: &mut HeaderMap) -> bool {
        let Some(origin) = request.get(ORIGIN) else {
            return false;
        };
        let text = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        let any = self.origins.contains(&OriginPattern::Any);
        let open = any && self.credentials == Credentials::Omitted;
        if !open {
            // Another origin gets another answer: caches must know.
            answer.append(VARY, HeaderValue::from_static("Origin"));
        }
        if !self.origins.iter().any(|pattern| pattern.matches(&text)) {
            return false;
        }
        let allowed = if open {
            HeaderValue::from_static("*")
        } else {
            origin.clone()
        };
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.credentials == Credentials::Allowed {
            let yes = HeaderValue::from_static("true");
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
        true
    }

    /// `*` means nothing to browsers that send credentials: what was asked for is said then.
    fn named(&self, names: &Names, asked: Option<&HeaderValue>) -> Option<HeaderValue> {
        match (names, self.credentials) {
            (Names::None, _) => None,
            (Names::Listed(list), _) => Some(list.0.clone()),
            (Names::Any, Credentials::Omitted) => Some(HeaderValue::from_static("*")),
            (Names::Any, Credentials::Allowed) => asked.cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str], credentials: Credentials) -> Cors {
        let list = |text| Names::Listed(FieldValue::parse(text).unwrap());
        Cors {
            origins: origins
                .iter()
                .map(|o| OriginPattern::parse(o).unwrap())
                .collect(),
            credentials,
            methods: list("PUT, DELETE"),
            headers: Names::Any,
            expose: list("x-request-id"),
            max_age: Duration::from_secs(5),
        }
    }

    fn request(origin: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, origin.parse().unwrap());
        headers.insert(ACCESS_CONTROL_REQUEST_METHOD, "PUT".parse().unwrap());
        headers.insert(ACCESS_CONTROL_REQUEST_HEADERS, "x-a, x-b".parse().unwrap());
        headers
    }

    fn shown(headers: &HeaderMap) -> String {
        let pairs = headers.iter();
        let mut pairs: Vec<_> = pairs
            .map(|(n, v)| format!("{}={}", n.as_str(), v.to_str().unwrap()))
            .collect();
        pairs.sort();
        pairs.join("; ").replace("access-control-", "")
    }

    #[test]
    fn allows_the_origins_that_are_written() {
        let table = [
            ("*", "https://any.example", true),
            ("https://a.example", "https://a.example", true),
            ("https://a.example", "https://A.Example", true),
            ("https://a.example", "https://a.example:443", true),
            ("https://a.example:443", "https://a.example", true),
            ("https://a.example", "http://a.example", false),
            ("https://a.example", "https://a.example:8443", false),
            ("https://a.example", "https://a.example.evil", false),
            ("https://a.example", "https://xa.example", false),
            ("https://*.a.example", "https://x.y.a.example", true),
            ("https://*.a.example", "https://a.example", false),
            ("https://*.a.example", "https://.a.example", false),
            ("https://*", "https://b.example", true),
            ("https://*", "null", false),
            ("http://[::1]:3000", "http://[::1]:3000", true),
            ("http://localhost:3000", "http://localhost:3000/x", false),
        ];
        for (pattern, origin, want) in table {
            let mut answer = HeaderMap::new();
            cors(&[pattern], Credentials::Omitted).apply(&request(origin), &mut answer);
            let allowed = answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN);
            assert_eq!(allowed, want, "{pattern} for {origin}");
        }
        for text in [
            "",
            "a.example",
            "ftp://a",
            "https://a*.b",
            "https://*b",
            "https://a/b",
            "https://a:x",
        ] {
            assert!(OriginPattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn answers_a_preflight_with_what_is_allowed() {
        let table = [
            (
                cors(&["*"], Credentials::Omitted),
                "allow-headers=*; allow-methods=PUT, DELETE; allow-origin=*; expose-headers=x-request-id; max-age=5",
            ),
            (
                cors(&["*"], Credentials::Allowed),
                "allow-credentials=true; allow-headers=x-a, x-b; allow-methods=PUT, DELETE; allow-origin=https://a.example; expose-headers=x-request-id; max-age=5; vary=Origin",
            ),
            (
                cors(&["https://b.example"], Credentials::Omitted),
                "vary=Origin",
            ),
        ];
        for (cors, want) in table {
            assert_eq!(shown(&cors.preflight(&request("https://a.example"))), want);
        }
    }

    #[test]
    fn replaces_what_the_upstream_says() {
        let mut answer = HeaderMap::new();
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, "*".parse().unwrap());
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, "*".parse().unwrap());
        answer.insert(VARY, "accept-encoding".parse().unwrap());
        let cors = cors(&["https://a.example"], Credentials::Omitted);
        let mut own = answer.clone();
        cors.apply(&request("https://a.example"), &mut own);
        assert_eq!(
            shown(&own),
            "allow-origin=https://a.example; expose-headers=x-request-id; vary=Origin; vary=accept-encoding"
        );
        cors.apply(&request("https://b.example"), &mut answer);
        assert_eq!(shown(&answer), "vary=Origin; vary=accept-encoding");
    }

    #[test]
    fn leaves_requests_of_no_origin_alone() {
        let mut answer = HeaderMap::new();
        cors(&["*"], Credentials::Omitted).apply(&HeaderMap::new(), &mut answer);
        assert_eq!(answer, HeaderMap::new());
        assert!(!is_preflight(&Method::OPTIONS, &HeaderMap::new()));
        assert!(is_preflight(
            &Method::OPTIONS,
            &request("https://a.example")
        ));
        assert!(!is_preflight(&Method::GET, &request("https://a.example")));
    }
}
