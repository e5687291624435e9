//! Which proxies are connected, and what they have acknowledged and reported.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agw_core::id::{BackendKey, ObjectKey};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::deliveries::Deliveries;
use super::merge::{self, Connected};
use super::peers::{Departure, Membership, Peers};
use crate::cache::{Content, View};
use crate::health::HealthReport;
use crate::report::{Extent, Report};
use crate::resource::{ResourceId, ResourceKey};

/// Between two publications of deliveries.
const PACE: Duration = Duration::from_millis(50);

/// What is known of all proxies.
#[derive(Default)]
pub(super) struct Tracker {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    view: Arc<View>,
    gateways: Connected,
    sessions: u64,
    peers: Peers,
}

/// A proxy that is connected here.
#[derive(Default)]
pub(super) struct Proxy {
    session: u64,
    replaced: CancellationToken,
    /// What it acknowledged last.
    pub(super) version: u64,
    /// Up to which revision that is the Gateway's content.
    pub(super) revision: u64,
    pub(super) errors: Vec<ProxyError>,
    pub(super) health: BTreeMap<BackendKey, HealthReport>,
}

/// Why a proxy did not take a resource.
pub(super) struct ProxyError {
    pub(super) id: ResourceId,
    pub(super) key: ResourceKey,
    pub(super) message: Arc<str>,
}

/// A proxy's place in the tracker; it leaves when this is dropped.
pub(super) struct Registration {
    tracker: Arc<Tracker>,
    gateway: ObjectKey,
    pub(super) name: Arc<str>,
    session: u64,
    /// Cancelled when the proxy connects anew: the old connection is dead, and only the kernel
    /// does not know.
    pub(super) replaced: CancellationToken,
}

/// Another replica's place in the tracker. What it told is dropped a while after this is.
pub(super) struct PeerRegistration {
    tracker: Arc<Tracker>,
    pub(super) membership: Membership,
    departure: Departure,
}

impl Tracker {
    /// What is published from now on.
    pub(super) fn see(&self, view: Arc<View>) {
        let mut state = self.state.lock();
        for (gateway, proxies) in &mut state.gateways {
            if let Some(content) = view.gateways.get(gateway) {
                for proxy in proxies.values_mut() {
                    proxy.catch_up(content, view.revision);
                }
            }
        }
        state.view = view;
        drop(state);
        self.changed.notify_one();
    }

    pub(super) fn register(self: &Arc<Self>, gateway: ObjectKey, name: Arc<str>) -> Registration {
        let mut state = self.state.lock();
        state.sessions += 1;
        let session = state.sessions;
        let replaced = CancellationToken::new();
        let proxy = Proxy {
            session,
            replaced: replaced.clone(),
            ..Proxy::default()
        };
        let proxies = state.gateways.entry(gateway.clone()).or_default();
        if let Some(old) = proxies.insert(name.clone(), proxy) {
            old.replaced.cancel();
        }
        drop(state);
        self.changed.notify_one();
        Registration {
            tracker: self.clone(),
            gateway,
            name,
            session,
            replaced,
        }
    }

    /// Another replica begins to tell of its proxies; `None` when too many do.
    pub(super) fn welcome(self: &Arc<Self>, name: Arc<str>) -> Option<PeerRegistration> {
        let membership = self.state.lock().peers.join(name)?;
        self.changed.notify_one();
        Some(PeerRegistration {
            tracker: self.clone(),
            membership,
            departure: Departure::Broken,
        })
    }

    /// Forgets what other replicas told.
    pub(super) fn forget_peers(&self) {
        self.state.lock().peers.forget();
        self.changed.notify_one();
    }

    /// Publishes what changed, at a bounded pace: of all proxies, and of those that are connected
    /// here. Never returns.
    pub(super) async fn publish(
        &self,
        deliveries: &watch::Sender<Arc<Deliveries>>,
        report: &watch::Sender<Arc<Report>>,
    ) {
        loop {
            let expiry = self.state.lock().peers.expiry();
            let expired = async {
                match expiry {
                    Some(expiry) => tokio::time::sleep_until(expiry).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.changed.notified() => {}
                () = expired => {}
            }
            let (all, own) = self.state.lock().sums();
            send(deliveries, all);
            send(report, own);
            tokio::time::sleep(PACE).await;
        }
    }
}

impl State {
    fn sums(&mut self) -> (Deliveries, Report) {
        self.peers.expire(Instant::now());
        let all = merge::deliveries(&self.view, &self.gateways, &self.peers);
        (all, merge::report(&self.view, &self.gateways))
    }
}

/// Tells what is new.
fn send<T: PartialEq>(watch: &watch::Sender<Arc<T>>, next: T) {
    watch.send_if_modified(|current| {
        let news = **current != next;
        if news {
            *current = Arc::new(next);
        }
        news
    });
}

impl PeerRegistration {
    /// What the replica tells; `false` when that is more than can be remembered.
    pub(super) fn hear(&self, news: Report, extent: Extent) -> bool {
        let mut state = self.tracker.state.lock();
        let fits = state.peers.hear(&self.membership, news, extent);
        drop(state);
        self.tracker.changed.notify_one();
        fits
    }

    /// The replica has gone, and nothing that it told is true any more.
    pub(super) fn farewell(mut self) {
        self.departure = Departure::Farewell;
    }
}

impl Drop for PeerRegistration {
    fn drop(&mut self) {
        let mut state = self.tracker.state.lock();
        let (membership, departure) = (&self.membership, self.departure);
        state.peers.leave(membership, departure, Instant::now());
        drop(state);
        self.tracker.changed.notify_one();
    }
}

impl Registration {
    /// The proxy serves from this version.
    pub(super) fn acked(&self, version: u64, errors: Vec<ProxyError>) {
        self.update(|proxy, view| {
            proxy.version = version;
            proxy.errors = errors;
            if let Some(content) = view.gateways.get(&self.gateway) {
                proxy.catch_up(content, view.revision);
            }
        });
    }

    /// What changed of the backends' health.
    pub(super) fn reports(&self, reports: Vec<HealthReport>) {
        self.update(|proxy, _| {
            let reports = reports
                .into_iter()
                .map(|report| (report.backend.clone(), report));
            proxy.health.extend(reports);
        });
    }

    fn update(&self, change: impl FnOnce(&mut Proxy, &View)) {
        let mut state = self.tracker.state.lock();
        let State { view, gateways, .. } = &mut *state;
        let proxies = gateways.get_mut(&self.gateway);
        let proxy = proxies.and_then(|proxies| proxies.get_mut(&self.name));
        // A newer connection of the same proxy is not changed by what the older one still says.
        if let Some(proxy) = proxy.filter(|proxy| proxy.session == self.session) {
            change(proxy, view);
        }
        drop(state);
        self.tracker.changed.notify_one();
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut state = self.tracker.state.lock();
        if let Some(proxies) = state.gateways.get_mut(&self.gateway) {
            if proxies
                .get(&self.name)
                .is_some_and(|proxy| proxy.session == self.session)
            {
                proxies.remove(&self.name);
            }
            if proxies.is_empty() {
                state.gateways.remove(&self.gateway);
            }
        }
        drop(state);
        self.tracker.changed.notify_one();
    }
}

impl Proxy {
    /// Notes up to which revision the acknowledged version is the Gateway's content.
    fn catch_up(&mut self, content: &Content, revision: u64) {
        let acked = if self.version == content.version {
            Some(revision)
        } else {
            content.revision_of(self.version)
        };
        self.revision = self.revision.max(acked.unwrap_or_default());
    }
}
