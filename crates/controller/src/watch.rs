//! Watching: every kind that matters, into one queue of changes.
//!
//! What did not change is not passed on. A relist after a lost watch, a restart of the API server
//! or our own status writes bring thousands of objects that are what they were.

mod known;

use std::pin::pin;
use std::time::Duration;

use agw_core::id::ObjectKey;
use agw_translate::manifest::{Kind, Object, Unreadable};
use futures_util::StreamExt;
use kube::Client;
use kube::core::dynamic::DynamicObject;
use kube::runtime::{WatchStreamExt, watcher};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::decode;
use crate::live::LiveObjects;
use crate::metrics::Metrics;
use crate::resource::{Presence, RESOURCES, Resource, Status};
use known::{Known, Verdict};

/// Changes that may wait; watches pause when there are more.
const QUEUE: usize = 4096;
/// Before the same list is asked for in another version, or a watch that ended is begun again.
const PAUSE: Duration = Duration::from_secs(1);
/// Before a kind that the API server does not know is asked for again.
const ABSENCE: Duration = Duration::from_secs(30);

/// One thing that is different from before.
#[derive(Debug)]
pub(crate) enum Change {
    Apply(Box<Object>),
    /// The object is there and cannot be read.
    Unreadable(Box<Unreadable>),
    Delete(Kind, ObjectKey),
    /// Every object of the kind has been told; sent once.
    Listed(Kind),
}

/// What all watches share.
#[derive(Clone)]
struct Shared {
    client: Client,
    live: LiveObjects,
    metrics: Metrics,
    changes: mpsc::Sender<Change>,
}

/// Starts a watch for each kind. They go on, through every error, until `end`.
pub(crate) fn start(
    client: &Client,
    live: &LiveObjects,
    metrics: &Metrics,
    end: &CancellationToken,
) -> (mpsc::Receiver<Change>, JoinSet<()>) {
    let (changes, receiver) = mpsc::channel(QUEUE);
    let shared = Shared {
        client: client.clone(),
        live: live.clone(),
        metrics: metrics.clone(),
        changes,
    };
    let mut tasks = JoinSet::new();
    for resource in RESOURCES {
        let watch = Watch {
            resource,
            shared: shared.clone(),
            known: Known::default(),
            version: 0,
        };
        let end = end.clone();
        tasks.spawn(async move {
            end.run_until_cancelled(watch.run()).await;
        });
    }
    (receiver, tasks)
}

/// The watch of one kind.
struct Watch {
    resource: &'static Resource,
    shared: Shared,
    known: Known,
    /// Which of the kind's versions is asked for.
    version: usize,
}

/// Why a watch has to be begun anew.
enum Restart {
    Version,
    Ended,
    /// The API server does not know the kind, now.
    Missing,
}

/// The queue's reader is gone, and so is the reason to watch.
struct Closed;

impl Watch {
    async fn run(mut self) {
        while let Ok(restart) = self.follow().await {
            if matches!(restart, Restart::Version) {
                self.version += 1;
            }
            let pause = match restart {
                Restart::Missing => ABSENCE,
                Restart::Version | Restart::Ended => PAUSE,
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn follow(&mut self) -> Result<Restart, Closed> {
        let api = self.resource.all(&self.shared.client, self.version);
        let config = watcher::Config {
            field_selector: self.resource.fields.map(str::to_owned),
            ..watcher::Config::default()
        };
        let mut stream = pin!(watcher(api, config).default_backoff());
        while let Some(event) = stream.next().await {
            match event {
                Ok(event) => self.take(event).await?,
                Err(error) => {
                    let is_optional = self.resource.presence == Presence::Optional;
                    if is_missing(&error) && is_optional {
                        self.do_without().await?;
                        return Ok(Restart::Missing);
                    }
                    self.tell(&error);
                    if is_missing(&error) && self.resource.versions() > 1 {
                        return Ok(Restart::Version);
                    }
                }
            }
        }
        Ok(Restart::Ended)
    }

    async fn take(&mut self, event: watcher::Event<DynamicObject>) -> Result<(), Closed> {
        match event {
            watcher::Event::Init => self.known.begin_list(),
            watcher::Event::InitApply(object) | watcher::Event::Apply(object) => {
                self.apply(object).await?;
            }
            watcher::Event::Delete(object) => self.delete(decode::key(&object)).await?,
            watcher::Event::InitDone => {
                for key in self.known.end_list() {
                    self.delete(key).await?;
                }
                if self.known.first_list_ended() {
                    tracing::debug!(kind = %self.resource.kind, "listed");
                    self.send(Change::Listed(self.resource.kind)).await?;
                }
            }
        }
        Ok(())
    }

    /// The kind's definition is not installed: there are no objects of it.
    async fn do_without(&mut self) -> Result<(), Closed> {
        self.known.begin_list();
        for key in self.known.end_list() {
            self.delete(key).await?;
        }
        if self.known.first_list_ended() {
            let (kind, remedy) = (self.resource.kind, self.resource.remedy());
            tracing::info!(%kind, "there are no {kind}s: {remedy}");
            self.send(Change::Listed(kind)).await?;
        }
        Ok(())
    }

    async fn apply(&mut self, object: DynamicObject) -> Result<(), Closed> {
        let kind = self.resource.kind;
        self.shared.metrics.watch_event(kind);
        let version = object.metadata.resource_version.as_deref();
        if self.known.has_seen(&decode::key(&object), version) {
            return Ok(());
        }
        let read = decode::read(kind, object);
        let version = read.live.resource_version.clone();
        if self.resource.status == Status::Ignored {
            self.shared.live.put_own(read.reference.clone(), read.live);
        } else {
            self.shared.live.put(read.reference.clone(), read.live);
        }
        if self.known.take(&read.key, version, &read.value) == Verdict::Same {
            return Ok(());
        }
        let change = match Object::from_cluster(kind, read.value) {
            Ok(object) => Change::Apply(Box::new(object)),
            Err(unreadable) => {
                tracing::warn!(object = %read.reference, "an object cannot be read");
                Change::Unreadable(unreadable)
            }
        };
        self.send(change).await
    }

    async fn delete(&mut self, key: ObjectKey) -> Result<(), Closed> {
        self.known.remove(&key);
        let kind = self.resource.kind;
        self.shared.live.remove(&decode::reference(kind, &key));
        self.send(Change::Delete(kind, key)).await
    }

    async fn send(&self, change: Change) -> Result<(), Closed> {
        self.shared.changes.send(change).await.map_err(|_| Closed)
    }

    /// Says what is wrong; the watch is tried again with growing pauses.
    fn tell(&self, error: &watcher::Error) {
        let kind = self.resource.kind;
        self.shared.metrics.watch_error(kind);
        if is_missing(error) {
            let remedy = self.resource.remedy();
            tracing::error!(%kind, "{kind} cannot be watched: {remedy}; it is tried again");
        } else {
            tracing::warn!(%kind, %error, "a watch is interrupted and begun again");
        }
    }
}

/// Whether the API server does not know the kind.
fn is_missing(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code == 404,
        _ => false,
    }
}
