//! A configuration's resources, with all that did not change taken over from the last one.

use std::hash::Hash;
use std::sync::Arc;

use agw_core::config::GatewayConfig;
use rustc_hash::FxHashMap;

use super::{Content, Entry, Piece, Refused};
use crate::convert::{self, Encoded, GatewayPolicy, Outgoing};
use crate::limits;
use crate::resource::{self, ResourceKey};

/// The content of `config`; its version is for the caller to give.
pub(super) fn content(previous: Option<&Content>, config: &Arc<GatewayConfig>) -> Content {
    let GatewayConfig {
        gateway: _,
        listeners,
        policy,
        routes,
        backends,
        logged_headers,
    } = &**config;
    let mut content = Content {
        version: 0,
        config: config.clone(),
        entries: Vec::with_capacity(routes.len() + 2 * backends.len() + listeners.len() + 1),
        routes: FxHashMap::default(),
        backends: FxHashMap::default(),
        refused: Vec::new(),
        digest: resource::Hash::of(&[]),
        earlier: Vec::new(),
    };
    let mut secrets = Outgoing::default();
    for (position, listener) in listeners.iter().enumerate() {
        let key = ResourceKey::Listener(listener.name.clone());
        let encoded = convert::listener(listener, position, &mut secrets);
        content.add(previous, entry(key, encoded));
    }
    for (key, encoded) in secrets.encoded() {
        content.add(previous, entry(key, encoded));
    }
    let policy = GatewayPolicy {
        traffic: policy.clone(),
        logged_headers: logged_headers.clone(),
    };
    if let Some(encoded) = convert::policy(&policy) {
        content.add(previous, entry(ResourceKey::Policy, encoded));
    }
    for route in routes {
        let key = (route.kind, route.key.clone());
        let piece = piece(previous.map(|p| &p.routes), &key, route, |route| {
            let key = ResourceKey::Route(route.kind, route.key.clone());
            vec![entry(key, convert::route(route))]
        });
        content.add_all(previous, &piece);
        content.routes.insert(key, piece);
    }
    for backend in backends {
        let key = backend.key.clone();
        let piece = piece(previous.map(|p| &p.backends), &key, backend, |backend| {
            let mut secrets = Outgoing::default();
            let key = ResourceKey::Backend(backend.key.clone());
            let encoded = convert::backend(backend, &mut secrets);
            let secrets = secrets.encoded().map(|(key, secret)| entry(key, secret));
            [entry(key, encoded)].into_iter().chain(secrets).collect()
        });
        content.add_all(previous, &piece);
        content.backends.insert(key, piece);
    }
    content
        .entries
        .sort_by(|a, b| a.encoded.id.cmp(&b.encoded.id));
    content
        .entries
        .dedup_by(|a, b| a.encoded.id == b.encoded.id);
    content.digest = content.wanted();
    content
}

fn entry(key: ResourceKey, encoded: Encoded) -> Arc<Entry> {
    Arc::new(Entry { key, encoded })
}

/// The last piece of that key if it was made from the same, else a new one.
fn piece<K: Eq + Hash, T: PartialEq>(
    previous: Option<&FxHashMap<K, Piece<T>>>,
    key: &K,
    source: &Arc<T>,
    make: impl FnOnce(&T) -> Vec<Arc<Entry>>,
) -> Piece<T> {
    let previous = previous.and_then(|pieces| pieces.get(key));
    let entries = match previous {
        Some(piece) if Arc::ptr_eq(&piece.source, source) || piece.source == *source => {
            piece.entries.clone()
        }
        _ => make(source),
    };
    Piece {
        source: source.clone(),
        entries,
    }
}

impl Content {
    fn add_all<T>(&mut self, previous: Option<&Self>, piece: &Piece<T>) {
        for entry in &piece.entries {
            self.add(previous, entry.clone());
        }
    }

    /// A resource that is too large to travel is left as it was before: it must not cost the
    /// others their delivery.
    fn add(&mut self, previous: Option<&Self>, entry: Arc<Entry>) {
        let size = entry.encoded.body.len();
        if size <= limits::RESOURCE {
            self.entries.push(entry);
            return;
        }
        let limit = limits::RESOURCE;
        let reason = format!("takes {size} bytes, and no more than {limit} can be delivered");
        self.refused.push(Refused {
            key: entry.key.clone(),
            id: entry.encoded.id.clone(),
            hash: entry.encoded.hash,
            reason: reason.into(),
        });
        let before = previous.and_then(|previous| previous.entry(&entry.encoded.id));
        self.entries.extend(before.cloned());
    }

    /// The digest of everything as it is wanted, also of what cannot travel.
    fn wanted(&self) -> resource::Hash {
        let is_refused = |entry: &Entry| self.refused.iter().any(|r| r.id == entry.encoded.id);
        let entries = self.entries.iter().filter(|entry| !is_refused(entry));
        let entries = entries.map(|entry| (&entry.encoded.id, entry.encoded.hash));
        let refused = self.refused.iter().map(|r| (&r.id, r.hash));
        resource::Hash::of_all(entries.chain(refused))
    }
}
