//! Which proxies are connected, and what they have acknowledged and reported.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agw_core::id::{BackendKey, ObjectKey};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::deliveries::{Deliveries, Delivery, ResourceProblem};
use crate::cache::{Content, View};
use crate::health::{BackendHealth, HealthReport};
use crate::limits;
use crate::resource::ResourceKey;

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
    gateways: BTreeMap<ObjectKey, BTreeMap<Arc<str>, Proxy>>,
    sessions: u64,
}

struct Proxy {
    session: u64,
    replaced: CancellationToken,
    version: u64,
    revision: u64,
    errors: Vec<(ResourceKey, Arc<str>)>,
    health: BTreeMap<BackendKey, HealthReport>,
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
            version: 0,
            revision: 0,
            errors: Vec::new(),
            health: BTreeMap::new(),
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

    /// Publishes what changed, at a bounded pace. Never returns.
    pub(super) async fn publish(&self, deliveries: &watch::Sender<Arc<Deliveries>>) {
        loop {
            self.changed.notified().await;
            let next = self.state.lock().deliveries();
            deliveries.send_if_modified(|current| {
                let news = **current != next;
                if news {
                    *current = Arc::new(next);
                }
                news
            });
            tokio::time::sleep(PACE).await;
        }
    }
}

impl Registration {
    /// The proxy serves from this version.
    pub(super) fn acked(&self, version: u64, errors: Vec<(ResourceKey, Arc<str>)>) {
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

impl State {
    fn deliveries(&self) -> Deliveries {
        let mut deliveries = Deliveries::default();
        let nobody = BTreeMap::new();
        for (gateway, content) in &self.view.gateways {
            let proxies = self.gateways.get(gateway).unwrap_or(&nobody);
            let delivery = delivery(content, proxies);
            deliveries.gateways.insert(gateway.clone(), delivery);
            let reports = proxies.values().flat_map(|proxy| &proxy.health);
            for (backend, report) in reports.filter(|(backend, _)| content.has_backend(backend)) {
                let health = deliveries.health.entry(backend.clone());
                health
                    .and_modify(|health| health.merge(report))
                    .or_insert_with(|| BackendHealth::of(report));
            }
        }
        deliveries
    }
}

fn delivery(content: &Content, proxies: &BTreeMap<Arc<str>, Proxy>) -> Delivery {
    let mut problems: BTreeMap<&ResourceKey, (&Arc<str>, usize)> = BTreeMap::new();
    for (key, reason) in &content.refused {
        problems.insert(key, (reason, 0));
    }
    for (key, message) in proxies.values().flat_map(|proxy| &proxy.errors) {
        problems.entry(key).or_insert((message, 0)).1 += 1;
    }
    let problems = problems.into_iter().take(limits::ERRORS);
    let problem = |(key, (message, proxies)): (&ResourceKey, (&Arc<str>, usize))| ResourceProblem {
        resource: key.clone(),
        message: message.clone(),
        proxies,
    };
    Delivery {
        version: content.version,
        proxies: proxies.keys().cloned().collect(),
        acked_revision: proxies.values().map(|proxy| proxy.revision).min(),
        problems: problems.map(problem).collect(),
    }
}
