//! What is spoken on a listener, and which routes can say where it goes.

use agw_api::conditions::{gateway as reasons, types};
use agw_api::external::gateways::{GatewayListeners, GatewayListenersTlsMode as TlsMode};
use agw_api::names::{GATEWAY_GROUP, GROUP};
use agw_core::id::RouteKind;
use agw_core::listener::Protocol;

use super::Planner;
use crate::finding::Code;
use crate::gateway::clients::{Asked, PortClients};
use crate::report::{Report, Subject};
use crate::status::Condition;

/// What is spoken on a listener, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoken {
    Http,
    Https,
    Tls,
    Tcp,
    Udp,
}

impl Spoken {
    pub(super) fn of(protocol: &str) -> Option<Self> {
        Some(match protocol {
            "HTTP" => Self::Http,
            "HTTPS" => Self::Https,
            "TLS" => Self::Tls,
            "TCP" => Self::Tcp,
            "UDP" => Self::Udp,
            _ => return None,
        })
    }

    fn carries_models(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }

    /// The kinds of routes that say where what comes there goes.
    fn kinds(self) -> &'static [RouteKind] {
        match self {
            Self::Http | Self::Https => &[RouteKind::Http, RouteKind::Grpc],
            Self::Tls => &[RouteKind::Tls],
            Self::Tcp => &[RouteKind::Tcp],
            Self::Udp => &[RouteKind::Udp],
        }
    }
}

/// What becomes of a listener's protocol.
#[derive(Default)]
pub(super) struct Made {
    /// `None` when it cannot be served.
    pub(super) protocol: Option<Protocol>,
    /// Of its references.
    pub(super) problem: Option<Condition>,
    pub(super) refused: Option<(&'static str, &'static str)>,
}

impl Made {
    pub(super) fn of(
        planner: &Planner<'_>,
        protocol: Spoken,
        spec: &GatewayListeners,
        field: &str,
        report: &mut Report,
    ) -> Self {
        let plain = match protocol {
            Spoken::Http => Protocol::Http,
            Spoken::Tcp => Protocol::Tcp,
            Spoken::Udp => Protocol::Udp,
            Spoken::Tls if passes_through(spec) => Protocol::TlsPassthrough,
            Spoken::Https | Spoken::Tls => {
                return Self::with_tls(planner, protocol, spec, field, report);
            }
        };
        if spec.tls.is_some() && plain != Protocol::TlsPassthrough {
            let message = format!(
                "a listener for {} has no TLS: `tls` has no effect here",
                spec.protocol
            );
            let remedy = "remove it, or use `protocol: HTTPS` or `protocol: TLS`";
            let (subject, at) = (planner.tls.subject, format!("{field}.tls"));
            report.add(subject, Code::UnsupportedValue, &at, message, remedy);
        }
        Self {
            protocol: Some(plain),
            ..Self::default()
        }
    }

    /// With its certificates, and what is asked of clients.
    fn with_tls(
        planner: &Planner<'_>,
        protocol: Spoken,
        spec: &GatewayListeners,
        field: &str,
        report: &mut Report,
    ) -> Self {
        let PortClients { asked, problem } = planner.clients.of(spec.port).clone();
        let clients = match asked {
            None => None,
            Some(Asked::Valid(clients)) => Some(clients),
            Some(Asked::NoAuthority) => {
                let why = "no authority that vouches for clients can be used";
                return Self {
                    problem,
                    refused: Some((reasons::NO_VALID_CA_CERTIFICATE, why)),
                    protocol: None,
                };
            }
        };
        let (tls, own) = planner.tls.read(spec, clients, field, report);
        let protocol = tls.map(|tls| match protocol {
            Spoken::Https => Protocol::Https(tls),
            _ => Protocol::Tls(tls),
        });
        Self {
            protocol,
            problem: own.or(problem),
            refused: None,
        }
    }
}

/// The group that a kind of route is of.
pub(super) fn group_of(kind: RouteKind) -> &'static str {
    match kind {
        RouteKind::Model => GROUP,
        _ => GATEWAY_GROUP,
    }
}

pub(super) fn passes_through(spec: &GatewayListeners) -> bool {
    let mode = spec.tls.as_ref().and_then(|tls| tls.mode.as_ref());
    mode == Some(&TlsMode::Passthrough)
}

/// The route kinds that may attach, and whether all that are named are known.
pub(super) fn kinds(
    protocol: Option<Spoken>,
    spec: &GatewayListeners,
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) -> (Vec<RouteKind>, Condition) {
    let carried = protocol.map_or(&[][..], Spoken::kinds);
    let named = spec.allowed_routes.as_ref().and_then(|a| a.kinds.as_ref());
    let ok = Condition::yes(types::RESOLVED_REFS, reasons::RESOLVED_REFS);
    let Some(named) = named.filter(|n| !n.is_empty()) else {
        return (carried.to_vec(), ok);
    };
    let (mut kinds, mut unknown) = (Vec::new(), Vec::new());
    for asked in named {
        let group = asked.group.as_deref().unwrap_or(GATEWAY_GROUP);
        let is_asked = |kind: &&RouteKind| kind.as_str() == asked.kind && group == group_of(**kind);
        // Models attach only where they are named.
        let named = protocol.is_some_and(Spoken::carries_models);
        let models = named.then_some(&RouteKind::Model);
        match carried.iter().chain(models).find(is_asked) {
            Some(kind) => kinds.push(*kind),
            None => unknown.push(asked.kind.as_str()),
        }
    }
    if unknown.is_empty() || protocol.is_none() {
        return (kinds, ok);
    }
    let message = format!("route kinds that cannot attach: {}", unknown.join(", "));
    let at = format!("{field}.allowedRoutes.kinds");
    let served: Vec<_> = carried.iter().map(|k| format!("`{k}`")).collect();
    let remedy = format!("use {}", served.join(" or "));
    report.add(
        subject,
        Code::UnsupportedValue,
        &at,
        message.clone(),
        remedy,
    );
    let not = Condition::no(types::RESOLVED_REFS, reasons::INVALID_ROUTE_KINDS, message);
    (kinds, not)
}
