//! What has reached the proxies, for statuses.

use std::collections::BTreeMap;
use std::sync::Arc;

use agw_core::id::{BackendKey, ObjectKey};

use crate::health::BackendHealth;
use crate::resource::ResourceKey;

/// What the proxies have and say that are connected here, or to a replica that tells of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deliveries {
    /// Of each Gateway that is published.
    pub gateways: BTreeMap<ObjectKey, Delivery>,
    /// Of each backend that some proxy reports on.
    pub health: BTreeMap<BackendKey, BackendHealth>,
    /// Names of the other replicas that tell of their proxies at the moment.
    pub replicas: Vec<Arc<str>>,
}

/// How far one Gateway's configuration has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The version of its content.
    pub version: u64,
    /// Names of the proxies that are connected.
    pub proxies: Vec<Arc<str>>,
    /// The highest revision whose content of this Gateway, or later content, every connected proxy
    /// serves from; 0 while one of them serves none. `None` when no proxy is connected.
    pub acked_revision: Option<u64>,
    /// Resources that some proxy could not take, the first hundred: it serves them as before.
    pub problems: Vec<ResourceProblem>,
}

/// A resource that proxies could not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceProblem {
    pub resource: ResourceKey,
    /// What one of them says, with the field.
    pub message: Arc<str>,
    /// How many of them; 0 when it cannot be sent to any.
    pub proxies: usize,
}
