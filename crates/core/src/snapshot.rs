//! What a proxy serves from: one Gateway's configuration, indexed for matching.
//!
//! A snapshot never changes. A request keeps the one it started with.

mod models;
mod plan;
mod reuse;
mod standing;
mod table;

use std::sync::Arc;

use http::{HeaderMap, HeaderName, Method};
use rustc_hash::FxHashMap;

use crate::backend::EndpointBackend;
use crate::config::GatewayConfig;
use crate::hostname::Hostname;
use crate::id::{BackendKey, ObjectKey};
use crate::listener::{Listener, Protocol, Transport};
use crate::matcher::{Match, RequestHead};
use crate::policy::TrafficPolicy;

pub use models::{ModelTable, Offered};
pub use plan::{Choice, MirrorPlan, RulePlan, Target, TargetKind, Way};
pub use standing::{Candidate, Mismatch, Precedence, Standing};
use table::HostTable;

/// One Gateway's configuration in the form that requests are matched against.
#[derive(Debug)]
pub struct Snapshot {
    pub version: u64,
    /// `namespace/name` of the Gateway, for logs and metrics.
    pub gateway_label: Arc<str>,
    pub config: Arc<GatewayConfig>,
    /// By port.
    pub binds: Vec<Bind>,
    /// Every place a request can be sent to; [`Target::index`] is the position here.
    pub targets: Vec<Arc<Target>>,
    /// Every rule, in no order; [`RulePlan::index`] is the position here.
    pub rules: Vec<Arc<RulePlan>>,
    /// Where each backend's targets are.
    groups: Arc<plan::Groups>,
    /// Every match of every rule, in order of precedence.
    order: Vec<table::Entry>,
    /// Header names that some route matches on or that are asked for, sorted: the access log shows
    /// them.
    pub logged_headers: Vec<HeaderName>,
}

/// One port and the listeners that share it. A number may be a port for streams and another for
/// datagrams.
#[derive(Debug)]
pub struct Bind {
    pub port: u16,
    /// The same for all its listeners: translation sees to that.
    pub transport: Transport,
    /// The most specific hostname first.
    listeners: Vec<ListenerTable>,
}

/// One listener with the routes attached to it.
#[derive(Debug)]
pub struct ListenerTable {
    pub name: Arc<str>,
    pub hostname: Hostname,
    pub protocol: Protocol,
    /// The listener's policy over the Gateway's.
    pub policy: TrafficPolicy,
    /// What clients may ask for here.
    pub models: ModelTable,
    hosts: HostTable,
}

/// The rule that a request falls under, and the match that took it.
#[derive(Debug, Clone, Copy)]
pub struct Selected<'a> {
    pub plan: &'a Arc<RulePlan>,
    pub matched: &'a Match,
}

impl Snapshot {
    /// Indexes `config`. Cost is linear in its size, so this belongs off the request path.
    pub fn build(version: u64, config: Arc<GatewayConfig>) -> Self {
        Self::build_after(None, version, config)
    }

    /// The same, at less cost and in less memory where routes are the very same values as in the
    /// snapshot before.
    pub fn build_after(previous: Option<&Self>, version: u64, config: Arc<GatewayConfig>) -> Self {
        let alike = |previous: &&Self| {
            previous.config.backends == config.backends && previous.config.policy == config.policy
        };
        let previous = previous.filter(alike);
        let (targets, groups) = match previous {
            Some(previous) => (previous.targets.clone(), previous.groups.clone()),
            None => plan::targets(&config.backends),
        };
        let rules = reuse::plans(&config, previous, &groups);
        let order = reuse::order(&rules, previous);
        let binds = binds(&config.listeners, &config.policy, &order);
        let logged_headers = logged_headers(&config);
        let gateway_label = config.gateway.to_string().into();
        Self {
            version,
            gateway_label,
            config,
            binds,
            targets,
            rules,
            groups,
            order,
            logged_headers,
        }
    }

    pub fn gateway(&self) -> &ObjectKey {
        &self.config.gateway
    }

    /// The listeners that share a port for streams.
    pub fn bind(&self, port: u16) -> Option<&Bind> {
        let mut binds = self.binds.iter();
        binds.find(|b| b.port == port && b.transport != Transport::Udp)
    }

    /// The listeners that share a port for datagrams.
    pub fn datagram_bind(&self, port: u16) -> Option<&Bind> {
        let mut binds = self.binds.iter();
        binds.find(|b| b.port == port && b.transport == Transport::Udp)
    }

    /// The targets of one backend object, in priority order.
    pub fn targets_of<'a>(&'a self, key: &'a BackendKey) -> impl Iterator<Item = &'a Arc<Target>> {
        self.targets.iter().filter(move |t| t.key == *key)
    }

    /// A plain backend, found without a look at the others.
    pub fn plain(&self, key: &BackendKey) -> Option<&EndpointBackend> {
        let target = &self.targets[self.groups.first(key)?];
        match &target.kind {
            TargetKind::Endpoints(plain) => Some(plain),
            TargetKind::Ai { .. } => None,
        }
    }
}

impl Bind {
    pub fn listeners(&self) -> &[ListenerTable] {
        &self.listeners
    }

    /// The listener with the most specific hostname that takes `host` (lower case, no port).
    pub fn listener(&self, host: &str) -> Option<&ListenerTable> {
        self.listeners.iter().find(|l| l.hostname.matches(host))
    }
}

impl ListenerTable {
    /// The rule that wins by the Gateway API's precedence: the more specific hostname, then the
    /// match's own specificity, then the older route, its name, and the order of its rules.
    pub fn select(&self, request: &RequestHead<'_>) -> Option<Selected<'_>> {
        self.hosts.entry(request).map(table::Entry::selected)
    }

    /// The rule that a connection falls under, by the name that its TLS asks for, in lower case;
    /// without one it is empty.
    pub fn select_connection(&self, name: &str) -> Option<&Arc<RulePlan>> {
        let (method, headers) = (Method::CONNECT, HeaderMap::new());
        let head = RequestHead {
            method: &method,
            host: name,
            path: "/",
            query: None,
            headers: &headers,
            model: None,
        };
        self.hosts.entry(&head).map(table::Entry::plan)
    }
}

fn binds(listeners: &[Listener], gateway: &TrafficPolicy, entries: &[table::Entry]) -> Vec<Bind> {
    let mut by_port: Vec<Bind> = Vec::new();
    for listener in listeners {
        let own = table::under(listener, gateway, entries);
        let entries = own.as_deref().unwrap_or(entries);
        let table = ListenerTable {
            name: listener.name.clone(),
            hostname: listener.hostname.clone(),
            protocol: listener.protocol.clone(),
            policy: listener.policy.over(gateway),
            models: ModelTable::build(listener, entries),
            hosts: HostTable::build(listener, entries),
        };
        let transport = listener.protocol.transport();
        let shares = |bind: &&mut Bind| {
            let datagrams = |transport| transport == Transport::Udp;
            bind.port == listener.port && datagrams(bind.transport) == datagrams(transport)
        };
        match by_port.iter_mut().find(shares) {
            Some(bind) => bind.listeners.push(table),
            None => by_port.push(Bind {
                port: listener.port,
                transport,
                listeners: vec![table],
            }),
        }
    }
    for bind in &mut by_port {
        bind.listeners.sort_by(|a, b| b.hostname.cmp(&a.hostname));
    }
    by_port.sort_by_key(|b| (b.port, b.transport));
    by_port
}

fn logged_headers(config: &GatewayConfig) -> Vec<HeaderName> {
    let asked = config.logged_headers.iter().map(|h| h.name().clone());
    let mut names: Vec<_> = asked.collect();
    for rule in config.routes.iter().flat_map(|route| &route.rules) {
        for matched in &rule.matches {
            names.extend(matched.headers.iter().map(|h| h.name.name().clone()));
        }
    }
    names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    names.dedup();
    names
}

/// Positions in [`Snapshot::targets`] of a backend's targets, in priority groups.
type TargetGroups = FxHashMap<BackendKey, Vec<Vec<usize>>>;

#[cfg(test)]
mod tests;
