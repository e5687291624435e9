//! Listeners: which can be served, and which routes they allow.

use std::sync::Arc;

use agw_api::conditions::{gateway as reasons, types};
use agw_api::external::gateways::{
    GatewayListeners, GatewayListenersAllowedRoutesNamespacesFrom as FromKind,
    GatewayListenersTlsMode as TlsMode,
};
use agw_api::names::GATEWAY_GROUP;
use agw_core::hostname::Hostname;
use agw_core::id::ObjectKey;
use agw_core::listener::{Listener, Protocol};
use agw_core::policy::TrafficPolicy;
use serde_json::{Value, json};

use super::selector::Selector;
use super::tls::TlsReader;
use crate::finding::Code;
use crate::report::{Report, Subject};
use crate::settings::Mode;
use crate::state::ClusterState;
use crate::status::{Condition, conditions};

/// Where a deployed proxy shows its configuration, metrics and readiness.
const RESERVED_PORTS: [i32; 3] = [15000, 15020, 15021];

/// A listener as it is written, and what becomes of it.
#[derive(Debug)]
pub(crate) struct ListenerPlan {
    pub(crate) name: Arc<str>,
    pub(crate) port: u16,
    pub(crate) hostname: Hostname,
    pub(crate) allows: Allows,
    /// `None` when it cannot be served.
    pub(crate) served: Option<Listener>,
    conditions: Vec<Condition>,
    kinds: Vec<&'static str>,
    exposed: Option<u16>,
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
    kind: &'static str,
    reason: &'static str,
    message: String,
    code: Code,
    field: &'static str,
    remedy: &'static str,
}

pub(super) fn plan_all(
    tls: TlsReader<'_>,
    mode: Mode,
    specs: &[GatewayListeners],
    report: &mut Report,
) -> Vec<ListenerPlan> {
    let mut plans: Vec<ListenerPlan> = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        let field = format!("spec.listeners[{index}]");
        let mut plan = plan(tls, mode, spec, &field, report);
        if let Some((reason, message)) = conflict(&plans, &plan) {
            report.add(
                tls.subject,
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
    plans
}

/// Why a listener cannot be served beside those before it.
fn conflict(earlier: &[ListenerPlan], plan: &ListenerPlan) -> Option<(&'static str, String)> {
    let served = plan.served.as_ref()?;
    for other in earlier.iter().filter(|other| other.port == plan.port) {
        let Some(theirs) = &other.served else {
            continue;
        };
        if theirs.protocol.transport() != served.protocol.transport() {
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
    tls: TlsReader<'_>,
    mode: Mode,
    spec: &GatewayListeners,
    field: &str,
    report: &mut Report,
) -> ListenerPlan {
    let subject = tls.subject;
    let (kinds, mut resolved) = kinds(spec, subject, field, report);
    let written = Hostname::parse(spec.hostname.as_deref().unwrap_or_default());
    let refusal = refusal(mode, spec, written.is_err());
    if let Some(refusal) = &refusal {
        let at = format!("{field}.{}", refusal.field);
        report.add(
            subject,
            refusal.code,
            &at,
            refusal.message.clone(),
            refusal.remedy,
        );
    }
    let hostname = written.unwrap_or(Hostname::Any);
    let port = u16::try_from(spec.port).unwrap_or(0);
    let mut protocol = None;
    if refusal.is_none() {
        let (made, problem) = protocol_of(tls, spec, field, report);
        protocol = made;
        resolved = problem.unwrap_or(resolved);
    }
    let served = protocol.map(|protocol| Listener {
        name: spec.name.as_str().into(),
        port,
        protocol,
        hostname: hostname.clone(),
        policy: TrafficPolicy::default(),
    });
    let mut conditions = match refusal {
        None if served.is_some() => vec![
            Condition::yes(types::ACCEPTED, reasons::ACCEPTED),
            Condition::yes(types::PROGRAMMED, reasons::PROGRAMMED),
        ],
        None => vec![
            Condition::yes(types::ACCEPTED, reasons::ACCEPTED),
            Condition::no(
                types::PROGRAMMED,
                reasons::INVALID,
                "the listener has no usable certificate",
            ),
        ],
        Some(refusal) => vec![
            Condition::no(refusal.kind, refusal.reason, refusal.message.clone()),
            Condition::no(types::PROGRAMMED, reasons::INVALID, refusal.message),
        ],
    };
    conditions.push(resolved);
    let http = matches!(spec.protocol.as_str(), "HTTP" | "HTTPS");
    let usable = http && port > 0 && !is_reserved(mode, spec.port);
    ListenerPlan {
        name: spec.name.as_str().into(),
        port,
        hostname,
        allows: allows(subject.key, spec),
        served,
        conditions,
        kinds: if http { kinds } else { Vec::new() },
        exposed: usable.then_some(port),
    }
}

/// What is spoken there, with its certificates; `None` when there is none of them.
fn protocol_of(
    tls: TlsReader<'_>,
    spec: &GatewayListeners,
    field: &str,
    report: &mut Report,
) -> (Option<Protocol>, Option<Condition>) {
    if spec.protocol == "HTTPS" {
        let (made, problem) = tls.read(spec, field, report);
        return (made.map(Protocol::Https), problem);
    }
    if spec.tls.is_some() {
        let message = "an HTTP listener has no TLS: `tls` has no effect here";
        let remedy = "remove it, or use `protocol: HTTPS`";
        let at = format!("{field}.tls");
        report.add(tls.subject, Code::UnsupportedValue, &at, message, remedy);
    }
    (Some(Protocol::Http), None)
}

fn refusal(mode: Mode, spec: &GatewayListeners, bad_hostname: bool) -> Option<Refusal> {
    let refuse = |reason, field, message, remedy| {
        let (kind, code) = (types::ACCEPTED, Code::UnsupportedListener);
        Some(Refusal {
            kind,
            reason,
            message,
            code,
            field,
            remedy,
        })
    };
    if !matches!(spec.protocol.as_str(), "HTTP" | "HTTPS") {
        let message = format!("protocol `{}` is not served by this release", spec.protocol);
        return refuse(
            reasons::UNSUPPORTED_PROTOCOL,
            "protocol",
            message,
            "use `HTTP` or `HTTPS`",
        );
    }
    let passthrough = spec.tls.as_ref().and_then(|tls| tls.mode.as_ref());
    if spec.protocol == "HTTPS" && passthrough == Some(&TlsMode::Passthrough) {
        let message = "an HTTPS listener ends TLS itself: it cannot pass it through".to_owned();
        let remedy = "use `mode: Terminate`";
        return refuse(reasons::UNSUPPORTED_VALUE, "tls.mode", message, remedy);
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

/// The route kinds that may attach, and whether all that are named are known.
fn kinds(
    spec: &GatewayListeners,
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) -> (Vec<&'static str>, Condition) {
    let named = spec.allowed_routes.as_ref().and_then(|a| a.kinds.as_ref());
    let ok = Condition::yes(types::RESOLVED_REFS, reasons::RESOLVED_REFS);
    let Some(named) = named.filter(|n| !n.is_empty()) else {
        return (vec!["HTTPRoute"], ok);
    };
    let known = |kind: &str, group: Option<&str>| {
        kind == "HTTPRoute" && group.unwrap_or(GATEWAY_GROUP) == GATEWAY_GROUP
    };
    let unknown: Vec<_> = named
        .iter()
        .filter(|k| !known(&k.kind, k.group.as_deref()))
        .map(|k| k.kind.as_str())
        .collect();
    let kinds = if unknown.len() < named.len() {
        vec!["HTTPRoute"]
    } else {
        Vec::new()
    };
    if unknown.is_empty() {
        return (kinds, ok);
    }
    let message = format!("route kinds that cannot attach: {}", unknown.join(", "));
    let at = format!("{field}.allowedRoutes.kinds");
    report.add(
        subject,
        Code::UnsupportedValue,
        &at,
        message.clone(),
        "use `HTTPRoute`",
    );
    (
        kinds,
        Condition::no(types::RESOLVED_REFS, reasons::INVALID_ROUTE_KINDS, message),
    )
}

fn allows(gateway: &ObjectKey, spec: &GatewayListeners) -> Allows {
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
        Some(FromKind::Same) | None => Allows::Only(gateway.namespace.to_string()),
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
    /// Whether HTTPRoutes may attach at all.
    pub(crate) fn takes_http_routes(&self) -> bool {
        !self.kinds.is_empty()
    }

    /// Its port, unless nothing can listen there. One that is not served for another reason keeps
    /// its port: the next edit may serve it.
    pub(super) fn exposed(&self) -> Option<u16> {
        self.exposed
    }

    pub(super) fn status(&self, attached: usize, generation: Option<i64>) -> Value {
        let kinds: Vec<_> = self
            .kinds
            .iter()
            .map(|kind| json!({ "group": GATEWAY_GROUP, "kind": kind }))
            .collect();
        json!({
            "name": &*self.name,
            "attachedRoutes": attached,
            "supportedKinds": kinds,
            "conditions": conditions(&self.conditions, generation),
        })
    }
}
