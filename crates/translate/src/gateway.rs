//! Gateways and their listeners.

mod listener;
mod parameters;
mod selector;
mod tls;

use agw_api::conditions::{gateway as reasons, types};
use agw_api::external::gateways::GatewaySpec;
use agw_core::header::FieldName;
use agw_core::id::ObjectKey;
use agw_core::listener::Listener;
use serde_json::json;

use crate::class::Classes;
use crate::finding::{Code, ObjectRef};
use crate::infra::{Parameters, Shape};
use crate::report::{Report, Subject};
use crate::settings::Mode;
use crate::state::ClusterState;
use crate::status::{Condition, Holds, ObjectStatus, conditions};

pub(crate) use listener::ListenerPlan;
use tls::TlsReader;

/// A Gateway of ours, with what becomes of each of its listeners.
#[derive(Debug)]
pub(crate) struct GatewayPlan {
    pub(crate) key: ObjectKey,
    pub(crate) generation: Option<i64>,
    pub(crate) listeners: Vec<ListenerPlan>,
    /// What its parameters and its class's ask for, or why they cannot be used.
    pub(crate) shape: Result<Shape, String>,
    addresses: Addresses,
}

/// What the Gateway's `spec.addresses` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Addresses {
    /// Any address.
    Any,
    /// A certain address: addresses are the Service's to have.
    Certain,
    /// An address of a type that there is not.
    Unknown,
}

/// Our Gateways, in the order of their names.
pub(crate) fn plan_all(
    state: &ClusterState,
    mode: Mode,
    classes: &Classes,
    parameters: &Parameters,
    report: &mut Report,
) -> Vec<GatewayPlan> {
    let mut plans = Vec::new();
    for (key, sourced) in &state.gateways {
        let subject = Subject {
            kind: "Gateway",
            key,
            origin: &sourced.origin,
        };
        let spec = &sourced.object.spec;
        let Some(class) = classes.get(&spec.gateway_class_name) else {
            report.add(
                subject,
                Code::GatewayClassNotFound,
                "spec.gatewayClassName",
                format!(
                    "GatewayClass `{}` is not one of ours; the Gateway is left alone",
                    spec.gateway_class_name
                ),
                "use `agentgateway` or `enterprise-agentgateway`",
            );
            continue;
        };
        for (field, present) in [
            ("spec.tls", spec.tls.is_some()),
            ("spec.addresses", addresses(spec) != Addresses::Any),
            ("spec.allowedListeners", spec.allowed_listeners.is_some()),
            ("spec.defaultScope", spec.default_scope.is_some()),
        ] {
            if present {
                let message = "the field is not served by this release";
                report.add(subject, Code::UnsupportedValue, field, message, "remove it");
            }
        }
        let tls = TlsReader { state, subject };
        let listeners = listener::plan_all(tls, mode, &spec.listeners, report);
        let own = parameters::own(state, parameters, &sourced.object, subject, report);
        let generation = sourced.object.metadata.generation;
        plans.push(GatewayPlan {
            key: key.clone(),
            generation,
            listeners,
            shape: parameters::over(own, class, &spec.gateway_class_name),
            addresses: addresses(spec),
        });
    }
    plans
}

fn addresses(spec: &GatewaySpec) -> Addresses {
    let asked = spec.addresses.iter().flatten();
    let mut kind = Addresses::Any;
    for address in asked {
        match address.r#type.as_deref().unwrap_or("IPAddress") {
            "IPAddress" | "Hostname" if address.value.as_ref().is_none_or(String::is_empty) => {}
            "IPAddress" | "Hostname" => kind = Addresses::Certain,
            _ => return Addresses::Unknown,
        }
    }
    kind
}

impl GatewayPlan {
    /// The listeners that are served.
    pub(crate) fn served(&self) -> impl Iterator<Item = &Listener> {
        self.listeners
            .iter()
            .filter_map(|plan| plan.served.as_ref())
    }

    /// Headers that its access log shows in any case. Parameters that are not valid ask for none.
    pub(crate) fn logged_headers(&self) -> Vec<FieldName> {
        let shape = self.shape.as_ref();
        shape.map_or_else(|_| Vec::new(), |shape| shape.logged_headers.clone())
    }

    /// Ports that its listeners have, sorted.
    pub(crate) fn ports(&self) -> Vec<u16> {
        let mut ports: Vec<_> = self
            .listeners
            .iter()
            .filter_map(ListenerPlan::exposed)
            .collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// Why the Gateway as a whole cannot be served as it is written.
    fn refusal(&self) -> Option<Condition> {
        let refuse = |reason, why: &str| Some(Condition::no(types::ACCEPTED, reason, why));
        match (&self.shape, self.addresses) {
            (Err(why), _) => refuse(reasons::INVALID_PARAMETERS, why),
            (Ok(_), Addresses::Unknown) => {
                let why = "addresses are of the types `IPAddress` and `Hostname`";
                refuse(reasons::UNSUPPORTED_ADDRESS, why)
            }
            (Ok(_), Addresses::Any | Addresses::Certain) => None,
        }
    }

    /// The Gateway's status. `attached` counts the accepted routes of each listener.
    pub(crate) fn status(&self, attached: &[usize]) -> ObjectStatus {
        let bad = self.listeners.iter().filter(|l| l.served.is_none()).count();
        let accepted = match bad {
            0 => Condition::yes(types::ACCEPTED, reasons::ACCEPTED),
            bad if bad == self.listeners.len() => Condition::no(
                types::ACCEPTED,
                reasons::LISTENERS_NOT_VALID,
                "no listener can be served",
            ),
            bad => Condition::yes(types::ACCEPTED, reasons::LISTENERS_NOT_VALID)
                .with_message(format!("{bad} of its listeners cannot be served")),
        };
        let accepted = self.refusal().unwrap_or(accepted);
        let programmed = if accepted.holds == Holds::False && bad < self.listeners.len() {
            Condition::no(
                types::PROGRAMMED,
                reasons::INVALID,
                accepted.message.clone(),
            )
        } else if self.addresses == Addresses::Certain {
            let why = "a certain address cannot be assigned: the Service decides on addresses";
            Condition::no(types::PROGRAMMED, reasons::ADDRESS_NOT_USABLE, why)
        } else if bad == self.listeners.len() {
            Condition::no(
                types::PROGRAMMED,
                reasons::INVALID,
                "no listener can be served",
            )
        } else {
            Condition::yes(types::PROGRAMMED, reasons::PROGRAMMED)
        };
        let listeners: Vec<_> = self
            .listeners
            .iter()
            .zip(attached)
            .map(|(listener, attached)| listener.status(*attached, self.generation))
            .collect();
        ObjectStatus {
            object: ObjectRef::new("Gateway", Some(&self.key.namespace), &self.key.name),
            status: json!({
                "conditions": conditions(&[accepted, programmed], self.generation),
                "listeners": listeners,
            }),
        }
    }
}
