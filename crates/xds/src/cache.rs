//! Every Gateway's resources, encoded, with a version that changes only when they do.
//!
//! Pure: the next state is a function of the last one and of what is published.

mod delta;
mod encode;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use agw_core::backend::Backend;
use agw_core::config::GatewayConfig;
use agw_core::id::{BackendKey, ObjectKey};
use agw_core::route::Route;

use crate::convert::Encoded;
use crate::publication::Publication;
use crate::resource::{Hash, ResourceId, ResourceKey};

pub(crate) use delta::{Baseline, Held};

/// Earlier versions whose last revision is remembered: a proxy that is further behind is believed
/// once it has caught up.
const EARLIER: usize = 64;

/// All Gateways as of one publication.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) revision: u64,
    pub(crate) gateways: BTreeMap<ObjectKey, Arc<Content>>,
    /// The highest version that was given to any Gateway.
    latest: u64,
}

/// One Gateway's resources.
pub(crate) struct Content {
    pub(crate) version: u64,
    config: Arc<GatewayConfig>,
    /// In the order of their ids.
    entries: Vec<Arc<Entry>>,
    /// In the order of the configuration: by name.
    routes: Vec<Piece<Route>>,
    /// Likewise.
    backends: Vec<Piece<Backend>>,
    /// Resources that cannot travel, and why.
    pub(crate) refused: Vec<Refused>,
    /// Of all that is wanted. Unlike versions it is comparable between replicas, and it does not
    /// depend on what was before.
    pub(crate) digest: Hash,
    /// Versions before this one, the oldest first.
    earlier: Vec<Earlier>,
}

/// A resource that cannot travel.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) key: ResourceKey,
    id: ResourceId,
    hash: Hash,
    pub(crate) reason: Arc<str>,
}

/// A version that a Gateway's content had before.
#[derive(Debug, Clone, Copy)]
struct Earlier {
    version: u64,
    digest: Hash,
    /// The last revision that had it.
    revision: u64,
}

/// One resource.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: ResourceKey,
    pub(crate) encoded: Encoded,
}

/// What a route or backend became: itself and its secrets.
#[derive(Clone)]
struct Piece<T> {
    source: Arc<T>,
    entries: Vec<Arc<Entry>>,
}

impl View {
    /// The state after `publication`. `now` is in milliseconds since the epoch; versions are
    /// taken from it, so that those of a controller that restarts are greater than before.
    pub(crate) fn advance(&self, publication: &Publication, now: u64) -> Self {
        let mut next = Self {
            revision: publication.revision,
            gateways: BTreeMap::new(),
            latest: self.latest,
        };
        for config in &publication.gateways {
            let previous = self.gateways.get(&config.gateway);
            let content = match previous {
                Some(previous) if previous.is_of(config) => previous.clone(),
                _ => Arc::new(self.changed(previous, config, &mut next.latest, now)),
            };
            next.gateways.insert(config.gateway.clone(), content);
        }
        next
    }

    /// The content of a configuration that is not the one before.
    fn changed(
        &self,
        previous: Option<&Arc<Content>>,
        config: &Arc<GatewayConfig>,
        latest: &mut u64,
        now: u64,
    ) -> Content {
        let mut content = encode::content(previous.map(|p| &**p), config);
        match previous {
            Some(previous) if previous.same(&content) => {
                content.version = previous.version;
                content.earlier.clone_from(&previous.earlier);
            }
            _ => {
                *latest = now.max(*latest + 1);
                content.version = *latest;
                content.earlier = previous.map_or_else(Vec::new, |p| p.until(self.revision));
            }
        }
        content
    }
}

impl Content {
    /// Whether it is what this configuration gives.
    fn is_of(&self, config: &Arc<GatewayConfig>) -> bool {
        Arc::ptr_eq(&self.config, config) || self.config == *config
    }

    /// Whether the same resources travel.
    fn same(&self, other: &Self) -> bool {
        let hashes = |content: &Self| -> Vec<_> {
            let entries = content.entries.iter();
            entries.map(|entry| entry.encoded.hash).collect()
        };
        self.entries.len() == other.entries.len()
            && self
                .entries
                .iter()
                .zip(&other.entries)
                .all(|(a, b)| a.encoded.id == b.encoded.id)
            && hashes(self) == hashes(other)
    }

    /// The versions before the next one, when this one was last seen in `revision`.
    fn until(&self, revision: u64) -> Vec<Earlier> {
        let mut earlier = self.earlier.clone();
        earlier.push(Earlier {
            version: self.version,
            digest: self.digest,
            revision,
        });
        let surplus = earlier.len().saturating_sub(EARLIER);
        earlier.drain(..surplus);
        earlier
    }

    /// The last revision that had this earlier version, if it is remembered.
    pub(crate) fn revision_of(&self, version: u64) -> Option<u64> {
        let mut earlier = self.earlier.iter();
        earlier
            .find(|earlier| earlier.version == version)
            .map(|earlier| earlier.revision)
    }

    /// The digest of this version, if it is remembered.
    pub(crate) fn digest_of(&self, version: u64) -> Option<Hash> {
        if version == self.version {
            return Some(self.digest);
        }
        let mut earlier = self.earlier.iter();
        earlier
            .find(|earlier| earlier.version == version)
            .map(|earlier| earlier.digest)
    }

    /// The last revision that had such content, when this one is seen in `revision`.
    pub(crate) fn revision_with(&self, digest: Hash, revision: u64) -> Option<u64> {
        if digest == self.digest {
            return Some(revision);
        }
        let mut earlier = self.earlier.iter().rev();
        earlier
            .find(|earlier| earlier.digest == digest)
            .map(|earlier| earlier.revision)
    }

    pub(crate) fn entry(&self, id: &ResourceId) -> Option<&Arc<Entry>> {
        let at = self
            .entries
            .binary_search_by(|entry| entry.encoded.id.cmp(id));
        at.ok().map(|at| &self.entries[at])
    }

    pub(crate) fn has_backend(&self, key: &BackendKey) -> bool {
        let found = self
            .backends
            .binary_search_by(|piece| piece.source.key.cmp(key));
        found.is_ok()
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content")
            .field("version", &self.version)
            .field("entries", &self.entries)
            .finish_non_exhaustive()
    }
}
