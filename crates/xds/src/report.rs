//! What one replica of the controller tells another of the proxies that it serves.

mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use agw_core::id::{BackendKey, ObjectKey};

use crate::health::BackendHealth;
use crate::resource::{Hash, ResourceId};

/// What the proxies that are connected to one replica have and say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Of each Gateway with a proxy there. Within a change also of those without any more.
    pub(crate) gateways: BTreeMap<ObjectKey, GatewayReport>,
    /// Of each backend that some proxy there reports on. Within a change also of those that none
    /// reports on any more.
    pub(crate) health: BTreeMap<BackendKey, BackendHealth>,
}

/// What the proxies of one Gateway have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GatewayReport {
    /// With the digest of what each serves from, `None` while it serves nothing that is known.
    pub(crate) proxies: BTreeMap<Arc<str>, Option<Hash>>,
    pub(crate) problems: BTreeMap<ResourceId, Problem>,
}

/// Why a resource was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// What one proxy says.
    pub(crate) message: Arc<str>,
    /// How many proxies say something.
    pub(crate) proxies: usize,
}

/// How much a report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Everything,
    /// What is different since the last one.
    Changes,
}

impl GatewayReport {
    pub(crate) fn problem(&mut self, id: &ResourceId, message: &Arc<str>, proxies: usize) {
        let problem = self.problems.entry(id.clone()).or_insert_with(|| Problem {
            message: message.clone(),
            proxies: 0,
        });
        problem.proxies += proxies;
    }
}

impl Report {
    /// How many things it tells of.
    pub(crate) fn len(&self) -> usize {
        self.gateways.len() + self.health.len()
    }

    /// What leads from `before` to this.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            gateways: since(&self.gateways, &before.gateways, GatewayReport::default),
            health: since(&self.health, &before.health, BackendHealth::nobodys),
        }
    }

    /// Takes in what another report says.
    pub(crate) fn take(&mut self, news: Self, extent: Extent) {
        if extent == Extent::Everything {
            *self = Self::default();
        }
        self.gateways.extend(news.gateways);
        self.health.extend(news.health);
        self.gateways
            .retain(|_, gateway| !gateway.proxies.is_empty());
        self.health.retain(|_, health| health.proxies > 0);
    }
}

fn since<K: Ord + Clone, V: PartialEq + Clone>(
    now: &BTreeMap<K, V>,
    before: &BTreeMap<K, V>,
    none: impl Fn() -> V,
) -> BTreeMap<K, V> {
    let gone = before.keys().filter(|key| !now.contains_key(key));
    let gone = gone.map(|key| (key.clone(), none()));
    let news = now.iter().filter(|(key, v)| before.get(key) != Some(v));
    gone.chain(news.map(|(key, v)| (key.clone(), v.clone())))
        .collect()
}

#[cfg(test)]
mod tests;
