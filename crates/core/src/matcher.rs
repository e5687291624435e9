//! What a rule matches, and which of two matches is the more specific.

mod path;
mod predicate;

use std::cmp::{Ordering, Reverse};

use http::{HeaderMap, Method};
use serde::{Serialize, Serializer};

pub use path::{PathMatch, Pattern};
pub use predicate::{HeaderMatch, QueryMatch, ValueMatch};

/// One `HTTPRouteMatch`: all of its parts must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Match {
    pub path: PathMatch,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "method_name"
    )]
    pub method: Option<Method>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderMatch>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<QueryMatch>,
}

/// The parts of a request head that matching looks at.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    pub method: &'a Method,
    /// Lower case, without port.
    pub host: &'a str,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub headers: &'a HeaderMap,
}

impl Match {
    /// Whether all but the path holds.
    pub fn predicates_hold(&self, request: &RequestHead<'_>) -> bool {
        self.method.as_ref().is_none_or(|m| m == request.method)
            && self.headers.iter().all(|h| h.matches(request.headers))
            && self.query.iter().all(|q| q.matches(request.query))
    }

    /// Whether the whole match holds.
    pub fn matches(&self, request: &RequestHead<'_>) -> bool {
        self.path.matches(request.path) && self.predicates_hold(request)
    }

    /// Orders the more specific match first, as `HTTPRouteRule.matches` demands: path kind and
    /// length, then method, then the number of headers, then of query parameters.
    pub fn by_precedence(&self, other: &Self) -> Ordering {
        other
            .path
            .rank()
            .cmp(&self.path.rank())
            .then_with(|| self.by_predicates(other))
    }

    /// The part of [`Match::by_precedence`] after the path.
    pub fn by_predicates(&self, other: &Self) -> Ordering {
        let rank = |m: &Self| Reverse((m.method.is_some(), m.headers.len(), m.query.len()));
        rank(self).cmp(&rank(other))
    }
}

#[expect(clippy::ref_option, reason = "the signature serde calls")]
fn method_name<S: Serializer>(method: &Option<Method>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(method.as_ref().map_or("", Method::as_str))
}
