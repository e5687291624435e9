//! Servers that are asked whether a request may pass.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode};
use serde::Serialize;

use crate::answer::wait;
use crate::condition::Cases;
use crate::expr::{EvalError, Expression, Input};
use crate::guard::FailureMode;
use crate::header::FieldName;
use crate::server::Server;

/// Who is asked, by condition; where none holds, nobody is.
pub type ExternalAuth = Cases<Arc<Authorizer>>;

/// A server that is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Authorizer {
    pub server: Server,
    pub question: Question,
    pub failure_mode: FailureMode,
    /// It sees bodies of at most so many bytes, and no request with a longer one passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<Remembered>,
}

/// How it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Question {
    /// `envoy.service.auth.v3.Authorization/Check`.
    Grpc {
        /// Fixed texts that it is told.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        context: Vec<(Arc<str>, Arc<str>)>,
        /// Values that it is told; the claims of a checked token where there is none.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        metadata: Vec<(Arc<str>, Expression)>,
    },
    Http(Box<HttpQuestion>),
}

/// A request of HTTP, whose status is the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HttpQuestion {
    /// The client's own where this is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Expression>,
    /// Where clients are sent that are not known (401).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect: Option<Expression>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Expression>,
    /// Headers of the client's that it gets beside `Authorization`.
    #[serde(serialize_with = "names", skip_serializing_if = "Vec::is_empty")]
    pub forwarded: Vec<HeaderName>,
    /// Headers that it gets, computed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(FieldName, Expression)>,
    /// Headers of its answer that the request goes on with, and no others under these names.
    #[serde(serialize_with = "names", skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<HeaderName>,
    /// What expressions see of its answer as `extauthz`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<(Arc<str>, Expression)>,
}

/// Answers that hold for more than one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remembered {
    /// Requests with the same values get the same answer.
    pub key: Vec<Expression>,
    pub lifetime: Lifetime,
    /// How many answers are kept.
    pub most: u32,
}

/// How long an answer holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Lifetime {
    Fixed(Duration),
    /// A duration, or a number of milliseconds.
    Computed(Expression),
}

/// What a server says of a request that may pass.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Permit {
    /// What becomes of the request's headers, in order.
    pub request: Vec<HeaderEdit>,
    /// What its response gets, in order.
    pub response: Vec<HeaderEdit>,
    /// Parameters of the query that are taken off.
    pub query_removed: Vec<String>,
    /// Parameters of the query that are set.
    pub query_set: Vec<(String, String)>,
    /// `extauthz`.
    pub told: Option<serde_json::Value>,
}

/// The answer to a client whose request may not pass.
#[derive(Clone, PartialEq, Eq)]
pub struct Denial {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: bytes::Bytes,
}

/// One edit of a message's headers, by somebody who is not the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderEdit {
    Set(HeaderName, http::HeaderValue),
    Append(HeaderName, http::HeaderValue),
    /// Where there is none.
    Add(HeaderName, http::HeaderValue),
    /// Where there is one.
    Replace(HeaderName, http::HeaderValue),
    Remove(HeaderName),
}

fn names<S: serde::Serializer>(names: &[HeaderName], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(names.iter().map(HeaderName::as_str))
}

/// Whether somebody else may say what stands under this name: not what frames a message, belongs
/// to one connection (RFC 9110 §7.6.1) or says whom a request is for.
pub fn is_editable(name: &HeaderName) -> bool {
    !matches!(
        name.as_str(),
        "connection"
            | "content-length"
            | "expect"
            | "host"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

impl Lifetime {
    /// How long this answer holds.
    ///
    /// # Errors
    /// The expression has no value, or one that is no time.
    pub fn of(&self, input: &Input<'_>) -> Result<Duration, EvalError> {
        match self {
            Self::Fixed(lifetime) => Ok(*lifetime),
            Self::Computed(expression) => wait(&expression.eval(input)?),
        }
    }
}

impl HeaderEdit {
    pub fn name(&self) -> &HeaderName {
        match self {
            Self::Set(name, _)
            | Self::Append(name, _)
            | Self::Add(name, _)
            | Self::Replace(name, _)
            | Self::Remove(name) => name,
        }
    }

    /// Does the edit, unless [`is_editable`] says that it may not be done.
    pub fn apply(&self, headers: &mut HeaderMap) {
        if !is_editable(self.name()) {
            return;
        }
        match self {
            Self::Set(name, value) => drop(headers.insert(name.clone(), value.clone())),
            Self::Append(name, value) => drop(headers.append(name.clone(), value.clone())),
            Self::Add(name, value) => {
                if !headers.contains_key(name) {
                    headers.insert(name.clone(), value.clone());
                }
            }
            Self::Replace(name, value) => {
                if headers.contains_key(name) {
                    headers.insert(name.clone(), value.clone());
                }
            }
            Self::Remove(name) => drop(headers.remove(name)),
        }
    }
}

impl Authorizer {
    /// Whether a request's body has to be held before it can be asked about.
    pub fn reads_body(&self) -> bool {
        let mut all: Vec<&Expression> = Vec::new();
        match &self.question {
            Question::Grpc { metadata, .. } => all.extend(metadata.iter().map(|(_, e)| e)),
            Question::Http(http) => {
                all.extend(
                    [&http.path, &http.redirect, &http.body]
                        .into_iter()
                        .flatten(),
                );
                all.extend(http.headers.iter().map(|(_, e)| e));
                all.extend(http.metadata.iter().map(|(_, e)| e));
            }
        }
        if let Some(cache) = &self.cache {
            all.extend(&cache.key);
            if let Lifetime::Computed(lifetime) = &cache.lifetime {
                all.push(lifetime);
            }
        }
        all.iter().any(|e| e.reads().request_body)
    }
}

/// What it says of a client is for nobody's log.
impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Permit(<redacted>)")
    }
}

impl std::fmt::Debug for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Denial")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_reach_no_framing_and_no_connection() {
        let mut headers = HeaderMap::new();
        headers.insert("x-a", "1".parse().unwrap());
        let value = || "2".parse::<http::HeaderValue>().unwrap();
        for name in [
            "transfer-encoding",
            "content-length",
            "host",
            "connection",
            "te",
            "upgrade",
        ] {
            let name = HeaderName::from_static(name);
            HeaderEdit::Set(name.clone(), value()).apply(&mut headers);
            HeaderEdit::Append(name.clone(), value()).apply(&mut headers);
            assert!(!headers.contains_key(&name), "{name}");
        }
        assert!(HeaderName::from_bytes(b":path").is_err());
        let a = HeaderName::from_static("x-a");
        HeaderEdit::Add(a.clone(), value()).apply(&mut headers);
        assert_eq!(headers["x-a"], "1");
        HeaderEdit::Replace(a.clone(), value()).apply(&mut headers);
        assert_eq!(headers["x-a"], "2");
        HeaderEdit::Append(a.clone(), value()).apply(&mut headers);
        assert_eq!(headers.get_all("x-a").iter().count(), 2);
        HeaderEdit::Remove(a.clone()).apply(&mut headers);
        HeaderEdit::Replace(a, value()).apply(&mut headers);
        assert!(headers.is_empty());
    }
}
