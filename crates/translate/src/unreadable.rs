//! Objects that an API server has and that cannot be read: a finding and a status say so.

use agw_api::conditions::{backend, policy, route, types};
use agw_api::names::{CONTROLLER_NAME, GATEWAY_GROUP};
use agw_core::id::ObjectKey;
use serde_json::{Value, json};

use crate::gateway::GatewayPlan;
use crate::manifest::{Kind, Unreadable};
use crate::report::Report;
use crate::state::ClusterState;
use crate::status::{Condition, ObjectStatus, conditions};

/// What is said about them, and the statuses of those that have one.
pub(crate) fn statuses(
    state: &ClusterState,
    gateways: &[GatewayPlan],
    report: &mut Report,
) -> Vec<ObjectStatus> {
    let mut statuses = Vec::new();
    for ((kind, key), unreadable) in &state.unreadable {
        let mark = report.mark();
        report.extend(unreadable.findings.iter().cloned());
        let why = report.errors_since(mark);
        let status = match kind {
            Kind::Backend => Some(own(unreadable, backend::INVALID, why)),
            Kind::Policy | Kind::EnterprisePolicy => Some(attached(unreadable, key, why)),
            Kind::HttpRoute
            | Kind::GrpcRoute
            | Kind::TlsRoute
            | Kind::TcpRoute
            | Kind::UdpRoute
            | Kind::Model => {
                statuses.extend(parents(unreadable, key, gateways, why));
                None
            }
            _ => None,
        };
        let object = unreadable.object.clone();
        statuses.extend(status.map(|status| ObjectStatus::new(object, status)));
    }
    statuses
}

fn own(unreadable: &Unreadable, reason: &'static str, why: String) -> Value {
    let accepted = Condition::no(types::ACCEPTED, reason, why);
    json!({ "conditions": conditions(&[accepted], unreadable.generation) })
}

/// A policy's entries, by the targets that can be made out.
fn attached(unreadable: &Unreadable, key: &ObjectKey, why: String) -> Value {
    let all = [
        Condition::no(types::ACCEPTED, policy::INVALID, why),
        Condition::no(
            types::ATTACHED,
            policy::PENDING,
            "the policy is not attached",
        ),
    ];
    let targets = unreadable.spec["targetRefs"].as_array();
    let named = targets
        .into_iter()
        .flatten()
        .filter(|t| t["name"].is_string());
    let mut ancestors: Vec<_> = named
        .take(crate::policy::MAX_ANCESTORS)
        .map(|target| {
            let mut reference = json!({
                "group": target["group"],
                "kind": target["kind"],
                "namespace": &*key.namespace,
                "name": target["name"],
            });
            if let Some(section) = target["sectionName"].as_str() {
                reference["sectionName"] = section.into();
            }
            reference
        })
        .collect();
    if ancestors.is_empty() {
        ancestors.push(crate::policy::no_target());
    }
    let entry = |ancestor| {
        json!({
            "ancestorRef": ancestor,
            "controllerName": CONTROLLER_NAME,
            "conditions": conditions(&all, unreadable.generation),
        })
    };
    json!({ "ancestors": ancestors.into_iter().map(entry).collect::<Vec<_>>() })
}

/// A route's entries for those of its parents that are ours.
fn parents(
    unreadable: &Unreadable,
    key: &ObjectKey,
    gateways: &[GatewayPlan],
    why: String,
) -> Option<ObjectStatus> {
    let accepted = Condition::no(types::ACCEPTED, route::UNSUPPORTED_VALUE, why);
    let all = conditions(&[accepted], unreadable.generation);
    let written = unreadable.spec["parentRefs"].as_array();
    let (mut owners, mut entries) = (Vec::new(), Vec::new());
    for parent in written.into_iter().flatten() {
        let namespace = parent["namespace"].as_str().unwrap_or(&key.namespace);
        let named = ObjectKey::new(namespace, parent["name"].as_str().unwrap_or_default());
        let kind = parent["kind"].as_str().unwrap_or("Gateway");
        let mut plans = gateways.iter();
        let found = plans.find(|plan| match kind {
            "Gateway" => plan.key == named,
            "ListenerSet" => plan.has_set(&named),
            _ => false,
        });
        let Some(found) = found else { continue };
        let mut reference = json!({
            "group": parent["group"].as_str().unwrap_or(GATEWAY_GROUP),
            "kind": kind,
            "namespace": namespace,
            "name": &*named.name,
        });
        for field in ["sectionName", "port"] {
            if !parent[field].is_null() {
                reference[field] = parent[field].clone();
            }
        }
        owners.push(found.key.clone());
        entries.push(json!({
            "parentRef": reference,
            "controllerName": CONTROLLER_NAME,
            "conditions": all,
        }));
    }
    (!entries.is_empty()).then(|| ObjectStatus {
        object: unreadable.object.clone(),
        gateways: owners,
        status: json!({ "parents": entries }),
    })
}
