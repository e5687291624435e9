//! Writing statuses: by the leader alone, and only what is different.

mod board;
mod merge;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use agw_translate::ObjectStatus;
use agw_translate::finding::ObjectRef;
use agw_translate::status::{Facts, finalize};
use jiff::Timestamp;
use kube::Client;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::decode;
use crate::error::{Error, Retry, within};
use crate::facts::{self, Deliveries, Deployments, Heard};
use crate::lease::Leadership;
use crate::live::{Live, LiveObjects};
use crate::metrics::{Metrics, StatusWrite};
use crate::queue::at;
use crate::reconcile::Publication;
use crate::resource::{Resource, Status};
use board::Board;
use merge::{Extent, difference};

/// Writes that are under way at a time.
const CONCURRENCY: usize = 8;
/// The same while the configuration changes: what is served comes before what is said about it,
/// and both go through the one API server.
const BESIDE_CHANGES: usize = 2;
/// How long after a change the next one is expected.
const CHANGING: Duration = Duration::from_millis(500);
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Proxies are given this long to take a configuration before a status says that they have not.
const ACK_WITHIN: Duration = Duration::from_millis(300);
/// Whoever comes to lead gives all proxies this long to tell what they have, those of the other
/// replicas with them, before it says something that depends on it.
const HEARD_WITHIN: Duration = Duration::from_secs(5);
/// A backend's health is written this often at most.
const HEALTH_EVERY: Duration = Duration::from_secs(10);
/// Statuses that are compared in one go, before others get their turn on the thread.
const BATCH: usize = 64;

/// What the writer follows.
pub(crate) struct Inputs {
    pub(crate) published: Publication,
    pub(crate) deliveries: watch::Receiver<Deliveries>,
    pub(crate) deployments: watch::Receiver<Deployments>,
    pub(crate) leadership: Leadership,
}

pub(crate) struct Writer {
    client: Client,
    live: LiveObjects,
    metrics: Metrics,
    inputs: Inputs,
    board: Board,
    facts: Facts,
    revision: u64,
    /// When that revision came.
    published_at: Option<Instant>,
    /// Objects that were looked at while proxies were behind.
    unsettled: BTreeSet<ObjectRef>,
    /// Until then nothing is said about proxies that are behind.
    hold: Option<Instant>,
    writes: JoinSet<Done>,
    leads: bool,
    heard: Heard,
    /// When all proxies will have told what they have.
    heard_at: Option<Instant>,
}

/// A write that has ended.
struct Done {
    object: ObjectRef,
    /// The version of the object that it was decided on.
    version: String,
    /// `None` where leadership was lost before.
    result: Option<Result<(), Error>>,
}

impl Writer {
    pub(crate) fn new(client: Client, live: LiveObjects, metrics: Metrics, inputs: Inputs) -> Self {
        Self {
            client,
            live,
            metrics,
            inputs,
            board: Board::default(),
            facts: Facts::default(),
            revision: 0,
            published_at: None,
            unsettled: BTreeSet::new(),
            hold: None,
            writes: JoinSet::new(),
            leads: false,
            heard: Heard::default(),
            heard_at: None,
        }
    }

    /// Writes until `end`; writes that are under way then are finished.
    pub(crate) async fn run(mut self, end: CancellationToken) {
        while end.run_until_cancelled(self.step()).await.is_some() {}
        while self.writes.join_next().await.is_some() {}
    }

    /// Waits for something to happen, and does what follows from it. Safe to drop while it waits.
    async fn step(&mut self) {
        let next = self.next_at();
        tokio::select! {
            Ok(()) = self.inputs.published.changed() => self.take_publication(),
            Ok(()) = self.inputs.deliveries.changed() => self.take_facts(),
            Ok(()) = self.inputs.deployments.changed() => self.take_facts(),
            () = self.inputs.leadership.changed() => self.take_leadership(),
            changed = self.live.changed() => {
                let now = Instant::now();
                changed.into_iter().for_each(|object| self.board.queue.mark(object, now));
            }
            Some(done) = self.writes.join_next() => match done {
                Ok(done) => self.ended(&done),
                Err(error) => tracing::error!(%error, "a status write broke off"),
            },
            () = at(next) => {}
            () = at(self.heard_at) => self.hear_no_longer(),
        }
        self.work().await;
    }

    /// When something is to be done without anything having happened.
    fn next_at(&self) -> Option<Instant> {
        if self.revision == 0 || !self.leads || !self.has_room(Instant::now()) {
            return None;
        }
        let next = self.board.queue.next_at()?;
        Some(self.held_until().map_or(next, |hold| next.max(hold)))
    }

    /// Whether one more write may begin. Where not, the end of one that is under way asks again.
    fn has_room(&self, now: Instant) -> bool {
        let changing = self.published_at.is_some_and(|at| now < at + CHANGING);
        let most = if changing {
            BESIDE_CHANGES
        } else {
            CONCURRENCY
        };
        self.writes.len() < most
    }

    fn held_until(&self) -> Option<Instant> {
        self.hold.filter(|_| facts::is_anyone_behind(&self.facts))
    }

    fn take_publication(&mut self) {
        let Some(published) = self.inputs.published.borrow_and_update().clone() else {
            return;
        };
        let now = Instant::now();
        self.revision = published.revision;
        self.published_at = Some(now);
        for object in self.board.want(&published.translation.statuses) {
            self.board.queue.mark(object, now);
        }
        self.hold = self.hold.max(Some(now + ACK_WITHIN));
        self.take_facts();
    }

    fn take_facts(&mut self) {
        let deliveries = self.inputs.deliveries.borrow_and_update().clone();
        let deployments = self.inputs.deployments.borrow_and_update().clone();
        let facts = facts::facts(self.revision, &deliveries, &deployments, self.heard);
        let now = Instant::now();
        for object in facts::affected(&self.facts, &facts, &self.unsettled) {
            for set in self.board.sets_of(&object) {
                self.board.queue.mark(set, now);
            }
            self.board.queue.mark(object, now);
        }
        self.facts = facts;
    }

    /// Whoever comes to lead looks at everything.
    fn take_leadership(&mut self) {
        let leads = self.inputs.leadership.is_held();
        if leads && !self.leads {
            let now = Instant::now();
            self.heard = Heard::Some;
            self.heard_at = Some(now + HEARD_WITHIN);
            self.hold = self.hold.max(self.heard_at);
            self.take_facts();
            let stale = self.live.filter(|object, live| {
                Resource::named(&object.kind)
                    .is_some_and(|r| merge::has_ours(r.status, &live.status))
            });
            self.board
                .all()
                .into_iter()
                .chain(stale)
                .for_each(|o| self.board.queue.mark(o, now));
        }
        if self.leads && !leads {
            self.board.rest();
        }
        self.leads = leads;
    }

    /// What is not known by now is not waited for.
    fn hear_no_longer(&mut self) {
        self.heard = Heard::All;
        self.heard_at = None;
        self.take_facts();
    }

    /// Starts the writes that are due, as many as may be under way.
    async fn work(&mut self) {
        let mut looked = 0;
        while self.revision > 0 && self.leads && self.has_room(Instant::now()) {
            let now = Instant::now();
            if self.held_until().is_some_and(|hold| now < hold) {
                return;
            }
            let Some(object) = self.board.queue.next(now) else {
                return;
            };
            self.look_at(object, now);
            looked += 1;
            if looked % BATCH == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    fn look_at(&mut self, object: ObjectRef, now: Instant) {
        let Some(resource) = Resource::named(&object.kind) else {
            self.board.queue.done(&object, now);
            return;
        };
        let Some(live) = self.live.get(&object) else {
            // It is gone, or the watch has yet to tell of it, and will mark it then.
            self.board.queue.done(&object, now);
            return;
        };
        let Some(wanted) = self.wanted(resource, &object, &live) else {
            self.board.queue.done(&object, now);
            return;
        };
        if facts::is_anyone_behind(&self.facts) {
            self.unsettled.insert(object.clone());
        } else {
            self.unsettled.remove(&object);
        }
        let written = Some(&*live.status).filter(|status| !status.is_null());
        let wanted = finalize(&wanted, written, &self.facts);
        let time = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let difference = difference(resource.status, &live.status, &wanted.status, &time);
        let Some(difference) = difference else {
            self.metrics
                .status(resource.kind.name(), StatusWrite::Unchanged);
            self.board.queue.done(&object, now);
            return;
        };
        if difference.extent == Extent::HealthOnly {
            if let Some(at) = self.board.health_allowed(&object, HEALTH_EVERY, now) {
                self.board.queue.put_off(&object, at);
                return;
            }
            self.board.health_written(&object, now);
        }
        self.write(resource, object, live, difference.patch);
    }

    /// The status that an object is to have. One of which the translation says nothing any more
    /// loses what we wrote about parents that were ours.
    fn wanted(
        &self,
        resource: &Resource,
        object: &ObjectRef,
        live: &Live,
    ) -> Option<Arc<ObjectStatus>> {
        if let Some(wanted) = self.board.wanted(object) {
            return Some(wanted.clone());
        }
        let Status::Entries(list) = resource.status else {
            return None;
        };
        let none = || ObjectStatus {
            gateways: Vec::new(),
            object: object.clone(),
            status: json!({ list: [] }),
        };
        merge::has_ours(resource.status, &live.status).then(|| Arc::new(none()))
    }

    fn write(&mut self, resource: &'static Resource, object: ObjectRef, live: Live, patch: Value) {
        let (client, lives) = (self.client.clone(), self.live.clone());
        let leadership = self.inputs.leadership.clone();
        self.writes.spawn(async move {
            let version = live.resource_version;
            let result = if leadership.is_held() {
                Some(write(&client, &lives, resource, &object, &version, patch).await)
            } else {
                None
            };
            Done {
                object,
                version,
                result,
            }
        });
    }

    fn ended(&mut self, done: &Done) {
        let Done {
            object,
            version,
            result,
        } = done;
        let now = Instant::now();
        let kind = Resource::named(&object.kind).map_or("", |r| r.kind.name());
        let error = match result {
            None => return self.board.queue.done(object, now),
            Some(Ok(())) => {
                self.metrics.status(kind, StatusWrite::Written);
                return self.board.queue.done(object, now);
            }
            Some(Err(error)) => error,
        };
        match error.retry() {
            Retry::Conflict => {
                self.metrics.status(kind, StatusWrite::Conflict);
                // The watch tells what the object has become, if it has not yet.
                let known = self.live.get(object);
                if known.is_none_or(|live| live.resource_version != *version) {
                    self.board.queue.put_off(object, now);
                } else {
                    self.board.queue.failed(object, now);
                }
            }
            Retry::Gone => self.board.queue.done(object, now),
            Retry::Later | Retry::Never => {
                tracing::warn!(%object, %error, "a status is not written; it is tried again");
                self.metrics.status(kind, StatusWrite::Failed);
                self.board.queue.failed(object, now);
            }
        }
    }
}

/// Writes a status onto the state of the object that it was decided on. When that is no longer the
/// object's state, nothing is written.
async fn write(
    client: &Client,
    lives: &LiveObjects,
    resource: &'static Resource,
    object: &ObjectRef,
    version: &str,
    patch: Value,
) -> Result<(), Error> {
    let api = resource.within(client, object.namespace.as_deref());
    let body = json!({ "metadata": { "resourceVersion": version }, "status": patch });
    let (parameters, body) = (PatchParams::default(), Patch::Merge(body));
    let call = api.patch_status(&object.name, &parameters, &body);
    let written = within("the status cannot be written", ANSWER_WITHIN, call).await?;
    let read = decode::read(resource.kind, written);
    lives.put_own(read.reference, read.live);
    Ok(())
}
