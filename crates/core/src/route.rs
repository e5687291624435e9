//! Routes and their rules.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::expr::Expression;
use crate::filter::Filter;
use crate::hostname::Hostname;
use crate::id::{BackendKey, ObjectKey, RouteKind};
use crate::matcher::Match;
use crate::policy::TrafficPolicy;
use crate::retry::Retry;
use crate::session::Persistence;

/// One route object, attached to some of the Gateway's listeners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    #[serde(skip_serializing_if = "RouteKind::is_http")]
    pub kind: RouteKind,
    pub key: ObjectKey,
    /// Names of the listeners it is attached to.
    pub listeners: Vec<Arc<str>>,
    /// Empty means any host of the listener.
    pub hostnames: Vec<Hostname>,
    /// `metadata.creationTimestamp`, seconds since the epoch; the older wins a tie. Files have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    pub rules: Vec<Arc<Rule>>,
    #[serde(skip_serializing_if = "TrafficPolicy::is_empty")]
    pub policy: TrafficPolicy,
}

/// One rule: what it takes, what it does to it, where it sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// Never empty: no match in the manifest means prefix `/`. So has a rule for connections, which
    /// are matched by their hostname alone.
    pub matches: Vec<Match>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// Bound on the whole request (`timeouts.request`); zero in the manifest is `None` here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_timeout: Option<Duration>,
    /// Bound on one attempt (`timeouts.backendRequest`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend_request_timeout: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Requests of one client go to the same backend and endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Arc<Persistence>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<BackendRef>,
    #[serde(skip_serializing_if = "TrafficPolicy::is_empty")]
    pub policy: TrafficPolicy,
    /// Set when the rule must not be served as written (an invalid filter, a broken policy): it
    /// still matches, and answers 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken: Option<Arc<str>>,
}

/// A weighted reference to a backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackendRef {
    pub weight: u32,
    pub to: Destination,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// What the backend is asked for instead of the model that the client names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Arc<str>>,
    /// Of a rule whose references have conditions, the first whose condition holds takes the
    /// request, and no other; one without takes every request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Expression>,
}

/// What a reference resolved to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Destination {
    Backend(BackendKey),
    /// The reference does not resolve: its share of requests gets 500 (Gateway API,
    /// `HTTPRouteRule.backendRefs`). The text is for the log.
    Invalid(Arc<str>),
}
