//! What a rule matches, and which of two matches is the more specific.

mod path;
mod predicate;

use std::cmp::{Ordering, Reverse};

use http::{HeaderMap, Method};
use serde::{Serialize, Serializer};

use crate::shaping::ModelPattern;

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
    /// The model that a request asks for, in its body or its path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelPattern>,
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
    /// Known where matches of the listener look at it.
    pub model: Option<&'a str>,
}

impl Match {
    /// Whether all but the path holds.
    pub fn predicates_hold(&self, request: &RequestHead<'_>) -> bool {
        self.method.as_ref().is_none_or(|m| m == request.method)
            && self.headers.iter().all(|h| h.matches(request.headers))
            && self.query.iter().all(|q| q.matches(request.query))
            && self.asks_for(request.model)
    }

    /// Whether the model is one that it takes.
    pub fn asks_for(&self, model: Option<&str>) -> bool {
        let Some(pattern) = &self.model else {
            return true;
        };
        model.is_some_and(|model| pattern.matches(model))
    }

    /// Whether the whole match holds.
    pub fn matches(&self, request: &RequestHead<'_>) -> bool {
        self.path.matches(request.path) && self.predicates_hold(request)
    }

    /// Orders the more specific match first, as `HTTPRouteRule.matches` demands: path kind and
    /// length, then method, then the number of headers, then of query parameters. Of names of
    /// models the nearest comes first.
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
        let model = |m: &Self| (m.model.is_none(), m.model.clone());
        rank(self)
            .cmp(&rank(other))
            .then_with(|| model(self).cmp(&model(other)))
    }
}

#[expect(clippy::ref_option, reason = "the signature serde calls")]
fn method_name<S: Serializer>(method: &Option<Method>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(method.as_ref().map_or("", Method::as_str))
}
