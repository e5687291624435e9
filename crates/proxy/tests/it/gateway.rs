//! A running proxy with a mock provider behind it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use agw_core::backend::{
    AiBackend, AiProvider, AppProtocol, Backend, BackendPolicy, BackendTarget, Ejection, Endpoint,
    EndpointBackend, ProviderKind,
};
use agw_core::config::GatewayConfig;
use agw_core::hostname::Hostname;
use agw_core::id::{BackendKey, ObjectKey, RouteKind};
use agw_core::listener::{Listener, Protocol};
use agw_core::matcher::{Match, PathMatch};
use agw_core::policy::TrafficPolicy;
use agw_core::route::{BackendRef, Destination, Route, Rule};
use agw_core::snapshot::Snapshot;
use agw_mock_provider::{MockProvider, Settings as MockSettings};
use agw_proxy::{Environment, Limits, Proxy, Settings};
use agw_runtime::lines::LineWriter;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) mock: Arc<MockProvider>,
    pub(crate) mock_address: SocketAddr,
    log: Log,
    snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    proxy: Option<Proxy>,
    stop: CancellationToken,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    async fn lines(&self, count: usize) -> Vec<serde_json::Value> {
        for _ in 0..500 {
            let text = String::from_utf8(self.0.lock().clone()).unwrap();
            let lines: Vec<_> = text
                .lines()
                .map(|l| serde_json::from_str(l).unwrap())
                .collect();
            if lines.len() >= count {
                return lines;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "the access log has fewer than {count} lines: {}",
            String::from_utf8_lossy(&self.0.lock())
        );
    }
}

/// An edit of the one rule.
pub(crate) type Change = Box<dyn Fn(&mut Rule)>;

/// What a test wants of its one route.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) rule: Option<Change>,
    pub(crate) backends: Vec<Weighted>,
    pub(crate) policy: TrafficPolicy,
}

pub(crate) fn key(name: &str) -> BackendKey {
    BackendKey::agentgateway(ObjectKey::new("ns", name))
}

pub(crate) fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint {
        host: address.ip().to_string().into(),
        port: address.port(),
        tls: None,
    }
}

/// An OpenAI backend named and modelled `model`.
pub(crate) fn ai(model: &str, at: SocketAddr) -> Arc<Backend> {
    ai_with(model, at, |_| {})
}

pub(crate) fn ai_with(
    model: &str,
    at: SocketAddr,
    change: impl Fn(&mut AiProvider),
) -> Arc<Backend> {
    let mut provider = AiProvider {
        name: "openai".into(),
        kind: ProviderKind::OpenAi,
        offers: vec![],
        routes: vec![],
        model: Some(model.into()),
        endpoint: endpoint(at),
        path_prefix: None,
        path: None,
        query: None,
        guardrail: None,
        policy: BackendPolicy {
            ejection: Some(Ejection::default()),
            ..BackendPolicy::default()
        },
    };
    change(&mut provider);
    let target = BackendTarget::Ai(AiBackend {
        groups: vec![vec![provider]],
        routes: vec![],
    });
    Arc::new(Backend {
        key: key(model),
        target,
    })
}

pub(crate) fn plain(name: &str, at: SocketAddr, protocol: AppProtocol) -> Arc<Backend> {
    let target = EndpointBackend {
        endpoints: vec![endpoint(at)],
        protocol,
        policy: BackendPolicy::default(),
    };
    Arc::new(Backend {
        key: key(name),
        target: BackendTarget::Endpoints(Box::new(target)),
    })
}

pub(crate) fn listener(name: &str, port: u16, protocol: Protocol, hostname: &str) -> Listener {
    Listener {
        name: name.into(),
        port,
        protocol,
        hostname: Hostname::parse(hostname).unwrap(),
        policy: TrafficPolicy::default(),
    }
}

/// A backend and its weight.
pub(crate) type Weighted = (Arc<Backend>, u32);

/// Everything to the backends by their weights.
pub(crate) fn rule(backends: &[Weighted]) -> Rule {
    let backends = backends.iter().map(|(backend, weight)| BackendRef {
        weight: *weight,
        to: Destination::Backend(backend.key.clone()),
        filters: vec![],
        model: None,
        when: None,
    });
    Rule {
        name: None,
        matches: vec![Match {
            path: PathMatch::prefix("/"),
            method: None,
            headers: vec![],
            query: vec![],
            model: None,
        }],
        filters: vec![],
        request_timeout: None,
        backend_request_timeout: None,
        retry: None,
        session: None,
        backends: backends.collect(),
        policy: TrafficPolicy::default(),
        broken: None,
    }
}

/// Listeners, each with a route of its own: name, kind, and where it goes.
pub(crate) fn routed(
    listeners: Vec<Listener>,
    routes: &[(&str, RouteKind, &[Weighted])],
) -> GatewayConfig {
    let route = |(on, kind, backends): &(&str, RouteKind, &[Weighted])| Route {
        kind: *kind,
        key: ObjectKey::new("ns", format!("route-{on}")),
        listeners: vec![(*on).into()],
        hostnames: vec![],
        created: None,
        rules: vec![Arc::new(rule(backends))],
        policy: TrafficPolicy::default(),
    };
    let mut backends: Vec<Arc<Backend>> = Vec::new();
    for (backend, _) in routes.iter().flat_map(|(_, _, backends)| *backends) {
        if backends.iter().all(|known| known.key != backend.key) {
            backends.push(backend.clone());
        }
    }
    GatewayConfig {
        gateway: ObjectKey::new("ns", "gateway"),
        listeners,
        policy: TrafficPolicy::default(),
        routes: routes.iter().map(route).map(Arc::new).collect(),
        backends,
        logged_headers: vec![],
        prices: Arc::default(),
    }
}

/// A plain backend of several endpoints.
pub(crate) fn endpoints(name: &str, at: &[SocketAddr]) -> Arc<Backend> {
    let target = EndpointBackend {
        endpoints: at.iter().copied().map(endpoint).collect(),
        protocol: AppProtocol::Http1,
        policy: BackendPolicy::default(),
    };
    Arc::new(Backend {
        key: key(name),
        target: BackendTarget::Endpoints(Box::new(target)),
    })
}

/// An address that refuses connections.
pub(crate) fn refused() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

impl Gateway {
    /// A gateway whose one rule sends prefix `/` to the backends that `plan` makes, given the
    /// mock's address.
    pub(crate) async fn start(plan: impl FnOnce(SocketAddr) -> Plan) -> Self {
        Self::start_within(|_| {}, plan).await
    }

    /// The same with other limits.
    pub(crate) async fn start_within(
        limit: impl FnOnce(&mut Limits),
        plan: impl FnOnce(SocketAddr) -> Plan,
    ) -> Self {
        let gateway = Self::empty(limit).await;
        gateway.apply(1, plan(gateway.mock_address)).await;
        gateway
    }

    /// A gateway with the listeners and routes that `config` makes for its port.
    pub(crate) async fn serving(
        limit: impl FnOnce(&mut Limits),
        config: impl FnOnce(u16) -> GatewayConfig,
    ) -> Self {
        let gateway = Self::empty(limit).await;
        gateway.put(1, config(gateway.address.port())).await;
        gateway
    }

    /// A gateway whose process was given these variables.
    pub(crate) async fn given(
        variables: &[(&str, String)],
        plan: impl FnOnce(SocketAddr) -> Plan,
    ) -> Self {
        let lookup = |asked: &str| {
            let found = variables.iter().find(|(name, _)| *name == asked)?;
            Some(found.1.clone())
        };
        let environment = Arc::new(Environment::read(lookup));
        let gateway = Self::with(|settings| settings.environment = environment).await;
        gateway.apply(1, plan(gateway.mock_address)).await;
        gateway
    }

    async fn empty(limit: impl FnOnce(&mut Limits)) -> Self {
        Self::with(|settings| limit(&mut settings.limits)).await
    }

    async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mock_address = listener.local_addr().unwrap();
        let mock = Arc::new(MockProvider::new(MockSettings::default()));
        tokio::spawn(agw_mock_provider::serve(
            listener,
            mock.clone(),
            stop.clone(),
        ));
        let address = refused();
        let log = Log::default();
        let access_log = LineWriter::new(log.clone()).unwrap();
        let mut settings = Settings::new(IpAddr::from([127, 0, 0, 1]), access_log);
        settings.workers = 2;
        change(&mut settings);
        let (snapshots, receiver) = watch::channel(None);
        let proxy = Proxy::start(settings, receiver).unwrap();
        Self {
            address,
            mock,
            mock_address,
            log,
            snapshots,
            proxy: Some(proxy),
            stop,
        }
    }

    /// Puts another configuration in force, and waits until it is.
    pub(crate) async fn apply(&self, version: u64, plan: Plan) {
        let mut rule = rule(&plan.backends);
        if let Some(change) = plan.rule {
            change(&mut rule);
        }
        let config = GatewayConfig {
            gateway: ObjectKey::new("ns", "gateway"),
            listeners: vec![listener("http", self.address.port(), Protocol::Http, "")],
            policy: plan.policy,
            routes: vec![Arc::new(Route {
                kind: RouteKind::Http,
                key: ObjectKey::new("ns", "route"),
                listeners: vec!["http".into()],
                hostnames: vec![],
                created: None,
                rules: vec![Arc::new(rule)],
                policy: TrafficPolicy::default(),
            })],
            backends: plan
                .backends
                .into_iter()
                .map(|(backend, _)| backend)
                .collect(),
            logged_headers: vec![],
            prices: Arc::default(),
        };
        self.put(version, config).await;
    }

    /// The same for a configuration of the test's own.
    pub(crate) async fn put(&self, version: u64, config: GatewayConfig) {
        let snapshot = Snapshot::build(version, Arc::new(config));
        self.snapshots.send_replace(Some(Arc::new(snapshot)));
        let mut serving = self.proxy().serving();
        let serves = |s: &agw_proxy::Serving| s.version == version && s.errors.is_empty();
        serving.wait_for(serves).await.unwrap();
    }

    /// Puts what is in force with an edit in force.
    pub(crate) async fn change(&self, version: u64, edit: impl FnOnce(&mut GatewayConfig)) {
        let current = self.snapshots.borrow().clone().unwrap();
        let mut config = GatewayConfig::clone(&current.config);
        edit(&mut config);
        self.put(version, config).await;
    }

    pub(crate) fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().unwrap()
    }

    /// The access log once it has `count` lines.
    pub(crate) async fn log(&self, count: usize) -> Vec<serde_json::Value> {
        self.log.lines(count).await
    }

    /// The sum of the series whose text begins with `name`, once it is `at_least` that much.
    pub(crate) async fn metric(&self, name: &str, at_least: f64) -> f64 {
        let mut value = 0.0;
        for _ in 0..500 {
            let text = self.proxy().metrics_text();
            let lines = text.lines().filter(|line| line.starts_with(name));
            value = lines
                .map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap())
                .sum();
            if value >= at_least {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        value
    }

    /// Drains, and gives the access log once it has `count` lines.
    pub(crate) async fn stopped(self, count: usize) -> Vec<serde_json::Value> {
        let log = self.log.clone();
        self.stop().await;
        log.lines(count).await
    }

    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        if let Some(proxy) = self.proxy.take() {
            proxy.drain(Duration::from_secs(1)).await;
        }
    }
}
