//! What is deployed at the moment, as the API server tells.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;

use agw_api::names::{APP_NAME, GATEWAY_CLASS_NAME_LABEL, GATEWAY_NAME_LABEL, MANAGED_BY_LABEL};
use agw_core::id::ObjectKey;
use agw_translate::status::Address;
use futures_util::StreamExt;
use kube::Client;
use kube::core::dynamic::DynamicObject;
use kube::runtime::{WatchStreamExt, watcher};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::objects::APPLIED;
use super::part::Part;

/// One deployed object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Owned {
    pub(crate) uid: String,
    /// The Gateway that owns it, by uid.
    pub(crate) owner: Option<String>,
    /// The Gateway's name.
    pub(crate) owner_name: Option<String>,
    /// Hash of what was applied last.
    pub(crate) applied: Option<String>,
    /// It is being deleted.
    pub(crate) leaving: bool,
    /// The object without `status` and what changes by itself.
    pub(crate) content: Arc<Value>,
    pub(crate) status: Arc<Value>,
}

/// Deployed objects. Clones share them; there are a handful for each Gateway.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnedObjects(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    objects: HashMap<(Part, ObjectKey), Owned>,
    listed: HashSet<Part>,
}

impl Owned {
    pub(crate) fn of(object: DynamicObject) -> Self {
        let metadata = object.metadata;
        let owners = metadata.owner_references.iter().flatten();
        let owner = owners.clone().find(|owner| owner.kind == "Gateway");
        let annotations = metadata.annotations.as_ref();
        let mut content = object.data;
        let status = content
            .as_object_mut()
            .and_then(|map| map.shift_remove("status"));
        content["metadata"] = serde_json::json!({
            "name": metadata.name,
            "namespace": metadata.namespace,
            "labels": metadata.labels,
            "annotations": metadata.annotations,
            "ownerReferences": metadata.owner_references,
        });
        Self {
            uid: metadata.uid.unwrap_or_default(),
            owner: owner.map(|owner| owner.uid.clone()),
            owner_name: owner.map(|owner| owner.name.clone()),
            applied: annotations.and_then(|all| all.get(APPLIED).cloned()),
            leaving: metadata.deletion_timestamp.is_some(),
            content: Arc::new(content),
            status: Arc::new(status.unwrap_or_default()),
        }
    }

    /// The class that its Gateway was of, as far as a label can say it.
    pub(crate) fn class(&self) -> Option<&str> {
        self.content["metadata"]["labels"][GATEWAY_CLASS_NAME_LABEL].as_str()
    }

    /// Where a Service is reached: its load balancer, or else itself.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        let ingress = self.status["loadBalancer"]["ingress"].as_array();
        let ingress = ingress.into_iter().flatten().filter_map(|ingress| {
            let ip = ingress["ip"].as_str().map(|ip| Address::Ip(ip.to_owned()));
            let name = || {
                ingress["hostname"]
                    .as_str()
                    .map(|n| Address::Hostname(n.to_owned()))
            };
            ip.or_else(name)
        });
        let mut addresses: Vec<_> = ingress.collect();
        if addresses.is_empty() {
            let own = self.content["spec"]["clusterIPs"]
                .as_array()
                .into_iter()
                .flatten();
            let own = own
                .filter_map(Value::as_str)
                .filter(|ip| !ip.is_empty() && *ip != "None");
            addresses.extend(own.map(|ip| Address::Ip(ip.to_owned())));
        }
        addresses
    }

    /// Pods of a Deployment that are ready.
    pub(crate) fn ready(&self) -> u32 {
        let ready = self.status["readyReplicas"].as_u64().unwrap_or(0);
        u32::try_from(ready).unwrap_or(u32::MAX)
    }
}

impl OwnedObjects {
    pub(crate) fn get(&self, part: Part, key: &ObjectKey) -> Option<Owned> {
        self.0
            .state
            .lock()
            .objects
            .get(&(part, key.clone()))
            .cloned()
    }

    /// What a Gateway of that namespace and name owns.
    pub(crate) fn of_gateway(&self, gateway: &ObjectKey) -> Vec<(Part, ObjectKey, Owned)> {
        let state = self.0.state.lock();
        let its = state.objects.iter().filter(|((_, key), owned)| {
            key.namespace == gateway.namespace
                && owned.owner_name.as_deref() == Some(&*gateway.name)
        });
        its.map(|((part, key), owned)| (*part, key.clone(), owned.clone()))
            .collect()
    }

    /// The Gateways that own something.
    pub(crate) fn owners(&self) -> HashSet<ObjectKey> {
        let state = self.0.state.lock();
        let owners = state.objects.iter().filter_map(|((_, key), owned)| {
            let name = owned.owner_name.as_deref()?;
            Some(ObjectKey::new(key.namespace.clone(), name))
        });
        owners.collect()
    }

    /// Whether every kind has been listed.
    pub(crate) fn is_complete(&self) -> bool {
        self.0.state.lock().listed.len() == Part::ALL.len()
    }

    /// Waits for a change.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    pub(crate) fn put(&self, part: Part, key: ObjectKey, owned: Owned) {
        let before = self
            .0
            .state
            .lock()
            .objects
            .insert((part, key), owned.clone());
        if before.as_ref() != Some(&owned) {
            self.0.changed.notify_one();
        }
    }

    fn remove(&self, part: Part, key: &ObjectKey) {
        if self
            .0
            .state
            .lock()
            .objects
            .remove(&(part, key.clone()))
            .is_some()
        {
            self.0.changed.notify_one();
        }
    }

    /// A list has ended: what it did not name is gone.
    fn listed(&self, part: Part, seen: &HashSet<ObjectKey>) {
        let mut state = self.0.state.lock();
        state
            .objects
            .retain(|(p, key), _| *p != part || seen.contains(key));
        state.listed.insert(part);
        drop(state);
        self.0.changed.notify_one();
    }
}

/// Follows what is deployed until `end`.
pub(crate) fn watch(
    client: &Client,
    objects: &OwnedObjects,
    end: &CancellationToken,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for part in Part::ALL {
        let (client, objects, end) = (client.clone(), objects.clone(), end.clone());
        tasks.spawn(async move {
            end.run_until_cancelled(follow(client, objects, part)).await;
        });
    }
    tasks
}

async fn follow(client: Client, objects: OwnedObjects, part: Part) {
    let selector = format!("{MANAGED_BY_LABEL}={APP_NAME},{GATEWAY_NAME_LABEL}");
    let config = watcher::Config::default().labels(&selector);
    let mut stream = pin!(watcher(part.all(&client), config).default_backoff());
    let mut seen = HashSet::new();
    while let Some(event) = stream.next().await {
        match event {
            Ok(watcher::Event::Init) => seen.clear(),
            Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object)) => {
                let key = crate::decode::key(&object);
                seen.insert(key.clone());
                objects.put(part, key, Owned::of(object));
            }
            Ok(watcher::Event::InitDone) => {
                objects.listed(part, &seen);
                seen.clear();
            }
            Ok(watcher::Event::Delete(object)) => {
                objects.remove(part, &crate::decode::key(&object));
            }
            Err(error) => {
                let kind = part.kind();
                tracing::warn!(kind, %error, "a watch of what is deployed is interrupted");
            }
        }
    }
}
