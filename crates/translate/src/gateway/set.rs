//! ListenerSets: listeners that others than its owner add to a Gateway.

use agw_api::conditions::{gateway as reasons, listener_set, types};
use agw_api::external::Gateway;
use agw_api::external::gateways::GatewayAllowedListenersNamespacesFrom as FromKind;
use agw_api::names::GATEWAY_GROUP;
use agw_core::id::ObjectKey;
use serde_json::json;

use super::listener::ListenerPlan;
use super::selector::Selector;
use crate::finding::{Code, ObjectRef};
use crate::manifest::{ListenerSetObject, Sourced};
use crate::report::{Report, Subject};
use crate::state::ClusterState;
use crate::status::{Condition, ObjectStatus, conditions};

/// Whose a listener is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    Gateway,
    Set(ObjectKey),
}

/// A ListenerSet of a Gateway of ours.
#[derive(Debug)]
pub(crate) struct SetPlan {
    pub(crate) key: ObjectKey,
    generation: Option<i64>,
    allowed: bool,
}

/// The sets of a Gateway in the order of their precedence, with those that it allows first planned
/// by `plan`.
pub(super) fn plan_all<'a>(
    state: &'a ClusterState,
    key: &ObjectKey,
    gateway: &Gateway,
    report: &mut Report,
    mut plan: impl FnMut(Subject<'a>, &'a ListenerSetObject, &mut Report),
) -> Vec<SetPlan> {
    let sets = state.listener_sets.iter();
    let mut sets: Vec<_> = sets.filter(|(set, o)| is_of(set, o, key)).collect();
    sets.sort_by_key(|(set, o)| {
        let created = o.object.metadata.creation_timestamp.as_ref();
        (created.map_or(i64::MAX, |t| t.0.as_second()), *set)
    });
    let mut plans = Vec::new();
    for (set, sourced) in sets {
        let subject = Subject {
            kind: "ListenerSet",
            key: set,
            origin: &sourced.origin,
        };
        let allowed = allows(state, key, gateway, &set.namespace);
        if allowed {
            plan(subject, &sourced.object, report);
        } else {
            let message = format!(
                "Gateway {key} allows no ListenerSets of namespace {}",
                set.namespace
            );
            let remedy = "set `allowedListeners` of the Gateway";
            report.add(
                subject,
                Code::NotAllowedByListeners,
                "spec.parentRef",
                message,
                remedy,
            );
        }
        plans.push(SetPlan {
            key: set.clone(),
            generation: sourced.object.metadata.generation,
            allowed,
        });
    }
    plans
}

/// Whether a set names the Gateway as its parent.
fn is_of(set: &ObjectKey, sourced: &Sourced<ListenerSetObject>, gateway: &ObjectKey) -> bool {
    let parent = &sourced.object.parent;
    let namespace = parent.namespace.as_deref().unwrap_or(&set.namespace);
    parent.group.as_deref().unwrap_or(GATEWAY_GROUP) == GATEWAY_GROUP
        && parent.kind.as_deref().unwrap_or("Gateway") == "Gateway"
        && (namespace, parent.name.as_str()) == (&*gateway.namespace, &*gateway.name)
}

/// `spec.allowedListeners`: none by default.
fn allows(state: &ClusterState, key: &ObjectKey, gateway: &Gateway, namespace: &str) -> bool {
    let allowed = gateway.spec.allowed_listeners.as_ref();
    let namespaces = allowed.and_then(|allowed| allowed.namespaces.as_ref());
    match namespaces.and_then(|n| n.from.as_ref()) {
        Some(FromKind::All) => true,
        Some(FromKind::Same) => *key.namespace == *namespace,
        Some(FromKind::Selector) => {
            let selector = namespaces.and_then(|n| n.selector.as_ref());
            let selector = selector.map(Selector::like).unwrap_or_default();
            selector.matches(&state.namespace_labels(namespace))
        }
        Some(FromKind::None) | None => false,
    }
}

impl SetPlan {
    /// Whether the Gateway has some of its listeners.
    pub(super) fn is_accepted(&self, listeners: &[ListenerPlan]) -> bool {
        self.own(listeners).any(|(_, l)| l.served.is_some())
    }

    fn own<'a>(
        &'a self,
        listeners: &'a [ListenerPlan],
    ) -> impl Iterator<Item = (usize, &'a ListenerPlan)> {
        let is_own = |l: &ListenerPlan| matches!(&l.owner, Owner::Set(key) if *key == self.key);
        let listeners = listeners.iter().enumerate();
        listeners.filter(move |(_, l)| is_own(l))
    }

    /// Its status. `attached` counts the accepted routes of each listener of the Gateway.
    pub(super) fn status(
        &self,
        gateway: &ObjectKey,
        listeners: &[ListenerPlan],
        attached: &[usize],
    ) -> ObjectStatus {
        let both = |reason, why: &str| {
            [types::ACCEPTED, types::PROGRAMMED].map(|kind| Condition::no(kind, reason, why))
        };
        let bad = self.own(listeners).filter(|(_, l)| l.served.is_none());
        let verdict = match (self.allowed, bad.count()) {
            (false, _) => both(
                listener_set::NOT_ALLOWED,
                "the Gateway allows no ListenerSets of this namespace",
            ),
            (true, 0) => [
                Condition::yes(types::ACCEPTED, reasons::ACCEPTED),
                Condition::yes(types::PROGRAMMED, reasons::PROGRAMMED),
            ],
            (true, bad) if self.is_accepted(listeners) => [
                Condition::yes(types::ACCEPTED, reasons::LISTENERS_NOT_VALID)
                    .with_message(format!("{bad} of its listeners cannot be served")),
                Condition::yes(types::PROGRAMMED, reasons::PROGRAMMED),
            ],
            (true, _) => both(reasons::LISTENERS_NOT_VALID, "no listener can be served"),
        };
        let entries = self.own(listeners).map(|(index, listener)| {
            let attached = attached.get(index).copied().unwrap_or_default();
            listener.status(attached, self.generation)
        });
        let mut status = json!({ "conditions": conditions(&verdict, self.generation) });
        if self.allowed {
            status["listeners"] = entries.collect();
        }
        ObjectStatus {
            gateways: vec![gateway.clone()],
            ..ObjectStatus::new(
                ObjectRef::new("ListenerSet", Some(&self.key.namespace), &self.key.name),
                status,
            )
        }
    }
}
