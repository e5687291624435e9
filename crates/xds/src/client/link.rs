//! The life of a client: restore, connect, follow, and again.

use std::sync::Arc;

use agw_core::snapshot::Snapshot;
use futures_util::stream;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Streaming};

use super::collect::{Change, Collector};
use super::held::{Effect, Held};
use super::outbox::Outbox;
use super::{ClientPorts, ClientSettings, Link, state_file};
use crate::backoff::Backoff;
use crate::connect::{Connected, Target, Trust, connect};
use crate::error::{Error, Fault};
use crate::limits;
use crate::proto;
use crate::proto::configuration_discovery_client::ConfigurationDiscoveryClient;

pub(super) struct Client {
    settings: ClientSettings,
    ports: ClientPorts,
    keep: watch::Sender<Option<Arc<Held>>>,
    held: Arc<Held>,
    /// The last snapshot.
    snapshot: Option<Arc<Snapshot>>,
    backoff: Backoff,
}

/// Why following a stream ended.
enum End {
    /// Nobody needs the configuration any more.
    Done,
    Failed(Error),
}

/// What the controller is expected to send.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Changes,
    /// It was asked for everything; changes that cross the question do not fit.
    Everything,
}

/// One stream.
struct Stream {
    updates: Streaming<proto::Update>,
    requests: mpsc::Sender<proto::ProxyMessage>,
    outbox: Outbox,
    collector: Collector,
    expected: Expected,
    /// Version to acknowledge, and the version of the snapshot that has to be in force before.
    unacked: Option<(u64, u64)>,
}

impl<E: Into<Error>> From<E> for End {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Client {
    pub(super) fn new(
        settings: ClientSettings,
        ports: ClientPorts,
        keep: watch::Sender<Option<Arc<Held>>>,
    ) -> Self {
        Self {
            held: Arc::new(Held::nothing(settings.gateway.clone())),
            backoff: Backoff::new(settings.seed),
            snapshot: None,
            settings,
            ports,
            keep,
        }
    }

    pub(super) async fn run(mut self, shutdown: &CancellationToken) {
        self.restore().await;
        loop {
            let end = tokio::select! {
                () = shutdown.cancelled() => return,
                end = self.follow() => end,
            };
            match end {
                Ok(()) | Err(End::Done) => return,
                Err(End::Failed(error)) => self.away(&error),
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(self.backoff.wait()) => {}
            }
        }
    }

    /// Says why there is no controller; loudly only when it is news.
    fn away(&self, error: &Error) {
        let reason: Arc<str> = error.to_string().into();
        let news = self.ports.link.send_if_modified(|link| {
            let next = Link::Away(reason.clone());
            let news = *link != next;
            *link = next;
            news
        });
        let address = &self.settings.address;
        match (news, error.fault()) {
            (false, _) => tracing::debug!(address, %error, "still no configuration stream"),
            (true, Fault::Setup | Fault::Bug) => {
                tracing::error!(address, %error, "no configuration stream; serving what is held");
            }
            (true, Fault::Network | Fault::Controller) => {
                tracing::warn!(address, %error, "no configuration stream; serving what is held");
            }
        }
    }

    /// Serves from the state file until the controller says more.
    async fn restore(&mut self) {
        let Some(path) = self.settings.state_file.clone() else {
            return;
        };
        let gateway = self.settings.gateway.clone();
        let shown = path.display().to_string();
        let loading = tokio::task::spawn_blocking(move || {
            let held = state_file::load(&path, &gateway)?;
            Ok(held.map(|held| (snapshot(None, &held, held.version), held)))
        });
        let loaded: Result<_, state_file::Unusable> = match loading.await {
            Ok(loaded) => loaded,
            Err(error) => Err(std::io::Error::other(error).into()),
        };
        match loaded {
            Ok(Some((snapshot, held))) => {
                tracing::info!(
                    path = shown,
                    version = held.version,
                    "serving as before the start"
                );
                self.held = Arc::new(held);
                self.serve(snapshot);
            }
            Ok(None) => tracing::debug!(path = shown, "there is no configuration from before"),
            Err(error) => tracing::warn!(path = shown, %error, "ignoring the kept configuration"),
        }
    }

    fn serve(&mut self, snapshot: Arc<Snapshot>) {
        self.snapshot = Some(snapshot.clone());
        self.ports.snapshots.send_replace(Some(snapshot));
    }

    /// Connects and follows until the stream ends.
    async fn follow(&mut self) -> Result<(), End> {
        let mut stream = self.open().await?;
        self.ports.link.send_replace(Link::Connected);
        tracing::info!(address = self.settings.address, "following the controller");
        loop {
            self.step(&mut stream).await?;
        }
    }

    async fn open(&self) -> Result<Stream, Error> {
        let settings = &self.settings;
        let Connected {
            channel,
            authorization,
        } = connect(&Target {
            address: &settings.address,
            server_name: &settings.server_name,
            trust: Trust::File(&settings.ca_file),
            token_file: &settings.token_file,
        })
        .await?;
        let mut client = ConfigurationDiscoveryClient::new(channel)
            .max_decoding_message_size(limits::MESSAGE)
            .max_encoding_message_size(limits::MESSAGE);
        let mut outbox = Outbox::new(self.hello());
        outbox.health(&self.ports.health.borrow());
        let (requests, outgoing) = mpsc::channel(1);
        // Most servers, and ours, answer before the first message; one that waits for it gets it.
        if let Some(hello) = outbox.take() {
            let _ = requests.try_send(hello);
        }
        let outgoing = stream::unfold(outgoing, |mut outgoing| async move {
            let message = outgoing.recv().await?;
            Some((message, outgoing))
        });
        let mut request = Request::new(outgoing);
        request
            .metadata_mut()
            .insert("authorization", authorization);
        let updates = client.stream(request).await?.into_inner();
        Ok(Stream {
            updates,
            requests,
            outbox,
            collector: Collector::default(),
            expected: Expected::Changes,
            unacked: None,
        })
    }

    /// What is held; without it, if that is too much to tell.
    fn hello(&self) -> proto::Hello {
        proto::Hello {
            proxy: self.settings.proxy.to_string(),
            gateway: Some((&self.settings.gateway).into()),
            version: self.held.version,
            holdings: self.held.holdings(),
        }
    }

    async fn step(&mut self, stream: &mut Stream) -> Result<(), End> {
        let in_force = stream.unacked.map(|(_, snapshot)| snapshot);
        let due = stream.outbox.due();
        tokio::select! {
            update = stream.updates.message() => {
                let update = update?.ok_or(Error::Ended)?;
                if let Some(change) = stream.collector.push(update)? {
                    self.take(stream, change).await?;
                }
            }
            served = reached(&mut self.ports.in_force, in_force), if in_force.is_some() => {
                served?;
                if let Some((version, _)) = stream.unacked.take() {
                    let errors = self.held.problems();
                    stream.outbox.ack(proto::Ack { version, errors });
                }
            }
            changed = self.ports.health.changed() => {
                changed.map_err(|_| End::Done)?;
                stream.outbox.health(&self.ports.health.borrow_and_update());
            }
            room = room(stream.requests.clone(), due), if due.is_some() => {
                let room = room.ok_or(Error::Ended)?;
                if let Some(message) = stream.outbox.take() {
                    room.send(message);
                }
            }
        }
        Ok(())
    }

    /// Takes a change over, or asks for everything if it does not fit.
    async fn take(&mut self, stream: &mut Stream, change: Change) -> Result<(), End> {
        if change.base != 0
            && (change.base != self.held.version || stream.expected == Expected::Everything)
        {
            if stream.expected == Expected::Changes {
                tracing::warn!(
                    base = change.base,
                    held = self.held.version,
                    "a change does not fit what is held; asking for everything"
                );
                stream.expected = Expected::Everything;
                stream.unacked = None;
                stream.outbox.hello(proto::Hello {
                    version: 0,
                    holdings: None,
                    ..self.hello()
                });
            }
            return Ok(());
        }
        stream.expected = Expected::Changes;
        let version = change.version;
        let (held, served) = (self.held.clone(), self.snapshot.clone());
        // Decoding and indexing thousands of routes takes milliseconds.
        let applying = tokio::task::spawn_blocking(move || {
            let (held, effect) = held.apply(change);
            // Nothing served yet is a change, even to an empty configuration.
            let news = effect == Effect::Configuration || served.is_none();
            let last = served.as_ref().map_or(0, |snapshot| snapshot.version);
            let next = version.max(last + 1);
            let snapshot = news.then(|| snapshot(served.as_deref(), &held, next));
            (held, snapshot)
        });
        let (held, snapshot) = applying.await.map_err(Error::Task)?;
        self.held = Arc::new(held);
        if let Some(snapshot) = snapshot {
            self.serve(snapshot);
            self.keep.send_replace(Some(self.held.clone()));
        }
        let last = self
            .snapshot
            .as_ref()
            .map_or(0, |snapshot| snapshot.version);
        stream.unacked = Some((version, last));
        // The controller is there, and what it sends can be used.
        self.backoff.reset();
        Ok(())
    }
}

fn snapshot(before: Option<&Snapshot>, held: &Held, version: u64) -> Arc<Snapshot> {
    let config = Arc::new(held.config());
    Arc::new(Snapshot::build_after(before, version, config))
}

/// Waits until requests are served from this version.
async fn reached(in_force: &mut watch::Receiver<u64>, version: Option<u64>) -> Result<(), End> {
    let reached = in_force.wait_for(|served| version.is_some_and(|version| *served >= version));
    reached.await.map(|_| ()).map_err(|_| End::Done)
}

/// Room for a message, once there is one to send.
async fn room(
    requests: mpsc::Sender<proto::ProxyMessage>,
    due: Option<Instant>,
) -> Option<mpsc::OwnedPermit<proto::ProxyMessage>> {
    if let Some(due) = due {
        tokio::time::sleep_until(due).await;
    }
    requests.reserve_owned().await.ok()
}
