//! What translation depends on beside the objects.

use std::collections::BTreeMap;

use agw_core::backend::{Endpoint, ProviderKind};
use agw_core::secret::Secret;

/// How manifests are read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    pub mode: Mode,
    /// Where AI providers without a host of their own are sent: a mock. Their keys are not needed
    /// then.
    pub provider_override: Option<Endpoint>,
    /// Keys for providers whose Secret is defined nowhere.
    pub credentials: BTreeMap<ProviderKind, Secret>,
}

/// Where the objects come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// From files: the built-in GatewayClasses and every namespace exist without an object.
    #[default]
    Files,
    /// From an API server: what is not there does not exist.
    Cluster,
}

/// The environment variable in which people keep their key of each provider.
pub fn key_variables() -> impl Iterator<Item = (ProviderKind, &'static str)> {
    let variable = |kind| agw_ai::dialect::of(kind).provider().key_variable;
    ProviderKind::ALL
        .into_iter()
        .map(move |kind| (kind, variable(kind)))
        .filter(|(_, variable)| !variable.is_empty())
}
