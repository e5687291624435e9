//! The work on one Gateway: what is wanted is applied, by server-side apply, and the rest deleted.
//!
//! An object is applied when what is wanted of it changed (its hash is in an annotation), or when
//! somebody else changed it. What is not wanted any more is deleted; what belongs to a Gateway that
//! is deleted goes with it, for the Gateway owns it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use agw_api::names::APP_NAME;
use agw_core::id::ObjectKey;
use agw_translate::infra::GatewayInfra;
use kube::Client;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::objects::{self, Desired, ProxySettings, is_as_wanted};
use super::owned::{Owned, OwnedObjects};
use super::part::Part;
use crate::ca::Bundle;
use crate::error::{Error, Retry, within};
use crate::lease::Leadership;
use crate::metrics::{Deployed, Metrics};

const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// By part and name.
type Settled = HashMap<(Part, ObjectKey), Arc<Value>>;

/// What the work on one Gateway needs.
#[derive(Clone)]
pub(super) struct Worker {
    pub(super) client: Client,
    settings: Arc<ProxySettings>,
    pub(super) owned: OwnedObjects,
    metrics: Metrics,
    leadership: Leadership,
    /// Objects as they were after they were last found or made right.
    settled: Arc<Mutex<Settled>>,
}

/// What is to become of one Gateway's objects.
pub(super) enum Task {
    Deploy(Box<GatewayInfra>, Bundle),
    /// The Gateway is there and not ours any more.
    Remove,
}

impl Worker {
    pub(super) fn new(
        client: Client,
        settings: ProxySettings,
        metrics: Metrics,
        leadership: Leadership,
    ) -> Self {
        Self {
            client,
            settings: Arc::new(settings),
            owned: OwnedObjects::default(),
            metrics,
            leadership,
            settled: Arc::default(),
        }
    }

    /// Whether no object was found or made right yet.
    pub(super) fn has_settled_nothing(&self) -> bool {
        self.settled.lock().is_empty()
    }

    pub(super) async fn carry_out(&self, gateway: &ObjectKey, task: Task) -> Result<(), Error> {
        let wanted = match task {
            Task::Deploy(infra, bundle) => {
                let wanted = objects::desired(&infra, &self.settings, &bundle);
                for desired in &wanted {
                    self.make(&infra, desired).await?;
                }
                wanted
            }
            Task::Remove => Vec::new(),
        };
        for (part, key, owned) in self.owned.of_gateway(gateway) {
            let stays = wanted.iter().any(|d| d.part == part && d.key == key);
            if !stays && !owned.leaving {
                self.prune(part, &key, &owned).await?;
            }
        }
        Ok(())
    }

    /// Applies one object unless it is as it should be.
    async fn make(&self, infra: &GatewayInfra, desired: &Desired) -> Result<(), Error> {
        let id = (desired.part, desired.key.clone());
        let known = self.owned.get(desired.part, &desired.key);
        if let Some(known) = known.filter(|known| known.owner == infra.uid && !known.leaving) {
            let is_applied = known.applied.as_ref() == Some(&desired.hash);
            let settled = self.settled.lock().get(&id).cloned();
            // What others add, such as a Deployment's revision, is no reason to apply; what they
            // change is. Where the API server writes a value in another way than we do, only what
            // it made of ours tells that it is ours.
            let is_untouched = settled.is_some_and(|settled| settled == known.content)
                || is_as_wanted(&known.content, &desired.body);
            if is_applied && is_untouched {
                self.settled.lock().insert(id, known.content);
                return Ok(());
            }
            return self.apply(desired, Some(&known)).await;
        }
        // Not among ours, but it may be there: then it is somebody else's.
        let api = desired.part.within(&self.client, &desired.key.namespace);
        let get = api.get_opt(&desired.key.name);
        let found = within("a deployed object cannot be read", ANSWER_WITHIN, get).await?;
        match found.map(Owned::of) {
            Some(found) if found.owner != infra.uid || found.owner.is_none() || found.leaving => {
                Err(Error::Foreign {
                    object: format!("{} {}", desired.part.kind(), desired.key),
                    gateway: infra.gateway.to_string(),
                })
            }
            found => self.apply(desired, found.as_ref()).await,
        }
    }

    async fn apply(&self, desired: &Desired, live: Option<&Owned>) -> Result<(), Error> {
        if !self.leadership.is_held() {
            return Ok(());
        }
        let (part, key) = (desired.part, &desired.key);
        let api = part.within(&self.client, &key.namespace);
        let mut body = desired.body.clone();
        keep_scale(part, &mut body, live);
        self.make_room(desired, live).await?;
        let parameters = PatchParams::apply(APP_NAME).force();
        let body = Patch::Apply(body);
        let patch = api.patch(&key.name, &parameters, &body);
        let applied = within("an object cannot be applied", ANSWER_WITHIN, patch).await;
        let applied = applied.inspect_err(|_| {
            self.metrics.deployed(part.kind(), Deployed::Failed);
        })?;
        tracing::info!(kind = part.kind(), object = %key, "applied");
        self.metrics.deployed(part.kind(), Deployed::Applied);
        let owned = Owned::of(applied);
        self.settled
            .lock()
            .insert((part, key.clone()), owned.content.clone());
        self.owned.put(part, key.clone(), owned);
        Ok(())
    }

    /// The address of a Service never changes: one that is to have another is made anew, once the
    /// API server has said that it would give that address.
    async fn make_room(&self, desired: &Desired, live: Option<&Owned>) -> Result<(), Error> {
        let asked = &desired.body["spec"]["clusterIP"];
        let Some(live) = live.filter(|live| live.content["spec"]["clusterIP"] != *asked) else {
            return Ok(());
        };
        if desired.part != Part::Service || !asked.is_string() {
            return Ok(());
        }
        let (part, key) = (desired.part, &desired.key);
        let mut probe = desired.body.clone();
        probe["metadata"] = json!({ "generateName": "agentgateway-" });
        let probe = serde_json::from_value(probe).map_err(|error| Error::Api {
            what: "the Service cannot be made",
            source: Box::new(kube::Error::SerdeError(error)),
        })?;
        let parameters = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let api = part.within(&self.client, &key.namespace);
        let create = api.create(&parameters, &probe);
        within("the address cannot be used", ANSWER_WITHIN, create).await?;
        self.prune(part, key, live).await
    }

    async fn prune(&self, part: Part, key: &ObjectKey, owned: &Owned) -> Result<(), Error> {
        if !self.leadership.is_held() {
            return Ok(());
        }
        let api = part.within(&self.client, &key.namespace);
        let parameters = DeleteParams::background().preconditions(Preconditions {
            uid: Some(owned.uid.clone()),
            resource_version: None,
        });
        let delete = api.delete(&key.name, &parameters);
        let deleted = within("an object cannot be deleted", ANSWER_WITHIN, delete).await;
        self.settled.lock().remove(&(part, key.clone()));
        match deleted {
            Ok(_) => {
                tracing::info!(kind = part.kind(), object = %key, "deleted: it is not wanted any more");
                self.metrics.deployed(part.kind(), Deployed::Pruned);
                Ok(())
            }
            Err(error) if matches!(error.retry(), Retry::Gone | Retry::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Where an autoscaler decides on replicas the field is not ours. But giving up a field that was
/// applied before resets it, to one replica; so what is there is repeated.
fn keep_scale(part: Part, body: &mut Value, live: Option<&Owned>) {
    if part != Part::Deployment || body["spec"].get("replicas").is_some() {
        return;
    }
    let replicas = live.map(|owned| owned.content["spec"]["replicas"].clone());
    if let Some(replicas) = replicas.filter(Value::is_number) {
        body["spec"]["replicas"] = replicas;
    }
}
