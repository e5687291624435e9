//! One proxy for each Gateway in the files.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use agw_core::config::GatewayConfig;
use agw_core::id::ObjectKey;
use agw_core::snapshot::Snapshot;
use agw_proxy::{Environment, Pages, Proxy, Settings};
use agw_runtime::lines::LineWriter;
use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::command;

/// The proxies that serve.
pub(crate) struct Gateways {
    settings: Settings,
    running: BTreeMap<ObjectKey, Running>,
    /// Proxies whose Gateway is gone from the files.
    leaving: JoinSet<()>,
}

struct Running {
    proxy: Proxy,
    snapshots: watch::Sender<Option<Arc<Snapshot>>>,
}

/// Where requests are taken, and where not.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    pub(crate) addresses: Vec<(ObjectKey, SocketAddr)>,
    pub(crate) errors: Vec<String>,
}

/// How the command line wants proxies to run.
pub(crate) fn settings(arguments: &command::Run, access_log: LineWriter) -> Settings {
    let mut settings = Settings::new(arguments.bind, access_log);
    settings.environment = environment();
    if let Some(workers) = arguments.workers {
        settings.workers = workers.get();
    }
    settings
}

/// What this process was given to prove itself to providers with.
pub(crate) fn environment() -> Arc<Environment> {
    Arc::new(Environment::read(|name| std::env::var(name).ok()))
}

impl Gateways {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            running: BTreeMap::new(),
            leaving: JoinSet::new(),
        }
    }

    pub(crate) fn bind(&self) -> IpAddr {
        self.settings.bind
    }

    /// Gives each Gateway its new configuration, starts proxies for new ones, and lets go of those
    /// that are gone: their requests may go on for `grace`.
    pub(crate) fn apply(
        &mut self,
        version: u64,
        configs: &[Arc<GatewayConfig>],
        grace: Duration,
    ) -> anyhow::Result<()> {
        let gone: Vec<_> = self
            .running
            .keys()
            .filter(|key| configs.iter().all(|config| config.gateway != **key))
            .cloned()
            .collect();
        for running in gone.iter().filter_map(|key| self.running.remove(key)) {
            self.leaving.spawn(drain(running, grace));
        }
        for config in configs {
            let snapshot = Some(Arc::new(Snapshot::build(version, config.clone())));
            if let Some(running) = self.running.get(&config.gateway) {
                running.snapshots.send_replace(snapshot);
                continue;
            }
            let (snapshots, receiver) = watch::channel(snapshot);
            let proxy = Proxy::start(self.settings.clone(), receiver)
                .with_context(|| format!("Gateway {} cannot be served", config.gateway))?;
            self.running
                .insert(config.gateway.clone(), Running { proxy, snapshots });
        }
        Ok(())
    }

    /// Waits until every proxy serves `version` or a later one.
    pub(crate) async fn in_force(&self, version: u64) {
        for running in self.running.values() {
            let mut serving = running.proxy.serving();
            // A proxy that ended serves nothing; its listeners say so.
            let _ = serving.wait_for(|serving| serving.version >= version).await;
        }
    }

    pub(crate) fn listening(&self) -> Listening {
        let mut listening = Listening::default();
        for (key, running) in &self.running {
            let serving = running.proxy.serving();
            let serving = serving.borrow();
            let own = serving
                .addresses
                .iter()
                .map(|address| (key.clone(), *address));
            listening.addresses.extend(own);
            listening.errors.extend(serving.errors.iter().cloned());
        }
        listening
    }

    /// What can be looked at of each Gateway.
    pub(crate) fn pages(&self) -> Vec<(ObjectKey, Pages)> {
        let page = |(key, running): (&ObjectKey, &Running)| (key.clone(), running.proxy.pages());
        self.running.iter().map(page).collect()
    }

    /// Ends every proxy; requests under way may go on for `grace`.
    pub(crate) async fn drain(mut self, grace: Duration) {
        for running in std::mem::take(&mut self.running).into_values() {
            self.leaving.spawn(drain(running, grace));
        }
        while self.leaving.join_next().await.is_some() {}
    }
}

async fn drain(running: Running, grace: Duration) {
    running.proxy.drain(grace).await;
}
