//! What a proxy serves from: one Gateway's configuration, indexed for matching.
//!
//! A snapshot never changes. A request keeps the one it started with.

mod plan;
mod table;

use std::sync::Arc;

use http::HeaderName;
use rustc_hash::FxHashMap;

use crate::config::GatewayConfig;
use crate::filter::RedirectScheme;
use crate::hostname::Hostname;
use crate::id::{BackendKey, ObjectKey};
use crate::listener::{Listener, ListenerTls, Protocol};
use crate::matcher::{Match, RequestHead};
use crate::policy::TrafficPolicy;
use crate::transform::Transformation;

pub use plan::{Choice, MirrorPlan, RulePlan, Target, TargetKind, Way};
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
    /// Every rule; [`RulePlan::index`] is the position here.
    pub rules: Vec<Arc<RulePlan>>,
    /// Header names that some route matches on or that are asked for, sorted: the access log shows
    /// them.
    pub logged_headers: Vec<HeaderName>,
}

/// One port and the listeners that share it.
#[derive(Debug)]
pub struct Bind {
    pub port: u16,
    /// The same for all its listeners: translation sees to that.
    pub scheme: RedirectScheme,
    /// The most specific hostname first.
    listeners: Vec<ListenerTable>,
}

/// One listener with the routes attached to it.
#[derive(Debug)]
pub struct ListenerTable {
    pub name: Arc<str>,
    pub hostname: Hostname,
    /// TLS that ends here.
    pub tls: Option<Arc<ListenerTls>>,
    pub pre_routing: Option<Arc<Transformation>>,
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
        let (targets, by_key) = plan::targets(&config.backends);
        let mut rules = Vec::new();
        let mut entries = Vec::new();
        for route in &config.routes {
            for (position, rule) in route.rules.iter().enumerate() {
                let plan = Arc::new(RulePlan::build(
                    rules.len(),
                    route,
                    position,
                    rule,
                    &config.policy,
                    &by_key,
                ));
                entries.extend((0..rule.matches.len()).map(|m| table::Entry::new(&plan, m)));
                rules.push(plan);
            }
        }
        table::sort_by_precedence(&mut entries);
        let binds = binds(&config.listeners, &config.policy, &entries);
        let logged_headers = logged_headers(&config);
        let gateway_label = config.gateway.to_string().into();
        Self {
            version,
            gateway_label,
            config,
            binds,
            targets,
            rules,
            logged_headers,
        }
    }

    pub fn gateway(&self) -> &ObjectKey {
        &self.config.gateway
    }

    pub fn bind(&self, port: u16) -> Option<&Bind> {
        self.binds.iter().find(|b| b.port == port)
    }

    /// The targets of one backend object, in priority order.
    pub fn targets_of<'a>(&'a self, key: &'a BackendKey) -> impl Iterator<Item = &'a Arc<Target>> {
        self.targets.iter().filter(move |t| t.key == *key)
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
        self.hosts.select(request)
    }
}

fn binds(listeners: &[Listener], gateway: &TrafficPolicy, entries: &[table::Entry]) -> Vec<Bind> {
    let mut by_port: Vec<Bind> = Vec::new();
    for listener in listeners {
        let table = ListenerTable {
            name: listener.name.clone(),
            hostname: listener.hostname.clone(),
            tls: match &listener.protocol {
                Protocol::Http => None,
                Protocol::Https(tls) => Some(tls.clone()),
            },
            pre_routing: listener.policy.over(gateway).pre_routing,
            hosts: HostTable::build(listener, entries),
        };
        match by_port.iter_mut().find(|b| b.port == listener.port) {
            Some(bind) => bind.listeners.push(table),
            None => by_port.push(Bind {
                port: listener.port,
                scheme: listener.protocol.scheme(),
                listeners: vec![table],
            }),
        }
    }
    for bind in &mut by_port {
        bind.listeners.sort_by(|a, b| b.hostname.cmp(&a.hostname));
    }
    by_port.sort_by_key(|b| b.port);
    by_port
}

fn logged_headers(config: &GatewayConfig) -> Vec<HeaderName> {
    let mut names: Vec<_> = config
        .routes
        .iter()
        .flat_map(|route| &route.rules)
        .flat_map(|rule| &rule.matches)
        .flat_map(|m| &m.headers)
        .map(|h| h.name.name().clone())
        .chain(config.logged_headers.iter().map(|h| h.name().clone()))
        .collect();
    names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    names.dedup();
    names
}

/// Positions in [`Snapshot::targets`] of a backend's targets, in priority groups.
type TargetGroups = FxHashMap<BackendKey, Vec<Vec<usize>>>;

#[cfg(test)]
mod tests;
