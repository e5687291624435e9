//! Where a Gateway listens.

use std::sync::Arc;

use serde::Serialize;

use crate::hostname::Hostname;
use crate::policy::TrafficPolicy;

/// One listener of a Gateway. Several may share a port when their hostnames differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listener {
    /// `spec.listeners[].name`, unique within the Gateway.
    pub name: Arc<str>,
    pub port: u16,
    pub protocol: Protocol,
    pub hostname: Hostname,
    #[serde(skip_serializing_if = "TrafficPolicy::is_empty")]
    pub policy: TrafficPolicy,
}

/// What is spoken on a listener's connections. HTTP is HTTP/1.1 and cleartext HTTP/2 by prior
/// knowledge on the same port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Protocol {
    Http,
}
