//! One Gateway's whole configuration, as plain immutable values.
//!
//! Every leaf (regex, expression, header, hostname) is already parsed, so building a
//! [`crate::snapshot::Snapshot`] from it cannot fail.

use std::sync::Arc;

use serde::Serialize;

use crate::backend::Backend;
use crate::header::FieldName;
use crate::id::ObjectKey;
use crate::listener::Listener;
use crate::policy::TrafficPolicy;
use crate::price::Prices;
use crate::route::Route;

/// Everything one Gateway serves. Serialises with secrets redacted (configuration dump, goldens).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GatewayConfig {
    pub gateway: ObjectKey,
    pub listeners: Vec<Listener>,
    /// Policy attached to the Gateway itself; a listener's, route's or rule's own overrides it
    /// field by field.
    #[serde(skip_serializing_if = "TrafficPolicy::is_empty")]
    pub policy: TrafficPolicy,
    /// In the order of their namespaces, names and kinds.
    pub routes: Vec<Arc<Route>>,
    /// In the order of their keys.
    pub backends: Vec<Arc<Backend>>,
    /// Request headers that the access log shows beside those that routes match on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logged_headers: Vec<FieldName>,
    /// What models cost, before what the program knows of them.
    #[serde(skip_serializing_if = "Prices::is_empty")]
    pub prices: Arc<Prices>,
}
