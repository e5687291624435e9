//! Gateways and their listeners.

mod listener;
mod selector;
mod tls;

use std::collections::BTreeSet;

use agw_api::conditions::{gateway as reasons, types};
use agw_core::id::ObjectKey;
use agw_core::listener::Listener;
use serde_json::json;

use crate::finding::{Code, ObjectRef};
use crate::report::{Report, Subject};
use crate::state::ClusterState;
use crate::status::{Condition, ObjectStatus, conditions};

pub(crate) use listener::ListenerPlan;
use tls::TlsReader;

/// A Gateway of ours, with what becomes of each of its listeners.
#[derive(Debug)]
pub(crate) struct GatewayPlan {
    pub(crate) key: ObjectKey,
    pub(crate) generation: Option<i64>,
    pub(crate) listeners: Vec<ListenerPlan>,
}

/// Our Gateways, in the order of their names.
pub(crate) fn plan_all(
    state: &ClusterState,
    classes: &BTreeSet<String>,
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
        if !classes.contains(&spec.gateway_class_name) {
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
        }
        for (field, present) in [
            ("spec.tls", spec.tls.is_some()),
            (
                "spec.addresses",
                spec.addresses.as_ref().is_some_and(|a| !a.is_empty()),
            ),
            ("spec.allowedListeners", spec.allowed_listeners.is_some()),
            ("spec.defaultScope", spec.default_scope.is_some()),
        ] {
            if present {
                let message = "the field is not served by this release";
                report.add(subject, Code::UnsupportedValue, field, message, "remove it");
            }
        }
        let listeners = listener::plan_all(TlsReader { state, subject }, &spec.listeners, report);
        let generation = sourced.object.metadata.generation;
        plans.push(GatewayPlan {
            key: key.clone(),
            generation,
            listeners,
        });
    }
    plans
}

impl GatewayPlan {
    /// The listeners that are served.
    pub(crate) fn served(&self) -> impl Iterator<Item = &Listener> {
        self.listeners
            .iter()
            .filter_map(|plan| plan.served.as_ref())
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
        let programmed = if bad == self.listeners.len() {
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
