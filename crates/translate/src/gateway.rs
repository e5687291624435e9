//! Gateways and their listeners.

mod clients;
mod listener;
mod parameters;
mod selector;
mod set;
mod tls;

use std::sync::Arc;

use agw_api::conditions::{gateway as reasons, types};
use agw_api::external::gateways::GatewaySpec;
use agw_core::header::FieldName;
use agw_core::id::ObjectKey;
use agw_core::listener::{Certificate, Listener};
use agw_core::price::Prices;
use serde_json::{Value, json};

use crate::class::Classes;
use crate::finding::{Code, ObjectRef};
use crate::infra::{Parameters, Port, Shape};
use crate::report::{Report, Subject};
use crate::settings::Mode;
use crate::state::ClusterState;
use crate::status::{Address, Condition, Holds, ObjectStatus, conditions};

use clients::Clients;
pub(crate) use listener::ListenerPlan;
use listener::Planner;
pub(crate) use set::{Owner, SetPlan};
use tls::TlsReader;

/// A Gateway of ours, with what becomes of each of its listeners.
#[derive(Debug)]
pub(crate) struct GatewayPlan {
    pub(crate) key: ObjectKey,
    pub(crate) generation: Option<i64>,
    /// Its own, and then those of its ListenerSets.
    pub(crate) listeners: Vec<ListenerPlan>,
    pub(crate) sets: Vec<SetPlan>,
    /// What its parameters and its class's ask for, or why they cannot be used.
    pub(crate) shape: Result<Shape, String>,
    /// What `spec.addresses` asks for, or why that cannot be.
    pub(crate) addresses: Result<Vec<Address>, &'static str>,
    /// What backends are shown; `None` when it names nothing.
    client: Option<Result<Arc<Certificate>, Condition>>,
    warning: Option<Condition>,
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
        for (field, present) in [("spec.defaultScope", spec.default_scope.is_some())] {
            if present {
                let message = "the field is not served by this release";
                report.add(subject, Code::UnsupportedValue, field, message, "remove it");
            }
        }
        let (mut listeners, clients) = (Vec::new(), Clients::read(state, subject, spec, report));
        let planner = |subject, owner| Planner {
            tls: TlsReader { state, subject },
            mode,
            owner,
            clients: &clients,
        };
        planner(subject, Owner::Gateway).plan_all(&spec.listeners, &mut listeners, report);
        let sets = set::plan_all(
            state,
            key,
            &sourced.object,
            report,
            |subject, set, report| {
                let owner = Owner::Set(subject.key.clone());
                planner(subject, owner).plan_all(&set.listeners, &mut listeners, report);
            },
        );
        let own = parameters::own(state, parameters, &sourced.object, subject, report);
        let generation = sourced.object.metadata.generation;
        plans.push(GatewayPlan {
            key: key.clone(),
            generation,
            listeners,
            sets,
            shape: parameters::over(own, class, &spec.gateway_class_name),
            addresses: addresses(spec, mode, subject, report),
            client: TlsReader { state, subject }.client(spec, report),
            warning: clients.warning(),
        });
    }
    plans
}

/// The addresses that are asked for. One without a value may be any.
fn addresses(
    spec: &GatewaySpec,
    mode: Mode,
    subject: Subject<'_>,
    report: &mut Report,
) -> Result<Vec<Address>, &'static str> {
    let mut asked = Vec::new();
    for (index, address) in spec.addresses.iter().flatten().enumerate() {
        let value = address.value.clone().unwrap_or_default();
        match address.r#type.as_deref().unwrap_or("IPAddress") {
            "IPAddress" | "Hostname" if value.is_empty() => {}
            "IPAddress" => asked.push(Address::Ip(value)),
            "Hostname" => asked.push(Address::Hostname(value)),
            _ => {
                let why = "addresses are of the types `IPAddress` and `Hostname`";
                let field = format!("spec.addresses[{index}].type");
                report.add(
                    subject,
                    Code::UnsupportedValue,
                    &field,
                    why,
                    "use one of them",
                );
                return Err(why);
            }
        }
    }
    if !asked.is_empty() && mode == Mode::Files {
        let message = "addresses are a Service's: they have no effect when files are served";
        let remedy = "use `agw run --bind`";
        report.add(subject, Code::NoEffect, "spec.addresses", message, remedy);
    }
    Ok(asked)
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

    /// What models cost by its parameters.
    pub(crate) fn prices(&self) -> Arc<Prices> {
        let shape = self.shape.as_ref();
        shape.map_or_else(|_| Arc::default(), |shape| shape.prices.clone())
    }

    /// Whether a ListenerSet belongs to it.
    pub(crate) fn has_set(&self, key: &ObjectKey) -> bool {
        self.sets.iter().any(|set| set.key == *key)
    }

    /// What backends are shown of it.
    pub(crate) fn client(&self) -> Option<&Arc<Certificate>> {
        self.client.as_ref()?.as_ref().ok()
    }

    /// Ports that its listeners have, sorted.
    pub(crate) fn ports(&self) -> Vec<Port> {
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
        match (&self.shape, &self.addresses) {
            (Err(why), _) => refuse(reasons::INVALID_PARAMETERS, why),
            (Ok(_), Err(why)) => refuse(reasons::UNSUPPORTED_ADDRESS, why),
            (Ok(_), Ok(_)) => None,
        }
    }

    fn own(&self) -> impl Iterator<Item = (usize, &ListenerPlan)> {
        let listeners = self.listeners.iter().enumerate();
        listeners.filter(|(_, listener)| listener.owner == Owner::Gateway)
    }

    /// The statuses of its ListenerSets.
    pub(crate) fn set_statuses(&self, attached: &[usize]) -> impl Iterator<Item = ObjectStatus> {
        let sets = self.sets.iter();
        sets.map(|set| set.status(&self.key, &self.listeners, attached))
    }

    /// The Gateway's status. `attached` counts the accepted routes of each listener.
    pub(crate) fn status(&self, attached: &[usize]) -> ObjectStatus {
        let bad = self.own().filter(|(_, l)| l.served.is_none()).count();
        let none = bad == self.own().count();
        let accepted = match bad {
            0 => Condition::yes(types::ACCEPTED, reasons::ACCEPTED),
            _ if none => Condition::no(
                types::ACCEPTED,
                reasons::LISTENERS_NOT_VALID,
                "no listener can be served",
            ),
            bad => Condition::yes(types::ACCEPTED, reasons::LISTENERS_NOT_VALID)
                .with_message(format!("{bad} of its listeners cannot be served")),
        };
        let accepted = self.refusal().unwrap_or(accepted);
        let programmed = if accepted.holds == Holds::False && !none {
            Condition::no(
                types::PROGRAMMED,
                reasons::INVALID,
                accepted.message.clone(),
            )
        } else if none {
            Condition::no(
                types::PROGRAMMED,
                reasons::INVALID,
                "no listener can be served",
            )
        } else {
            Condition::yes(types::PROGRAMMED, reasons::PROGRAMMED)
        };
        let mut all = vec![accepted, programmed];
        all.extend(self.client.as_ref().map(|client| match client {
            Ok(_) => Condition::yes(types::RESOLVED_REFS, reasons::RESOLVED_REFS),
            Err(problem) => problem.clone(),
        }));
        all.extend(self.warning.clone());
        let listeners = self.own();
        let listeners = listeners.map(|(index, listener)| {
            let attached = attached.get(index).copied().unwrap_or_default();
            listener.status(attached, self.generation)
        });
        let mut status = json!({
            "conditions": conditions(&all, self.generation),
            "listeners": listeners.collect::<Value>(),
        });
        let sets = self.sets.iter();
        let sets = sets.filter(|set| set.is_accepted(&self.listeners)).count();
        if sets > 0 {
            status["attachedListenerSets"] = sets.into();
        }
        let object = ObjectRef::new("Gateway", Some(&self.key.namespace), &self.key.name);
        ObjectStatus::new(object, status)
    }
}
