//! Servers, clients and certificates to test with.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agw_core::config::GatewayConfig;
use agw_core::id::ObjectKey;
use agw_core::snapshot::Snapshot;
use agw_xds::client::{self, ClientPorts, ClientSettings, Link};
use agw_xds::relay::{self, RelayPorts, RelaySettings};
use agw_xds::server::{
    Authenticate, Deliveries, Delivery, Identity, Limits, Refusal, Server, Standing,
};
use agw_xds::{Error, HealthReport, Publication, Report};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const SERVER_NAME: &str = "controller.test";

/// Far longer than anything takes: a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(PATIENCE, future).await;
    waited.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

pub(crate) fn front() -> ObjectKey {
    ObjectKey::new("shop", "front")
}

/// A certificate authority and a server certificate of it.
pub(crate) struct Authority {
    pub(crate) pem: String,
    pub(crate) server: Arc<ServerConfig>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![SERVER_NAME.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Self {
            pem: root.pem(),
            server: Arc::new(server),
        }
    }
}

/// Takes `token-of-<gateway>` for proxies of `shop/<gateway>`, and `replica` for a controller.
pub(crate) struct Tokens;

impl Authenticate for Tokens {
    async fn authenticate(&self, token: &str) -> Result<Identity, Refusal> {
        tokio::task::yield_now().await;
        match token {
            "unavailable" => Err(Refusal::Unavailable),
            "forbidden" => Err(Refusal::Forbidden),
            "replica" => Ok(Identity::Replica),
            _ => match token.strip_prefix("token-of-") {
                Some(gateway) => Ok(Identity::Proxy(ObjectKey::new("shop", gateway))),
                None => Err(Refusal::Invalid),
            },
        }
    }
}

/// A running server.
pub(crate) struct Controller {
    pub(crate) address: SocketAddr,
    pub(crate) publications: watch::Sender<Arc<Publication>>,
    pub(crate) tls: watch::Sender<Arc<ServerConfig>>,
    pub(crate) deliveries: watch::Receiver<Arc<Deliveries>>,
    pub(crate) standing: watch::Sender<Standing>,
    pub(crate) report: watch::Receiver<Arc<Report>>,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), Error>>,
}

impl Controller {
    pub(crate) async fn start(authority: &Authority) -> Self {
        Self::start_at(authority, ([127, 0, 0, 1], 0).into(), Limits::default()).await
    }

    pub(crate) async fn start_at(
        authority: &Authority,
        address: SocketAddr,
        limits: Limits,
    ) -> Self {
        let (publications, published) = watch::channel(Arc::new(Publication::default()));
        let (tls, configs) = watch::channel(authority.server.clone());
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (standing, stands) = watch::channel(Standing::Follows);
        let server = Server::new(published, Tokens, configs);
        let server = server.with_limits(limits).with_standing(stands);
        let (deliveries, report) = (server.deliveries(), server.report());
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(server.serve(listener, shutdown.clone()));
        Self {
            address,
            publications,
            tls,
            deliveries,
            standing,
            report,
            shutdown,
            task,
        }
    }

    pub(crate) fn publish(&self, revision: u64, gateways: &[Arc<GatewayConfig>]) {
        let gateways = gateways.to_vec();
        self.publications
            .send_replace(Arc::new(Publication { revision, gateways }));
    }

    /// Waits until the Gateway `shop/front` is delivered so.
    pub(crate) async fn delivered(
        &mut self,
        what: &str,
        mut so: impl FnMut(&Delivery) -> bool,
    ) -> Delivery {
        let deliveries = self
            .deliveries
            .wait_for(|d| d.gateways.get(&front()).is_some_and(&mut so));
        within(what, deliveries).await.unwrap().gateways[&front()].clone()
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        within("the server ends", self.task).await.unwrap().unwrap();
    }
}

/// A running relay of one controller.
pub(crate) struct Replica {
    pub(crate) leader: watch::Sender<Option<SocketAddr>>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
    /// Its token stays as long as it runs.
    _home: Home,
}

impl Replica {
    /// Tells what `controller` reports, in this name, to whoever is said to lead.
    pub(crate) fn start(name: &str, controller: &Controller, authority: &Authority) -> Self {
        let home = Home::new(controller.address, authority);
        home.token("replica");
        let settings = RelaySettings {
            server_name: SERVER_NAME.to_owned(),
            token_file: home.path("token"),
            replica: name.into(),
            seed: 1,
        };
        let (leader, led) = watch::channel(None);
        let ports = RelayPorts {
            report: controller.report.clone(),
            leader: led,
            trust: watch::channel(Some(authority.pem.as_str().into())).1,
        };
        let shutdown = CancellationToken::new();
        Self {
            leader,
            task: tokio::spawn(relay::run(settings, ports, shutdown.clone())),
            shutdown,
            _home: home,
        }
    }

    /// Ends in order.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        within("the relay ends", self.task).await.unwrap();
    }

    /// Ends without a word, as if the machine did.
    pub(crate) fn vanish(self) {
        self.task.abort();
    }
}

/// A running client, with a proxy that serves what it gets at once, unless told otherwise.
pub(crate) struct Proxy {
    pub(crate) snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    pub(crate) in_force: Arc<watch::Sender<u64>>,
    pub(crate) health: watch::Sender<Arc<Vec<HealthReport>>>,
    pub(crate) link: watch::Receiver<Link>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
    serving: Option<JoinHandle<()>>,
    /// Its files stay as long as it runs.
    _folder: Arc<tempfile::TempDir>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serving {
    AtOnce,
    /// When the test says so.
    ByHand,
}

/// The files and names of one proxy.
pub(crate) struct Home {
    pub(crate) folder: Arc<tempfile::TempDir>,
    pub(crate) address: SocketAddr,
}

impl Home {
    pub(crate) fn new(address: SocketAddr, authority: &Authority) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let home = Self { folder, address };
        home.trust(authority);
        home.token("token-of-front");
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn trust(&self, authority: &Authority) {
        std::fs::write(self.path("ca.crt"), &authority.pem).unwrap();
    }

    pub(crate) fn token(&self, token: &str) {
        std::fs::write(self.path("token"), format!("{token}\n")).unwrap();
    }

    pub(crate) fn start(&self, serving: Serving) -> Proxy {
        let settings = ClientSettings {
            address: self.address.to_string(),
            server_name: SERVER_NAME.to_owned(),
            ca_file: self.path("ca.crt"),
            token_file: self.path("token"),
            gateway: front(),
            proxy: "front-0".into(),
            state_file: Some(self.path("state")),
            seed: 1,
        };
        let (snapshots, taken) = watch::channel(None);
        let (served, in_force) = watch::channel(0);
        let (health, reports) = watch::channel(Arc::default());
        let (link, state) = watch::channel(Link::default());
        let ports = ClientPorts {
            snapshots,
            in_force,
            health: reports,
            link,
        };
        let shutdown = CancellationToken::new();
        let served = Arc::new(served);
        let serve = serve_at_once(taken.clone(), served.clone());
        Proxy {
            snapshots: taken,
            in_force: served,
            health,
            link: state,
            task: tokio::spawn(client::run(settings, ports, shutdown.clone())),
            serving: (serving == Serving::AtOnce).then(|| tokio::spawn(serve)),
            shutdown,
            _folder: self.folder.clone(),
        }
    }
}

async fn serve_at_once(
    mut snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    served: Arc<watch::Sender<u64>>,
) {
    while snapshots.changed().await.is_ok() {
        let version = snapshots
            .borrow_and_update()
            .as_ref()
            .map_or(0, |s| s.version);
        served.send_replace(version);
    }
}

impl Proxy {
    /// Waits for this configuration; the snapshot's version.
    pub(crate) async fn has(&mut self, config: &Arc<GatewayConfig>) -> u64 {
        let is = |s: &Option<Arc<Snapshot>>| s.as_ref().is_some_and(|s| s.config == *config);
        let arrives = self.snapshots.wait_for(is);
        let Ok(snapshot) = tokio::time::timeout(PATIENCE, arrives).await else {
            panic!("no configuration arrives: {:?}", *self.link.borrow());
        };
        snapshot.unwrap().as_ref().unwrap().version
    }

    pub(crate) async fn is_away(&mut self, because: &str) {
        let away = |link: &Link| matches!(link, Link::Away(reason) if reason.contains(because));
        within(because, self.link.wait_for(away)).await.unwrap();
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        within("the client ends", self.task).await.unwrap();
        if let Some(serving) = self.serving {
            within("its ports are gone", serving).await.unwrap();
        }
    }
}
