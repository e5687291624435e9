//! Listeners: which can be served, and which routes they allow.

mod spoken;

use std::sync::Arc;

use agw_api::conditions::{gateway as reasons, types};
use agw_api::external::gateways::{
    GatewayListeners, GatewayListenersAllowedRoutesNamespacesFrom as FromKind,
};
use agw_core::hostname::Hostname;
use agw_core::id::RouteKind;
use agw_core::listener::{Listener, Transport};
use agw_core::policy::TrafficPolicy;
use serde_json::{Value, json};

use super::clients::Clients;
use super::selector::Selector;
use super::set::Owner;
use super::tls::TlsReader;
use crate::finding::Code;
use crate::infra::{Port, PortProtocol};
use crate::report::Report;
use crate::settings::Mode;
use crate::state::ClusterState;
use crate::status::{Condition, conditions};
use spoken::{Made, Spoken, kinds, passes_through};

/// Where a deployed proxy shows its configuration, metrics and readiness.
const RESERVED_PORTS: [i32; 3] = [15000, 15020, 15021];

/// A listener as it is written, and what becomes of it.
#[derive(Debug)]
pub(crate) struct ListenerPlan {
    pub(crate) owner: Owner,
    /// Its name among the listeners of its owner.
    pub(crate) section: Arc<str>,
    /// Its name among all listeners of the Gateway.
    pub(crate) name: Arc<str>,
    pub(crate) port: u16,
    pub(crate) hostname: Hostname,
    pub(crate) allows: Allows,
    /// `None` when it cannot be served.
    pub(crate) served: Option<Listener>,
    conditions: Vec<Condition>,
    kinds: Vec<RouteKind>,
    exposed: Option<Port>,
}

/// Namespaces whose routes may attach.
#[derive(Debug)]
pub(crate) enum Allows {
    All,
    Only(String),
    Labelled(Selector),
}

/// Why a listener is not served.
struct Refusal {
    reason: &'static str,
    message: String,
    code: Code,
    field: &'static str,
    remedy: &'static str,
}

/// What planning the listeners of one owner looks at.
pub(super) struct Planner<'a> {
    pub(super) tls: TlsReader<'a>,
    pub(super) mode: Mode,
    pub(super) owner: Owner,
    pub(super) clients: &'a Clients,
}

impl Planner<'_> {
    /// Plans the listeners of an owner after those that have precedence.
    pub(super) fn plan_all(
        &self,
        specs: &[GatewayListeners],
        plans: &mut Vec<ListenerPlan>,
        report: &mut Report,
    ) {
        for (index, spec) in specs.iter().enumerate() {
            let field = format!("spec.listeners[{index}]");
            let mut plan = plan(self, spec, &field, report);
            if let Some((reason, message)) = conflict(plans, &plan) {
                report.add(
                    self.tls.subject,
                    Code::ListenerConflict,
                    &field,
                    message.clone(),
                    "give it another port or hostname",
                );
                let conflict = |kind| Condition::no(kind, reason, message.clone());
                plan.served = None;
                plan.conditions = vec![
                    conflict(types::ACCEPTED),
                    conflict(types::PROGRAMMED),
                    Condition::yes(types::CONFLICTED, reason).with_message(message.clone()),
                    Condition::yes(types::RESOLVED_REFS, reasons::RESOLVED_REFS),
                ];
            }
            plans.push(plan);
        }
    }
}

/// Why a listener cannot be served beside those before it.
fn conflict(earlier: &[ListenerPlan], plan: &ListenerPlan) -> Option<(&'static str, String)> {
    let served = plan.served.as_ref()?;
    let transport = served.protocol.transport();
    for other in earlier.iter().filter(|other| other.port == plan.port) {
        let Some(theirs) = &other.served else {
            continue;
        };
        let theirs = theirs.protocol.transport();
        if theirs != transport {
            // The same number is another port for datagrams.
            if [theirs, transport].contains(&Transport::Udp) {
                continue;
            }
            let message = format!(
                "listener `{}` speaks another protocol on the same port",
                other.name
            );
            return Some((reasons::PROTOCOL_CONFLICT, message));
        }
        if other.hostname == plan.hostname {
            let message = format!("listener `{}` has the same port and hostname", other.name);
            return Some((reasons::HOSTNAME_CONFLICT, message));
        }
    }
    None
}

fn plan(
    planner: &Planner<'_>,
    spec: &GatewayListeners,
    field: &str,
    report: &mut Report,
) -> ListenerPlan {
    let subject = planner.tls.subject;
    let protocol = Spoken::of(&spec.protocol);
    let (kinds, mut resolved) = kinds(protocol, spec, subject, field, report);
    let written = Hostname::parse(spec.hostname.as_deref().unwrap_or_default());
    let refusal = refusal(planner.mode, protocol, spec, written.is_err());
    if let Some(refusal) = &refusal {
        let at = format!("{field}.{}", refusal.field);
        let message = refusal.message.clone();
        report.add(subject, refusal.code, &at, message, refusal.remedy);
    }
    let hostname = written.unwrap_or(Hostname::Any);
    let port = u16::try_from(spec.port).unwrap_or(0);
    let name: Arc<str> = match &planner.owner {
        Owner::Gateway => spec.name.as_str().into(),
        Owner::Set(set) => format!("{set}/{}", spec.name).into(),
    };
    let mut made = Made::default();
    if let (None, Some(protocol)) = (&refusal, protocol) {
        made = Made::of(planner, protocol, spec, field, report);
        resolved = made.problem.take().unwrap_or(resolved);
    }
    let served = made.protocol.map(|protocol| Listener {
        name: name.clone(),
        port,
        protocol,
        hostname: hostname.clone(),
        policy: TrafficPolicy::default(),
    });
    let no = |reason, message: &str| {
        vec![
            Condition::no(types::ACCEPTED, reason, message),
            Condition::no(types::PROGRAMMED, reasons::INVALID, message),
        ]
    };
    let accepted = Condition::yes(types::ACCEPTED, reasons::ACCEPTED);
    let mut conditions = match (refusal, made.refused) {
        (Some(refusal), _) => no(refusal.reason, &refusal.message),
        (None, Some((reason, message))) => no(reason, message),
        (None, None) if served.is_some() => vec![
            accepted,
            Condition::yes(types::PROGRAMMED, reasons::PROGRAMMED),
        ],
        (None, None) => vec![
            accepted,
            Condition::no(
                types::PROGRAMMED,
                reasons::INVALID,
                "the listener has no usable certificate",
            ),
        ],
    };
    conditions.push(resolved);
    let usable = port > 0 && !is_reserved(planner.mode, spec.port);
    let exposed = protocol.filter(|_| usable).map(|protocol| Port {
        number: port,
        protocol: match protocol {
            Spoken::Udp => PortProtocol::Udp,
            _ => PortProtocol::Tcp,
        },
    });
    ListenerPlan {
        owner: planner.owner.clone(),
        section: spec.name.as_str().into(),
        name,
        port,
        hostname,
        allows: allows(&subject.key.namespace, spec),
        served,
        conditions,
        kinds,
        exposed,
    }
}

fn refusal(
    mode: Mode,
    protocol: Option<Spoken>,
    spec: &GatewayListeners,
    bad_hostname: bool,
) -> Option<Refusal> {
    let refuse = |reason, field, message, remedy| {
        let code = Code::UnsupportedListener;
        Some(Refusal {
            reason,
            message,
            code,
            field,
            remedy,
        })
    };
    if protocol.is_none() {
        let message = format!("protocol `{}` is not served by this release", spec.protocol);
        return refuse(
            reasons::UNSUPPORTED_PROTOCOL,
            "protocol",
            message,
            "use `HTTP`, `HTTPS`, `TLS`, `TCP` or `UDP`",
        );
    }
    if protocol == Some(Spoken::Https) && passes_through(spec) {
        let message = "an HTTPS listener ends TLS itself: it cannot pass it through".to_owned();
        let remedy = "use `mode: Terminate`, or `protocol: TLS`";
        return refuse(reasons::UNSUPPORTED_VALUE, "tls.mode", message, remedy);
    }
    let nameless = matches!(protocol, Some(Spoken::Tcp | Spoken::Udp));
    if nameless
        && spec
            .hostname
            .as_deref()
            .is_some_and(|name| !name.is_empty())
    {
        let message = format!("{} says no hostname that could be matched", spec.protocol);
        let remedy = "remove it, or use `protocol: TLS`";
        return refuse(reasons::UNSUPPORTED_VALUE, "hostname", message, remedy);
    }
    if bad_hostname {
        let message = format!(
            "{:?} is not a hostname",
            spec.hostname.as_deref().unwrap_or_default()
        );
        return refuse(
            reasons::UNSUPPORTED_VALUE,
            "hostname",
            message,
            "write a DNS name, or `*.` and one",
        );
    }
    if u16::try_from(spec.port).map_or(true, |port| port == 0) {
        let message = format!("{} is not a port", spec.port);
        return refuse(reasons::PORT_UNAVAILABLE, "port", message, "use 1 to 65535");
    }
    if is_reserved(mode, spec.port) {
        let message = format!("the proxy itself needs port {}", spec.port);
        return refuse(
            reasons::PORT_UNAVAILABLE,
            "port",
            message,
            "use another port",
        );
    }
    None
}

fn is_reserved(mode: Mode, port: i32) -> bool {
    mode == Mode::Cluster && RESERVED_PORTS.contains(&port)
}

/// `Same` is the namespace of the listener's owner.
fn allows(own: &str, spec: &GatewayListeners) -> Allows {
    let namespaces = spec
        .allowed_routes
        .as_ref()
        .and_then(|a| a.namespaces.as_ref());
    match namespaces.and_then(|n| n.from.as_ref()) {
        Some(FromKind::All) => Allows::All,
        Some(FromKind::Selector) => {
            let selector = namespaces.and_then(|n| n.selector.as_ref());
            Allows::Labelled(selector.map(Selector::new).unwrap_or_default())
        }
        Some(FromKind::Same) | None => Allows::Only(own.to_owned()),
    }
}

impl Allows {
    pub(crate) fn namespace(&self, state: &ClusterState, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(own) => own == namespace,
            Self::Labelled(selector) => selector.matches(&state.namespace_labels(namespace)),
        }
    }
}

impl ListenerPlan {
    /// Whether routes of the kind may attach at all.
    pub(crate) fn takes(&self, kind: RouteKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Its port, unless nothing can listen there. One that is not served for another reason keeps
    /// its port: the next edit may serve it.
    pub(super) fn exposed(&self) -> Option<Port> {
        self.exposed
    }

    pub(super) fn status(&self, attached: usize, generation: Option<i64>) -> Value {
        let kinds: Vec<_> = self
            .kinds
            .iter()
            .map(|kind| json!({ "group": spoken::group_of(*kind), "kind": kind.as_str() }))
            .collect();
        json!({
            "name": &*self.section,
            "attachedRoutes": attached,
            "supportedKinds": kinds,
            "conditions": conditions(&self.conditions, generation),
        })
    }
}
