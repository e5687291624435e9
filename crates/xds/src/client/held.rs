//! The resources that a proxy holds, and the configuration they make.
//!
//! Pure: applying a change gives new holdings and leaves the old ones as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agw_core::config::GatewayConfig;
use agw_core::id::ObjectKey;
use bytes::Bytes;

use super::collect::Change;
use crate::convert::{self, Content, GatewayPolicy, Part, Secrets};
use crate::limits;
use crate::proto;
use crate::resource::{Hash, Kind, ResourceId};

/// What one proxy holds.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) gateway: ObjectKey,
    /// The controller's version; 0 for nothing.
    pub(crate) version: u64,
    /// Shared with what was held before.
    entries: BTreeMap<ResourceId, Arc<Entry>>,
    secrets: BTreeMap<Arc<str>, Content>,
    /// Resources of kinds that this program does not know.
    unknown: Vec<proto::ResourceId>,
}

/// One resource.
#[derive(Clone)]
struct Entry {
    /// As it was sent last.
    sent: Body,
    /// As it is served: the same, or an earlier one.
    taken: Option<(Body, Part)>,
    /// Why `sent` is not what is served.
    problem: Option<String>,
    /// Names of the secrets that it refers to.
    secrets: Vec<Arc<str>>,
}

#[derive(Clone, PartialEq, Eq)]
struct Body {
    hash: Hash,
    bytes: Bytes,
}

/// Whether a change makes another configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    None,
    Configuration,
}

impl Held {
    pub(crate) fn nothing(gateway: ObjectKey) -> Self {
        Self {
            gateway,
            version: 0,
            entries: BTreeMap::new(),
            secrets: BTreeMap::new(),
            unknown: Vec::new(),
        }
    }

    /// These holdings with `change`, whose base is for the caller to check.
    pub(crate) fn apply(&self, change: Change) -> (Self, Effect) {
        let Change {
            version,
            base,
            upsert,
            remove,
        } = change;
        let mut next = self.clone();
        next.version = version;
        if base == 0 {
            next.unknown.clear();
        }
        let (secrets, others) = next.sorted(upsert);
        let gone: Vec<_> = if base == 0 {
            let kept: BTreeSet<_> = secrets.iter().chain(&others).map(|(id, _)| id).collect();
            let held = next.entries.keys();
            held.filter(|id| !kept.contains(id)).cloned().collect()
        } else {
            let known = |id: proto::ResourceId| ResourceId::try_from(id).ok();
            remove.into_iter().filter_map(known).collect()
        };
        let mut effect = Effect::None;
        let mut touched = BTreeSet::new();
        for id in gone {
            if next.entries.remove(&id).is_some() {
                effect = Effect::Configuration;
            }
            if id.kind == Kind::Secret && next.secrets.remove(&id.name).is_some() {
                touched.insert(id.name);
            }
        }
        for (id, body) in secrets {
            if next.put(&id, body) == Effect::Configuration {
                touched.insert(id.name);
            }
        }
        // What refers to a secret that changed says something else now, though it is the same.
        let refer = |entry: &Entry| entry.secrets.iter().any(|name| touched.contains(name));
        let again = next.entries.iter().filter(|(_, entry)| refer(entry));
        let again: Vec<_> = again
            .map(|(id, entry)| (id.clone(), entry.sent.clone()))
            .collect();
        for (id, _) in &again {
            next.forget_decoded(id);
        }
        for (id, body) in again.into_iter().chain(others) {
            if next.put(&id, body) == Effect::Configuration {
                effect = Effect::Configuration;
            }
        }
        (next, effect)
    }

    /// Secrets, and all others; what cannot be named is noted.
    #[expect(clippy::type_complexity, reason = "two lists of the same")]
    fn sorted(
        &mut self,
        upsert: Vec<proto::Resource>,
    ) -> (Vec<(ResourceId, Body)>, Vec<(ResourceId, Body)>) {
        let mut named = Vec::with_capacity(upsert.len());
        for proto::Resource { id, hash, body } in upsert {
            let id = id.unwrap_or_default();
            match ResourceId::try_from(id.clone()) {
                // A copy: the message that it came in may be a thousand times larger.
                Ok(id) => named.push((id, Body::received(&hash, &body))),
                Err(_) if self.unknown.len() < limits::ERRORS => self.unknown.push(id),
                Err(_) => {}
            }
        }
        named
            .into_iter()
            .partition(|(id, _)| id.kind == Kind::Secret)
    }

    /// Makes a resource that is served be decoded again, though its body is the same.
    fn forget_decoded(&mut self, id: &ResourceId) {
        if let Some(entry) = self.entries.get_mut(id) {
            Arc::make_mut(entry).problem = Some(String::new());
        }
    }

    /// Takes a resource, or notes why it cannot be taken.
    fn put(&mut self, id: &ResourceId, body: Body) -> Effect {
        let before = self.entries.remove(id);
        if let Some(entry) = &before
            && entry.sent == body
            && entry.problem.is_none()
        {
            self.entries.extend(before.map(|entry| (id.clone(), entry)));
            return Effect::None;
        }
        let mut secrets = Secrets::new(&self.secrets);
        let decoded = if body.hash == Hash::of(&body.bytes) {
            convert::decode(id.kind, &body.bytes, &mut secrets)
        } else {
            Err(convert::Invalid::new("is not what its hash says"))
        };
        let mut entry = Entry {
            sent: body.clone(),
            taken: before.and_then(|entry| entry.taken.clone()),
            problem: None,
            secrets: secrets.asked(),
        };
        let effect = match decoded {
            Ok(part) => {
                if let Part::Secret(content) = &part {
                    self.secrets.insert(id.name.clone(), content.clone());
                }
                entry.taken = Some((body, part));
                Effect::Configuration
            }
            Err(invalid) => {
                entry.problem = Some(limits::message(&invalid.to_string()));
                Effect::None
            }
        };
        self.entries.insert(id.clone(), Arc::new(entry));
        effect
    }

    /// The configuration that all resources together make.
    pub(crate) fn config(&self) -> GatewayConfig {
        let mut listeners = Vec::new();
        let mut policy = GatewayPolicy::default();
        let mut routes = Vec::new();
        let mut backends = Vec::new();
        let taken = self
            .entries
            .values()
            .filter_map(|entry| entry.taken.as_ref());
        for (_, part) in taken {
            match part {
                Part::Listener(position, listener) => listeners.push((*position, listener.clone())),
                Part::Route(route) => routes.push(route.clone()),
                Part::Backend(backend) => backends.push(backend.clone()),
                Part::Policy(own) => policy = own.clone(),
                Part::Secret(_) => {}
            }
        }
        listeners.sort_by_key(|(position, _)| *position);
        routes.sort_by(|a, b| (&a.key, a.kind).cmp(&(&b.key, b.kind)));
        backends.sort_by(|a, b| a.key.cmp(&b.key));
        GatewayConfig {
            gateway: self.gateway.clone(),
            listeners: listeners
                .into_iter()
                .map(|(_, listener)| listener)
                .collect(),
            policy: policy.traffic,
            routes,
            backends,
            logged_headers: policy.logged_headers,
            prices: policy.prices,
        }
    }

    /// What is not served as it was sent, and why; bounded.
    pub(crate) fn problems(&self) -> Vec<proto::ResourceError> {
        let named = self.entries.iter().filter_map(|(id, entry)| {
            let message = entry.problem.clone()?;
            let id = Some(id.into());
            Some(proto::ResourceError { id, message })
        });
        let unknown = self.unknown.iter().map(|id| proto::ResourceError {
            id: Some(id.clone()),
            message: "is of a kind that this proxy does not know".to_owned(),
        });
        named.chain(unknown).take(limits::ERRORS).collect()
    }

    /// What is served, by name and hash; `None` when that is too much to tell.
    pub(crate) fn holdings(&self) -> Option<proto::Holdings> {
        let taken = self.entries.iter();
        let taken = taken.filter_map(|(id, entry)| Some((id, &entry.taken.as_ref()?.0)));
        let held = taken.map(|(id, body)| proto::HeldResource {
            id: Some(id.into()),
            hash: body.hash.bytes(),
        });
        let holdings = proto::Holdings {
            resources: held.collect(),
        };
        let small = prost::Message::encoded_len(&holdings) <= limits::HOLDINGS;
        small.then_some(holdings)
    }

    /// What is served, for the state file.
    pub(crate) fn state(&self) -> proto::State {
        let taken = self.entries.iter();
        let taken = taken.filter_map(|(id, entry)| Some((id, &entry.taken.as_ref()?.0)));
        let resources = taken.map(|(id, body)| proto::Resource {
            id: Some(id.into()),
            hash: body.hash.bytes(),
            body: body.bytes.clone(),
        });
        proto::State {
            gateway: Some((&self.gateway).into()),
            version: self.version,
            resources: resources.collect(),
        }
    }

    /// The holdings that a state file describes.
    pub(crate) fn restored(gateway: ObjectKey, state: proto::State) -> Self {
        let change = Change {
            version: state.version,
            upsert: state.resources,
            ..Change::default()
        };
        Self::nothing(gateway).apply(change).0
    }
}

impl Body {
    fn received(hash: &[u8], body: &[u8]) -> Self {
        let bytes = Bytes::copy_from_slice(body);
        // One of another length never matches, and the resource is refused for it.
        let hash = Hash::read(hash).unwrap_or_else(|| Hash::of(&[]));
        Self { hash, bytes }
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry")
            .field("hash", &self.sent.hash)
            .field("problem", &self.problem)
            .finish_non_exhaustive()
    }
}
