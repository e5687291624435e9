//! Answers of the gateway itself, and what it does to requests beside routing them.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, header};
use serde::{Serialize, Serializer};

use crate::condition::Cases;
use crate::expr::{EvalError, Expression, Input, Value};
use crate::filter::{HeaderEdits, OriginPattern};
use crate::header::FieldName;

/// Answers by condition; where none holds the request goes on.
pub type DirectResponse = Cases<Arc<FixedAnswer>>;

/// An answer that needs no backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FixedAnswer {
    #[serde(serialize_with = "status")]
    pub status: StatusCode,
    pub headers: Vec<(FieldName, Expression)>,
    pub body: AnswerBody,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum AnswerBody {
    Empty,
    Text(Arc<str>),
    Computed(Expression),
}

/// Fixed edits of headers in both directions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeaderModifiers {
    pub request: HeaderEdits,
    pub response: HeaderEdits,
}

/// Which pages of other sites may make requests that change something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Csrf {
    pub origins: Vec<OriginPattern>,
}

/// A wait before requests go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Delay {
    Fixed(Duration),
    /// A duration, or a number of milliseconds.
    Computed(Expression),
}

/// The longest wait.
pub const LONGEST_DELAY: Duration = Duration::from_secs(300);

fn status<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl FixedAnswer {
    /// Whether a request's body has to be held before the answer can be made.
    pub fn reads_body(&self) -> bool {
        let body = match &self.body {
            AnswerBody::Computed(expression) => Some(expression),
            AnswerBody::Empty | AnswerBody::Text(_) => None,
        };
        let headers = self.headers.iter().map(|(_, e)| e);
        headers.chain(body).any(|e| e.reads().request_body)
    }
}

impl Csrf {
    /// Whether the request may go on: it changes nothing, it says no origin (no browser's page
    /// made it), or its origin is the host it asks or one of those that may.
    pub fn allows(&self, method: &Method, host: &str, headers: &HeaderMap) -> bool {
        if method.is_safe() {
            return true;
        }
        let site = headers.get("sec-fetch-site").map(|v| v.as_bytes());
        let origin = headers.get(header::ORIGIN);
        let Some(origin) = origin.or_else(|| headers.get(header::REFERER)) else {
            // A browser that says where a request comes from says so for each.
            return site.is_none_or(|site| matches!(site, b"same-origin" | b"none"));
        };
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        let (scheme, rest) = origin.split_once("://").unwrap_or(("", origin));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if !authority.is_empty() && authority.eq_ignore_ascii_case(host) {
            return true;
        }
        let origin = format!("{scheme}://{authority}");
        let origin = origin.to_ascii_lowercase();
        self.origins.iter().any(|pattern| pattern.matches(&origin))
    }
}

impl Delay {
    /// How long this request waits, at most [`LONGEST_DELAY`].
    ///
    /// # Errors
    /// The expression has no value, or one that is no time.
    pub fn of(&self, input: &Input<'_>) -> Result<Duration, EvalError> {
        let wanted = match self {
            Self::Fixed(duration) => *duration,
            Self::Computed(expression) => wait(&expression.eval(input)?)?,
        };
        Ok(wanted.min(LONGEST_DELAY))
    }
}

/// A duration, or a number of milliseconds.
pub(crate) fn wait(value: &Value) -> Result<Duration, EvalError> {
    let milliseconds =
        |n: f64| Duration::try_from_secs_f64(n.max(0.0) / 1000.0).unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a wait is bounded by minutes")]
    match value {
        Value::Int(n) => Ok(milliseconds(*n as f64)),
        Value::UInt(n) => Ok(milliseconds(*n as f64)),
        Value::Double(n) => Ok(milliseconds(*n)),
        // A duration is text here, in seconds.
        Value::String(text) => match text.strip_suffix('s').map(str::parse::<f64>) {
            Some(Ok(seconds)) => Ok(milliseconds(seconds * 1000.0)),
            _ => Err(no_time()),
        },
        _ => Err(no_time()),
    }
}

fn no_time() -> EvalError {
    EvalError::Unusable {
        got: "value",
        want: "a duration or a number of milliseconds",
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn requests_of_other_sites_are_told_from_ones_own() {
        let csrf = Csrf {
            origins: vec![OriginPattern::parse("https://app.example.com").unwrap()],
        };
        type Case = (Method, &'static [(&'static str, &'static str)], bool);
        let table: &[Case] = &[
            (Method::GET, &[("origin", "https://evil.example")], true),
            (Method::POST, &[], true),
            (
                Method::POST,
                &[("origin", "https://shop.example.com")],
                true,
            ),
            (
                Method::POST,
                &[("origin", "https://SHOP.example.com")],
                true,
            ),
            (Method::POST, &[("origin", "https://app.example.com")], true),
            (Method::POST, &[("origin", "http://app.example.com")], false),
            (Method::POST, &[("origin", "https://evil.example")], false),
            (Method::POST, &[("origin", "null")], false),
            (
                Method::DELETE,
                &[(
                    "referer",
                    "https://evil.example/a?b=https://shop.example.com",
                )],
                false,
            ),
            (
                Method::DELETE,
                &[("referer", "https://shop.example.com/a?b")],
                true,
            ),
            (Method::POST, &[("sec-fetch-site", "cross-site")], false),
            (Method::POST, &[("sec-fetch-site", "same-origin")], true),
        ];
        for (method, headers, want) in table {
            let headers: HeaderMap = headers
                .iter()
                .map(|(n, v)| (HeaderName::from_static(n), v.parse().unwrap()))
                .collect();
            let got = csrf.allows(method, "shop.example.com", &headers);
            assert_eq!(got, *want, "{method} {headers:?}");
        }
    }

    #[test]
    fn waits_are_bounded_and_in_milliseconds() {
        let of = |text: &str| Delay::Computed(Expression::compile(text).unwrap()).of(&Input::new());
        assert_eq!(of("500"), Ok(Duration::from_millis(500)));
        assert_eq!(of("1.5"), Ok(Duration::from_micros(1500)));
        assert_eq!(of("duration('2s')"), Ok(Duration::from_secs(2)));
        assert_eq!(of("-5"), Ok(Duration::ZERO));
        assert_eq!(of("duration('9h')"), Ok(LONGEST_DELAY));
        assert!(of("'soon'").is_err());
        assert!(of("request.path").is_err());
    }
}
