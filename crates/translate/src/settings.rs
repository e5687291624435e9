//! What translation depends on beside the objects.

use std::collections::BTreeMap;

use agw_ai::dialect::{COMPATIBLE, compatible_at, of};
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
    pub credentials: BTreeMap<KeyOf, Secret>,
}

/// Whose key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyOf {
    Kind(ProviderKind),
    /// A server of OpenAI's API that is known by its host, by its name.
    Known(&'static str),
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

impl Settings {
    /// The usual key of a provider of this kind at this host. A server that is known by its host
    /// gets no other's.
    pub(crate) fn usual_key(&self, kind: ProviderKind, host: &str) -> Option<&Secret> {
        let speaks_openai = matches!(kind, ProviderKind::OpenAi | ProviderKind::Custom);
        let known = compatible_at(host).filter(|_| speaks_openai);
        let owner = known.map_or(KeyOf::Kind(kind), |known| KeyOf::Known(known.name));
        self.credentials.get(&owner)
    }
}

/// The environment variable in which people keep their key of each provider.
pub fn key_variables() -> impl Iterator<Item = (KeyOf, &'static str)> {
    let kinds = ProviderKind::ALL.into_iter();
    let kinds = kinds.map(|kind| (KeyOf::Kind(kind), of(kind).provider().key_variable));
    let hosted = COMPATIBLE.iter().filter(|provider| provider.tls);
    let known = hosted.map(|provider| (KeyOf::Known(provider.name), provider.key_variable));
    kinds
        .chain(known)
        .filter(|(_, variable)| !variable.is_empty())
}
