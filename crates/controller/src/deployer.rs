//! Deploying proxies: for each Gateway what its translation asks for, by server-side apply.
//!
//! An object is applied when what is wanted of it changed (its hash is in an annotation), or when
//! somebody else changed it. What is not wanted any more is deleted; what belongs to a Gateway that
//! is deleted goes with it, for the Gateway owns it.

pub(crate) mod objects;
mod owned;
mod part;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use agw_core::id::ObjectKey;
use agw_translate::Translation;
use agw_translate::finding::ObjectRef;
use agw_translate::infra::GatewayInfra;
use agw_translate::status::Address;
use kube::Client;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use agw_api::names::APP_NAME;

use crate::ca::Bundle;
use crate::error::{Error, Retry, within};
use crate::facts::{Deployment, Deployments};
use crate::lease::Leadership;
use crate::live::{Live, LiveObjects};
use crate::metrics::{Deployed, Metrics};
use crate::queue::{Queue, at};
use crate::reconcile::Publication;
use objects::{Desired, ProxySettings, is_as_wanted};
use owned::{Owned, OwnedObjects};
use part::Part;

const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Gateways that are worked on at a time.
const CONCURRENCY: usize = 4;

/// What the deployer follows.
pub(crate) struct Inputs {
    pub(crate) published: Publication,
    pub(crate) bundle: watch::Receiver<Option<Bundle>>,
    pub(crate) leadership: Leadership,
}

pub(crate) struct Deployer {
    worker: Worker,
    live: LiveObjects,
    inputs: Inputs,
    deployments: watch::Sender<Deployments>,
    queue: Queue<ObjectKey>,
    work: JoinSet<(ObjectKey, Result<(), Error>)>,
    /// Why a Gateway's proxies are not deployed as they should be.
    failures: BTreeMap<ObjectKey, String>,
}

/// By part and name.
type Settled = HashMap<(Part, ObjectKey), Arc<Value>>;

/// What the work on one Gateway needs.
#[derive(Clone)]
struct Worker {
    client: Client,
    settings: Arc<ProxySettings>,
    owned: OwnedObjects,
    metrics: Metrics,
    leadership: Leadership,
    /// Objects as they were after they were last found or made right.
    settled: Arc<Mutex<Settled>>,
}

/// What is to become of one Gateway's objects.
enum Task {
    Deploy(Box<GatewayInfra>, Bundle),
    /// The Gateway is there and not ours any more.
    Remove,
}

impl Deployer {
    pub(crate) fn new(
        client: Client,
        live: LiveObjects,
        settings: ProxySettings,
        metrics: Metrics,
        inputs: Inputs,
    ) -> (Self, watch::Receiver<Deployments>) {
        let (deployments, receiver) = watch::channel(Deployments::new());
        let worker = Worker {
            client,
            settings: Arc::new(settings),
            owned: OwnedObjects::default(),
            metrics,
            leadership: inputs.leadership.clone(),
            settled: Arc::default(),
        };
        let deployer = Self {
            worker,
            live,
            inputs,
            deployments,
            queue: Queue::default(),
            work: JoinSet::new(),
            failures: BTreeMap::new(),
        };
        (deployer, receiver)
    }

    /// Deploys until `end`; work that is under way then is finished.
    pub(crate) async fn run(mut self, end: CancellationToken) {
        let mut watches = owned::watch(&self.worker.client, &self.worker.owned, &end);
        while end.run_until_cancelled(self.step()).await.is_some() {}
        while self.work.join_next().await.is_some() {}
        while watches.join_next().await.is_some() {}
    }

    async fn step(&mut self) {
        let next = (self.work.len() < CONCURRENCY)
            .then(|| self.queue.next_at())
            .flatten();
        let next = next.filter(|_| self.may_work());
        tokio::select! {
            Ok(()) = self.inputs.published.changed() => self.mark_all(),
            Ok(()) = self.inputs.bundle.changed() => self.mark_all(),
            () = self.inputs.leadership.changed() => self.take_leadership(),
            () = self.worker.owned.changed() => self.mark_all(),
            Some(done) = self.work.join_next() => match done {
                Ok((gateway, result)) => self.ended(&gateway, result),
                Err(error) => tracing::error!(%error, "a deployment broke off"),
            },
            () = at(next) => {}
        }
        self.start();
        self.report();
    }

    fn may_work(&self) -> bool {
        self.inputs.leadership.is_held() && self.worker.owned.is_complete()
    }

    fn take_leadership(&mut self) {
        // A renewal says nothing new; a win does, and then nothing is settled here yet.
        if self.inputs.leadership.is_held() && self.worker.settled.lock().is_empty() {
            self.mark_all();
        }
    }

    /// Every Gateway that is ours or was is looked at: that costs comparisons, and requests only
    /// where something is different.
    fn mark_all(&mut self) {
        let published = self.inputs.published.borrow_and_update().clone();
        self.inputs.bundle.borrow_and_update();
        let Some(published) = published else {
            return;
        };
        let now = Instant::now();
        let infra = published.translation.infra.iter();
        for gateway in infra
            .map(|infra| infra.gateway.clone())
            .chain(self.worker.owned.owners())
        {
            self.queue.mark(gateway, now);
        }
    }

    fn start(&mut self) {
        while self.may_work() && self.work.len() < CONCURRENCY {
            let now = Instant::now();
            let Some(gateway) = self.queue.next(now) else {
                return;
            };
            let Some(task) = self.task(&gateway) else {
                self.failures.remove(&gateway);
                self.queue.done(&gateway, now);
                continue;
            };
            let worker = self.worker.clone();
            self.work.spawn(async move {
                let result = worker.carry_out(&gateway, task).await;
                (gateway, result)
            });
        }
    }

    fn task(&self, gateway: &ObjectKey) -> Option<Task> {
        let published = self.inputs.published.borrow().clone()?;
        let Translation {
            gateways, infra, ..
        } = &*published.translation;
        if let Some(infra) = infra.iter().find(|infra| infra.gateway == *gateway) {
            // One that was deleted a moment ago, before the translation knows, gets nothing new.
            if self.live(gateway).map(|live| live.uid) != infra.uid {
                return None;
            }
            let bundle = self.inputs.bundle.borrow().clone()?;
            return Some(Task::Deploy(Box::new(infra.clone()), bundle));
        }
        // One of ours that cannot be deployed as it is written keeps what it has.
        let is_ours = gateways.iter().any(|config| config.gateway == *gateway);
        (!is_ours && self.has_left(gateway)).then_some(Task::Remove)
    }

    fn live(&self, gateway: &ObjectKey) -> Option<Live> {
        let object = ObjectRef::new("Gateway", Some(&gateway.namespace), &gateway.name);
        self.live.get(&object)
    }

    /// Whether a Gateway has gone to another class. One that is deleted takes what it owns with it,
    /// and one whose class was deleted, perhaps to be created anew, keeps its proxies meanwhile.
    fn has_left(&self, gateway: &ObjectKey) -> bool {
        let Some(class) = self.live(gateway).and_then(|live| live.class) else {
            return false;
        };
        let owned = self.worker.owned.of_gateway(gateway);
        let mut classes = owned.iter().filter_map(|(_, _, owned)| owned.class());
        // The label is the class's name, or one made from it.
        let start: String = class.replace('.', "-").chars().take(40).collect();
        !classes.any(|label| label.starts_with(&start))
    }

    fn ended(&mut self, gateway: &ObjectKey, result: Result<(), Error>) {
        let now = Instant::now();
        match result {
            Ok(()) => {
                self.failures.remove(gateway);
                self.queue.done(gateway, now);
            }
            Err(error) => {
                tracing::warn!(%gateway, %error, "the proxies are not deployed; it is tried again");
                self.failures.insert(gateway.clone(), error.to_string());
                self.queue.failed(gateway, now);
            }
        }
    }

    /// Tells what is deployed of each Gateway of ours.
    fn report(&self) {
        let published = self.inputs.published.borrow().clone();
        let translation = published.as_ref().map(|p| &p.translation);
        let infra = translation
            .iter()
            .flat_map(|translation| &translation.infra);
        let deployments: Deployments = infra
            .map(|infra| (infra.gateway.clone(), self.deployment(infra)))
            .collect();
        self.deployments.send_if_modified(|known| {
            let differs = *known != deployments;
            if differs {
                *known = deployments;
            }
            differs
        });
    }

    fn deployment(&self, infra: &GatewayInfra) -> Deployment {
        let key = ObjectKey::new(infra.gateway.namespace.clone(), infra.name.as_str());
        let its = |owned: &Owned| owned.owner == infra.uid && !owned.leaving;
        let service = self.worker.owned.get(Part::Service, &key).filter(its);
        let deployment = self.worker.owned.get(Part::Deployment, &key).filter(its);
        let addresses = service.map(|owned| owned.addresses()).unwrap_or_default();
        let failure = self.failures.get(&infra.gateway).cloned();
        let mut asked = infra.service.addresses.iter();
        let missing = asked.find(|address| !addresses.contains(address));
        let unusable_address = missing.map(|address| {
            let (Address::Ip(value) | Address::Hostname(value)) = address;
            let why = failure.as_deref().unwrap_or("it has another");
            format!("the Service has not got the address {value}: {why}")
        });
        Deployment {
            addresses,
            failure,
            unusable_address,
            ready: deployment.map_or(0, |owned| owned.ready()),
        }
    }
}

impl Worker {
    async fn carry_out(&self, gateway: &ObjectKey, task: Task) -> Result<(), Error> {
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
            let is_untouched = match settled {
                Some(settled) => settled == known.content,
                None => is_as_wanted(&known.content, &desired.body),
            };
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
