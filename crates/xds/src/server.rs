//! The controller's side: every proxy gets its own Gateway's configuration, and nothing else. Other
//! replicas of the controller tell here of their proxies.

mod authenticate;
mod connection;
mod deliveries;
mod guard;
mod incoming;
mod merge;
mod methods;
mod peers;
mod relay;
mod session;
mod tracker;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cache::View;
use crate::error::Error;
use crate::limits;
use crate::proto::configuration_discovery_server::ConfigurationDiscoveryServer;
use crate::proto::replica_relay_server::ReplicaRelayServer;
use crate::publication::Publication;
use crate::report::Report;

pub use authenticate::{Authenticate, Identity, Refusal};
pub use deliveries::{Deliveries, Delivery, ResourceProblem};

use guard::GuardLayer;
use incoming::Incoming;
use methods::Methods;
use relay::Relay;
use session::Discovery;
use tracker::Tracker;

/// How long streams may take to end after the shutdown is asked for.
const GRACE: Duration = Duration::from_secs(5);

/// How often a connection is pinged, and how long the answer may take.
const PING: Duration = Duration::from_secs(10);
const PONG: Duration = Duration::from_secs(10);

/// Streams of one connection: a proxy needs one, and another while it reconnects.
const STREAMS: u32 = 4;

const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 2 << 20;

/// How much the server takes on.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at the same time; more wait to be accepted.
    pub connections: usize,
    /// How long a connection may take to prove itself.
    pub admission: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            admission: Duration::from_secs(10),
        }
    }
}

/// Whether this replica is the one that the others tell of their proxies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Standing {
    #[default]
    Follows,
    Leads,
}

/// Serves configurations over TLS to proxies that prove which Gateway they are of.
pub struct Server<A> {
    publications: watch::Receiver<Arc<Publication>>,
    authenticate: A,
    tls: watch::Receiver<Arc<ServerConfig>>,
    limits: Limits,
    standing: watch::Receiver<Standing>,
    deliveries: watch::Sender<Arc<Deliveries>>,
    report: watch::Sender<Arc<Report>>,
}

impl<A: Authenticate> Server<A> {
    /// `tls` is looked at for every new connection; its protocols are set here.
    pub fn new(
        publications: watch::Receiver<Arc<Publication>>,
        authenticate: A,
        tls: watch::Receiver<Arc<ServerConfig>>,
    ) -> Self {
        Self {
            publications,
            authenticate,
            tls,
            limits: Limits::default(),
            standing: watch::channel(Standing::Follows).1,
            deliveries: watch::Sender::default(),
            report: watch::Sender::default(),
        }
    }

    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Without it this replica follows, and hears of no other's proxies.
    #[must_use]
    pub fn with_standing(mut self, standing: watch::Receiver<Standing>) -> Self {
        self.standing = standing;
        self
    }

    /// What the proxies that are connected here, or to a replica that tells of them, have and say;
    /// changes at most every 50 ms.
    pub fn deliveries(&self) -> watch::Receiver<Arc<Deliveries>> {
        self.deliveries.subscribe()
    }

    /// What the replica that leads is to know of the proxies that are connected here; changes at
    /// most every 50 ms.
    pub fn report(&self) -> watch::Receiver<Arc<Report>> {
        self.report.subscribe()
    }

    /// Serves until `shutdown`; streams then end with `UNAVAILABLE`, so that proxies go elsewhere.
    ///
    /// # Errors
    /// When the transport or a task of the server fails; both end all streams.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> Result<(), Error> {
        let (views, view) = watch::channel(Arc::new(View::default()));
        let tracker = Arc::new(Tracker::default());
        let discovery = Discovery::new(view, tracker.clone(), shutdown.clone());
        let relay = Relay {
            tracker: tracker.clone(),
            standing: self.standing.clone(),
            shutdown: shutdown.clone(),
        };
        let service = Methods {
            discovery: ConfigurationDiscoveryServer::new(discovery)
                .max_decoding_message_size(limits::MESSAGE)
                .max_encoding_message_size(limits::MESSAGE),
            relay: ReplicaRelayServer::new(relay).max_decoding_message_size(limits::MESSAGE),
        };
        let serving = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(PING))
            .http2_keepalive_timeout(Some(PONG))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(STREAMS)
            .tcp_nodelay(true)
            .layer(GuardLayer::new(self.authenticate))
            .serve_with_incoming_shutdown(
                service,
                Incoming::new(listener, self.tls, self.limits).connections(),
                shutdown.clone().cancelled_owned(),
            );
        let late = async {
            shutdown.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            served = serving => Ok(served?),
            failed = advance(self.publications, &views, &tracker) => failed,
            () = tracker.publish(&self.deliveries, &self.report) => Ok(()),
            () = forget(self.standing, &tracker) => Ok(()),
            () = late => Ok(()),
        }
    }
}

/// Forgets what other replicas told whenever this one no longer leads. Never returns.
async fn forget(mut standing: watch::Receiver<Standing>, tracker: &Tracker) {
    while standing.changed().await.is_ok() {
        if *standing.borrow_and_update() == Standing::Follows {
            tracker.forget_peers();
        }
    }
    std::future::pending::<()>().await;
}

/// Follows the publications; returns only when that fails.
async fn advance(
    mut publications: watch::Receiver<Arc<Publication>>,
    views: &watch::Sender<Arc<View>>,
    tracker: &Tracker,
) -> Result<(), Error> {
    loop {
        let publication = publications.borrow_and_update().clone();
        let view = views.borrow().clone();
        // Comparing and encoding thousands of routes takes milliseconds.
        let next = tokio::task::spawn_blocking(move || view.advance(&publication, now())).await?;
        let next = Arc::new(next);
        tracker.see(next.clone());
        views.send_replace(next);
        if publications.changed().await.is_err() {
            // Nothing new will come. What is known goes on being served.
            std::future::pending::<()>().await;
        }
    }
}

/// Milliseconds since the epoch.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
