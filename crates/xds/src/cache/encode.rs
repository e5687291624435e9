//! A configuration's resources, with all that did not change taken over from the last one.

use std::sync::Arc;

use agw_core::backend::Backend;
use agw_core::config::GatewayConfig;
use agw_core::id::{BackendKey, ObjectKey, RouteKind};
use agw_core::route::Route;

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
        prices,
    } = &**config;
    let mut content = Content {
        version: 0,
        config: config.clone(),
        entries: Vec::with_capacity(routes.len() + 2 * backends.len() + listeners.len() + 1),
        routes: Vec::new(),
        backends: Vec::new(),
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
        prices: prices.clone(),
    };
    if let Some(encoded) = convert::policy(&policy) {
        content.add(previous, entry(ResourceKey::Policy, encoded));
    }
    let before = previous.map_or(&[][..], |previous| &previous.routes);
    let routes = pieces(before, routes, |route| {
        let key = ResourceKey::Route(route.kind, route.key.clone());
        vec![entry(key, convert::route(route))]
    });
    let before = previous.map_or(&[][..], |previous| &previous.backends);
    let backends = pieces(before, backends, |backend| {
        let mut secrets = Outgoing::default();
        let key = ResourceKey::Backend(backend.key.clone());
        let encoded = convert::backend(backend, &mut secrets);
        let secrets = secrets.encoded().map(|(key, secret)| entry(key, secret));
        [entry(key, encoded)].into_iter().chain(secrets).collect()
    });
    let of_routes = routes.iter().flat_map(|piece| &piece.entries);
    let of_backends = backends.iter().flat_map(|piece| &piece.entries);
    for entry in of_routes.chain(of_backends) {
        content.add(previous, entry.clone());
    }
    (content.routes, content.backends) = (routes, backends);
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

/// One piece for each source. Both lists are in the order of their keys, so that a piece made from
/// the same is found where it is expected, without a look at its name.
fn pieces<T: Keyed>(
    before: &[Piece<T>],
    sources: &[Arc<T>],
    make: impl Fn(&T) -> Vec<Arc<Entry>>,
) -> Vec<Piece<T>> {
    let mut before = before.iter().peekable();
    let mut pieces = Vec::with_capacity(sources.len());
    for source in sources {
        let same = loop {
            if let Some(same) = before.next_if(|piece| Arc::ptr_eq(&piece.source, source)) {
                break Some(same);
            }
            let not_after = |piece: &&Piece<T>| piece.source.key() <= source.key();
            match before.next_if(not_after) {
                Some(piece) if piece.source == *source => break Some(piece),
                Some(_) => {}
                None => break None,
            }
        };
        pieces.push(Piece {
            source: source.clone(),
            entries: match same {
                Some(same) => same.entries.clone(),
                None => make(source),
            },
        });
    }
    pieces
}

/// What configurations hold in the order of its keys.
trait Keyed: PartialEq {
    type Key<'a>: Ord
    where
        Self: 'a;

    fn key(&self) -> Self::Key<'_>;
}

impl Keyed for Route {
    type Key<'a> = (&'a ObjectKey, RouteKind);

    fn key(&self) -> Self::Key<'_> {
        (&self.key, self.kind)
    }
}

impl Keyed for Backend {
    type Key<'a> = &'a BackendKey;

    fn key(&self) -> Self::Key<'_> {
        &self.key
    }
}

impl Content {
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
