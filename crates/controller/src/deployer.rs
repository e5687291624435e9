//! Deploying proxies: which Gateways are due, and what has become of each.

pub(crate) mod objects;
mod owned;
mod part;
mod work;

use std::collections::BTreeMap;

use agw_core::id::ObjectKey;
use agw_translate::Translation;
use agw_translate::finding::ObjectRef;
use agw_translate::infra::GatewayInfra;
use agw_translate::status::Address;
use kube::Client;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ca::Bundle;
use crate::error::Error;
use crate::facts::{Deployment, Deployments};
use crate::lease::Leadership;
use crate::live::{Live, LiveObjects};
use crate::metrics::Metrics;
use crate::queue::{Queue, at};
use crate::reconcile::Publication;
use objects::ProxySettings;
use owned::Owned;
use part::Part;
use work::{Task, Worker};

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

impl Deployer {
    pub(crate) fn new(
        client: Client,
        live: LiveObjects,
        settings: ProxySettings,
        metrics: Metrics,
        inputs: Inputs,
    ) -> (Self, watch::Receiver<Deployments>) {
        let (deployments, receiver) = watch::channel(Deployments::new());
        let worker = Worker::new(client, settings, metrics, inputs.leadership.clone());
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
        if self.inputs.leadership.is_held() && self.worker.has_settled_nothing() {
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
