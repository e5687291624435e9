//! What statuses depend on beside the objects: what the controller sees of the running world.

use std::collections::{BTreeMap, BTreeSet};

use agw_core::id::ObjectKey;
use serde::Serialize;

use crate::finding::ObjectRef;

/// What is known when statuses are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// A Gateway that is not here has no address and no proxy.
    pub gateways: BTreeMap<ObjectKey, GatewayFacts>,
    /// By `AgentgatewayBackend`; one that is not here is [`BackendHealth::Unknown`].
    pub backends: BTreeMap<ObjectKey, BackendHealth>,
}

/// What is known of one Gateway's proxies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GatewayFacts {
    /// Where clients reach it, from its Service; they become `status.addresses` as they stand.
    pub addresses: Vec<Address>,
    pub proxies: Proxies,
    /// Proxies that its Service sends requests to.
    pub ready: u32,
    /// Objects whose configuration a connected proxy did not take, with what it said. A listener
    /// goes under its Gateway.
    pub rejected: BTreeMap<ObjectRef, String>,
    /// Why the proxies could not be deployed.
    pub not_deployed: Option<String>,
    /// Why an address that the Gateway asks for is not its own.
    pub unusable_address: Option<String>,
}

/// Whether the proxies have the configuration of the translation whose statuses are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Proxies {
    /// No proxy is connected.
    #[default]
    None,
    /// At least one connected proxy has not acknowledged it yet.
    Behind,
    /// Every connected proxy has acknowledged it.
    Current,
}

/// Where clients reach a Gateway.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Address {
    Ip(String),
    Hostname(String),
}

/// What the proxies report of a backend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BackendHealth {
    /// No proxy has reported on it.
    #[default]
    Unknown,
    /// Every proxy that reports has a provider to use; these are ejected on some.
    Usable { ejected: BTreeSet<String> },
    /// On at least one proxy every provider is ejected.
    Down { ejected: BTreeSet<String> },
}

impl BackendHealth {
    /// Adds what one proxy says: the backend's providers that it uses, and those it has ejected.
    pub fn observe<'a>(
        &mut self,
        usable: impl IntoIterator<Item = &'a str>,
        ejected: impl IntoIterator<Item = &'a str>,
    ) {
        let out: BTreeSet<String> = ejected.into_iter().map(str::to_owned).collect();
        let is_down = usable.into_iter().next().is_none() && !out.is_empty();
        let before = std::mem::take(self);
        let was_down = matches!(before, Self::Down { .. });
        let mut all = match before {
            Self::Unknown => BTreeSet::new(),
            Self::Usable { ejected } | Self::Down { ejected } => ejected,
        };
        all.extend(out);
        *self = if is_down || was_down {
            Self::Down { ejected: all }
        } else {
            Self::Usable { ejected: all }
        };
    }
}
