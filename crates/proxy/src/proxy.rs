//! The proxy as its owner sees it, and the thread that looks after its workers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use agw_core::health::Availability;
use agw_core::id::BackendKey;
use agw_core::snapshot::Snapshot;
use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::LocalSet;

use crate::listener::{self, Port};
use crate::live::{Live, now_millis};
use crate::prober::Prober;
use crate::server_tls::TlsServers;
use crate::settings::Settings;
use crate::telemetry::{Gauges, Shard, render};
use crate::upstream::TlsClients;
use crate::worker::{self, Command, Shared};

/// A running data plane for one Gateway.
pub struct Proxy {
    serving: watch::Receiver<Serving>,
    drain: oneshot::Sender<Duration>,
    control: JoinHandle<()>,
    workers: Vec<JoinHandle<()>>,
    view: View,
}

/// What is in force.
#[derive(Debug, Clone, Default)]
pub struct Serving {
    /// Version of the snapshot; 0 before the first.
    pub version: u64,
    pub addresses: Vec<SocketAddr>,
    /// Listeners that could not be bound, in words; they are tried again every two seconds.
    pub errors: Vec<String>,
}

/// How a drain went.
#[derive(Debug, Clone, Copy)]
pub struct DrainReport {
    pub took: Duration,
}

/// Why a proxy cannot start: the machine's fault, and a retry will not help by itself.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    #[error("a thread cannot be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// What can be looked at from outside while the proxy runs.
#[derive(Clone)]
struct View {
    live: Arc<ArcSwapOption<Live>>,
    shards: Vec<Arc<Shard>>,
    settings: Arc<Settings>,
    applied: Arc<Mutex<Instant>>,
}

impl Proxy {
    /// Starts the workers. They listen once the first snapshot is there, and follow every later
    /// one without failing a request.
    pub fn start(
        settings: Settings,
        snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    ) -> Result<Self, StartError> {
        let settings = Arc::new(settings);
        let tls = TlsClients::from_system_roots();
        let servers = TlsServers::new()?;
        let live = Arc::new(ArcSwapOption::empty());
        let shared = Shared {
            live: live.clone(),
            limits: Arc::new(settings.limits.clone()),
            access_log: settings.access_log.clone(),
            tls: tls.clone(),
            passwords: Arc::default(),
        };
        let count = settings.workers.max(1);
        let (mut shards, mut senders, mut workers) = (Vec::new(), Vec::new(), Vec::new());
        for index in 0..count {
            let (sender, receiver) = mpsc::channel(64);
            let shard = Arc::new(Shard::default());
            let (shared, own) = (shared.clone(), shard.clone());
            let seed = seed(index);
            let thread = std::thread::Builder::new().name(format!("worker-{index}"));
            workers.push(thread.spawn(move || {
                if let Err(error) = worker::run(shared, own, seed, receiver) {
                    tracing::error!(%error, "a worker cannot run");
                }
            })?);
            shards.push(shard);
            senders.push(sender);
        }
        let view = View {
            live,
            shards,
            settings,
            applied: Arc::new(Mutex::new(Instant::now())),
        };
        let (serving_sender, serving) = watch::channel(Serving::default());
        let (drain, drained) = oneshot::channel();
        let control_view = view.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let control = std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || {
                let mut control = Control {
                    prober: Prober::new(tls, &shared.limits),
                    view: control_view,
                    workers: senders,
                    serving: serving_sender,
                    bound: BTreeMap::new(),
                    servers,
                };
                LocalSet::new().block_on(&runtime, control.run(snapshots, drained));
            })?;
        Ok(Self {
            serving,
            drain,
            control,
            workers,
            view,
        })
    }

    pub fn serving(&self) -> watch::Receiver<Serving> {
        self.serving.clone()
    }

    /// Every metric in OpenMetrics text.
    pub fn metrics_text(&self) -> String {
        self.view.metrics_text()
    }

    /// What is in force and how its backends are, secrets redacted.
    pub fn dump(&self) -> serde_json::Value {
        self.view.dump()
    }

    /// A handle for pages that outlive borrows of the proxy.
    pub fn pages(&self) -> Pages {
        Pages(self.view.clone())
    }

    /// Stops accepting, lets what is under way finish within `grace`, and ends the threads.
    pub async fn drain(self, grace: Duration) -> DrainReport {
        let started = Instant::now();
        let _ = self.drain.send(grace);
        let (control, workers) = (self.control, self.workers);
        let ended = tokio::task::spawn_blocking(move || {
            let _ = control.join();
            for worker in workers {
                let _ = worker.join();
            }
        });
        let _ = ended.await;
        DrainReport {
            took: started.elapsed(),
        }
    }
}

/// How one place that requests can be sent to is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetHealth {
    pub backend: BackendKey,
    /// Name of the provider's entry in its backend; empty when it has none.
    pub entry: Arc<str>,
    /// It is ejected: requests go elsewhere.
    pub is_out: bool,
}

/// Metrics, health and dump of a running proxy, for those who tell others.
#[derive(Clone)]
pub struct Pages(View);

impl Pages {
    pub fn metrics_text(&self) -> String {
        self.0.metrics_text()
    }

    pub fn dump(&self) -> serde_json::Value {
        self.0.dump()
    }

    /// Every target of the snapshot in force.
    pub fn health(&self) -> Vec<TargetHealth> {
        let live = self.0.live.load_full();
        let now = now_millis();
        let targets = live.iter().flat_map(|live| live.targets());
        targets
            .map(|(target, state)| TargetHealth {
                backend: target.key.clone(),
                entry: target.entry().into(),
                is_out: state.is_out(now),
            })
            .collect()
    }
}

impl View {
    fn metrics_text(&self) -> String {
        let live = self.live.load_full();
        let now = now_millis();
        let backends = live
            .iter()
            .flat_map(|live| live.targets())
            .map(|(target, state)| {
                let healthy = !matches!(state.availability(now), Availability::Ejected { .. });
                (target.key.to_string(), target.entry().to_owned(), healthy)
            });
        let gauges = Gauges {
            config_version: live.as_ref().map_or(0, |l| l.snapshot.version),
            config_age_seconds: self.applied.lock().elapsed().as_secs_f64(),
            log_lines_dropped: self.settings.access_log.dropped(),
            backends: backends.collect(),
        };
        render(&self.shards, gauges)
    }

    fn dump(&self) -> serde_json::Value {
        let Some(live) = self.live.load_full() else {
            return serde_json::Value::Null;
        };
        let now = now_millis();
        let health: Vec<_> = live
            .targets()
            .map(|(target, state)| {
                let health = match state.availability(now) {
                    Availability::Healthy => "healthy".to_owned(),
                    Availability::HalfOpen => "half-open".to_owned(),
                    Availability::Ejected { until } => {
                        format!("ejected for {} ms more", until.saturating_sub(now))
                    }
                };
                serde_json::json!({
                    "backend": target.key.to_string(),
                    "provider": target.entry(),
                    "health": health,
                })
            })
            .collect();
        serde_json::json!({
            "version": live.snapshot.version,
            "config": *live.snapshot.config,
            "health": health,
        })
    }
}

/// Looks after the workers: sockets, snapshots, probes.
struct Control {
    view: View,
    workers: Vec<mpsc::Sender<Command>>,
    serving: watch::Sender<Serving>,
    /// Ports that are listened on.
    bound: BTreeMap<Port, SocketAddr>,
    prober: Prober,
    servers: TlsServers,
}

impl Control {
    async fn run(
        &mut self,
        mut snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
        mut drain: oneshot::Receiver<Duration>,
    ) {
        let mut retry = tokio::time::interval(Duration::from_secs(2));
        let mut source = Source::Open;
        snapshots.mark_changed();
        loop {
            tokio::select! {
                changed = snapshots.changed(), if source == Source::Open => match changed {
                    Ok(()) => {
                        let snapshot = snapshots.borrow_and_update().clone();
                        if let Some(snapshot) = snapshot {
                            self.apply(snapshot).await;
                        }
                    }
                    // No more changes will come; what is in force is served on.
                    Err(_) => source = Source::Closed,
                },
                _ = retry.tick(), if !self.serving.borrow().errors.is_empty() => self.listen().await,
                grace = &mut drain => {
                    self.drain(grace.unwrap_or_default()).await;
                    return;
                }
            }
        }
    }

    async fn apply(&mut self, snapshot: Arc<Snapshot>) {
        let previous = self.view.live.load_full();
        let live = Arc::new(
            Live::build(
                snapshot,
                &self.servers,
                &self.view.settings.environment,
                previous.as_deref(),
            )
            .await,
        );
        self.view.live.store(Some(live.clone()));
        *self.view.applied.lock() = Instant::now();
        self.prober.follow(&live);
        self.listen().await;
    }

    /// Makes the bound ports those of the snapshot in force.
    async fn listen(&mut self) {
        let Some(live) = self.view.live.load_full() else {
            return;
        };
        let snapshot = &live.snapshot;
        let gone: Vec<_> = self
            .bound
            .keys()
            .copied()
            .filter(|port| port.bind(snapshot).is_none())
            .collect();
        for port in gone {
            self.bound.remove(&port);
            self.tell_all(|_| Command::Close { port }).await;
        }
        let mut errors = Vec::new();
        let address = self.view.settings.bind;
        for bind in &snapshot.binds {
            let port = Port::of(bind);
            if self.bound.contains_key(&port) {
                continue;
            }
            match listener::bind(address, port, self.workers.len()) {
                Ok(sockets) => {
                    self.bound
                        .insert(port, SocketAddr::new(address, port.number));
                    let mut sockets = sockets.into_iter();
                    self.tell_all(|_| Command::Listen {
                        port,
                        socket: sockets.next().expect("bind made one socket per worker"),
                    })
                    .await;
                }
                Err(error) => errors.push(format!("cannot listen on {address}:{port}: {error}")),
            }
        }
        for error in &errors {
            tracing::error!("{error}");
        }
        self.serving.send_replace(Serving {
            version: snapshot.version,
            addresses: self.bound.values().copied().collect(),
            errors,
        });
    }

    async fn tell_all(&self, mut command: impl FnMut(usize) -> Command) {
        for (index, worker) in self.workers.iter().enumerate() {
            if worker.send(command(index)).await.is_err() {
                tracing::error!(worker = index, "a worker is gone");
            }
        }
    }

    async fn drain(&mut self, grace: Duration) {
        self.prober.stop();
        self.tell_all(|_| Command::Drain { grace }).await;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Open,
    Closed,
}

/// A start for a worker's random numbers, from the hasher keys that std draws from the system.
fn seed(index: usize) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(index)
}
