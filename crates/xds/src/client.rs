//! The proxy's side: keeps a snapshot current, whatever happens to the controller.

mod collect;
mod held;
mod link;
mod outbox;
mod state_file;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use agw_core::id::ObjectKey;
use agw_core::snapshot::Snapshot;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::health::HealthReport;

use link::Client;

/// Where the configuration comes from, and who asks for it.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// Host and port of the controller.
    pub address: String,
    /// The name in the controller's certificate.
    pub server_name: String,
    /// The certificates that the controller's is verified against, in PEM; read anew for every
    /// connection.
    pub ca_file: PathBuf,
    /// The token that proves who asks; read anew for every connection.
    pub token_file: PathBuf,
    pub gateway: ObjectKey,
    /// Unique among the Gateway's proxies: the name of the pod.
    pub proxy: Arc<str>,
    /// Keeps the last good configuration, secrets included: it belongs on a volume in memory.
    /// `None` keeps nothing.
    pub state_file: Option<PathBuf>,
    /// Spreads the reconnections of many proxies.
    pub seed: u64,
}

/// The client's connections to the rest of the proxy.
#[derive(Debug)]
pub struct ClientPorts {
    /// What to serve from. Versions only go up, also when the controller's do not.
    pub snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    /// The version of the snapshot that requests are served from.
    pub in_force: watch::Receiver<u64>,
    pub health: watch::Receiver<Arc<Vec<HealthReport>>>,
    pub link: watch::Sender<Link>,
}

/// Whether there is a controller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Link {
    /// No connection has been tried yet.
    #[default]
    Idle,
    /// Changes arrive.
    Connected,
    /// There is none, and why; tried again all the time.
    Away(Arc<str>),
}

/// Keeps the snapshot current until `shutdown`, or until nobody tells any more what is in force.
///
/// A configuration that the state file holds is served at once. No failure ends this: the last
/// good configuration stays, and connecting is tried again.
pub async fn run(settings: ClientSettings, ports: ClientPorts, shutdown: CancellationToken) {
    let (keep, kept) = watch::channel(None);
    let path = settings.state_file.clone();
    let serve = async {
        let client = Client::new(settings, ports, keep);
        client.run(&shutdown).await;
    };
    tokio::join!(serve, state_file::keep(path, kept, &shutdown));
}
