//! From what the objects say to what is written: conditions that wait for proxies, addresses,
//! and health.

use agw_api::conditions::{backend, gateway, route, types};
use agw_core::id::{ObjectKey, RouteKind};
use serde_json::{Map, Value, json};

use super::{Address, BackendHealth, Condition, Facts, GatewayFacts, ObjectStatus, Proxies};
use crate::finding::ObjectRef;

/// The status to write, from the one that translation gave, the `status` that the object has now,
/// and the facts.
///
/// * `Programmed` of a Gateway and its listeners turns true once the Gateway has an address, a
///   proxy is ready, and every connected proxy is current. `Accepted` of a route under a
///   Gateway turns true once that Gateway's connected proxies are current; with none connected it
///   does not wait. While a condition waits it stays as it is written; one that is not written yet
///   is `Programmed: False` and `Accepted: Unknown`, both for the reason `Pending`.
/// * What a proxy did not take is false at once, with what the proxy said.
/// * A Gateway's `addresses` are those of the facts.
/// * An `AgentgatewayBackend` gets its condition `Healthy`.
///
/// The result has our own conditions and entries only. Whoever writes it adds the times of
/// transition and keeps what other controllers wrote. The same input gives the same result, so
/// that nothing is written when nothing changed.
pub fn finalize(status: &ObjectStatus, written: Option<&Value>, facts: &Facts) -> ObjectStatus {
    let none = GatewayFacts::default();
    let object = &status.object;
    let mut status = status.clone();
    let written = written.unwrap_or(&Value::Null);
    match object.kind.as_str() {
        "Gateway" => {
            let facts = facts.gateways.get(&key(object)).unwrap_or(&none);
            Gateway { facts, object }.finalize(&mut status.status, written);
        }
        "ListenerSet" => {
            let facts = status
                .gateways
                .first()
                .and_then(|key| facts.gateways.get(key));
            let facts = facts.unwrap_or(&none);
            Gateway { facts, object }.listeners(&mut status.status, written);
        }
        kind if RouteKind::ALL.iter().any(|route| route.as_str() == kind) => {
            let gateways = &status.gateways;
            routes(object, gateways, &mut status.status, written, facts);
        }
        "AgentgatewayBackend" => backends(object, &mut status.status, facts),
        "AgentgatewayPolicy" | "EnterpriseAgentgatewayPolicy" => {
            policies(object, &mut status.status, facts);
        }
        _ => {}
    }
    status
}

/// One Gateway, with what is known of it.
struct Gateway<'a> {
    facts: &'a GatewayFacts,
    object: &'a ObjectRef,
}

impl Gateway<'_> {
    fn finalize(&self, status: &mut Value, written: &Value) {
        self.listeners(status, written);
        let addresses: Vec<_> = self.facts.addresses.iter().map(address).collect();
        if !addresses.is_empty() {
            status["addresses"] = addresses.into();
        }
    }

    /// What a Gateway and a ListenerSet have in common.
    fn listeners(&self, status: &mut Value, written: &Value) {
        self.programmed(&mut status["conditions"], &written["conditions"]);
        for listener in entries(&mut status["listeners"]) {
            let mut theirs = written["listeners"].as_array().into_iter().flatten();
            let theirs = theirs.find(|l| l["name"] == listener["name"]);
            let theirs = theirs.map_or(&Value::Null, |l| &l["conditions"]);
            self.programmed(&mut listener["conditions"], theirs);
        }
    }

    /// Puts `Programmed` off while something is missing for it.
    fn programmed(&self, conditions: &mut Value, written: &Value) {
        let Some(condition) = find(conditions, types::PROGRAMMED) else {
            return;
        };
        if condition["status"] != "True" {
            return;
        }
        let theirs = of_type(written, types::PROGRAMMED);
        let kept = theirs.filter(|theirs| theirs["status"] == "True");
        let facts = self.facts;
        if let Some(why) = facts.rejected.get(self.object) {
            return refuse(condition, gateway::INVALID, why);
        }
        if let Some(why) = &facts.unusable_address {
            return refuse(condition, gateway::ADDRESS_NOT_USABLE, why);
        }
        if let Some(why) = &facts.not_deployed {
            return refuse(condition, gateway::PENDING, why);
        }
        if facts.addresses.is_empty() {
            let why = "the Service has no address yet";
            return refuse(condition, gateway::ADDRESS_NOT_ASSIGNED, why);
        }
        match (facts.proxies, kept) {
            (Proxies::Current, kept) if facts.ready > 0 || kept.is_some() => {}
            // It has the configuration, and nobody is sent to it yet.
            (Proxies::Current, _) => refuse(condition, gateway::PENDING, "no proxy is ready yet"),
            // Proxies may be away for a while, but the one that comes must have this generation.
            (Proxies::None, Some(theirs)) if same_generation(theirs, condition) => {}
            (Proxies::None, _) => {
                refuse(condition, gateway::PENDING, "no proxy is connected yet");
            }
            (Proxies::Behind, Some(theirs)) => *condition = ours(theirs),
            (Proxies::Behind, None) => {
                let why = "a proxy has not taken the configuration yet";
                refuse(condition, gateway::PENDING, why);
            }
        }
    }
}

/// `Accepted` of a route, for each of its parents.
fn routes(
    object: &ObjectRef,
    gateways: &[ObjectKey],
    status: &mut Value,
    written: &Value,
    facts: &Facts,
) {
    for (parent, gateway) in entries(&mut status["parents"]).zip(gateways) {
        let Some(facts) = facts.gateways.get(gateway) else {
            continue;
        };
        let theirs = written["parents"].as_array().into_iter().flatten();
        let mut theirs = theirs.filter(|t| t["controllerName"] == parent["controllerName"]);
        let theirs = theirs.find(|t| same_parent(&t["parentRef"], &parent["parentRef"], object));
        let theirs = theirs.and_then(|t| of_type(&t["conditions"], types::ACCEPTED));
        let Some(condition) = find(&mut parent["conditions"], types::ACCEPTED) else {
            continue;
        };
        if condition["status"] != "True" {
            continue;
        }
        match (facts.rejected.get(object), facts.proxies, theirs) {
            (Some(why), ..) => refuse(condition, route::UNSUPPORTED_VALUE, why),
            (None, Proxies::Behind, Some(theirs)) => *condition = ours(theirs),
            (None, Proxies::Behind, None) => {
                condition["status"] = "Unknown".into();
                condition["reason"] = route::PENDING.into();
                condition["message"] = "a proxy has not taken the route yet".into();
            }
            (None, Proxies::None | Proxies::Current, _) => {}
        }
    }
}

/// `Accepted` of a backend that a proxy did not take, and its health.
fn backends(object: &ObjectRef, status: &mut Value, facts: &Facts) {
    let conditions = &mut status["conditions"];
    reject(object, conditions, backend::INVALID, facts);
    let is_accepted = of_type(conditions, types::ACCEPTED).is_some_and(|c| c["status"] == "True");
    let generation = of_type(conditions, types::ACCEPTED);
    let generation = generation.and_then(|c| c["observedGeneration"].as_i64());
    let named = |ejected: &std::collections::BTreeSet<String>| {
        let names: Vec<_> = ejected.iter().map(String::as_str).collect();
        names.join(", ")
    };
    let health = facts.backends.get(&key(object)).filter(|_| is_accepted);
    let condition = match health.unwrap_or(&BackendHealth::Unknown) {
        BackendHealth::Unknown if is_accepted => {
            Condition::unknown(types::HEALTHY, backend::UNKNOWN, "no proxy has used it yet")
        }
        BackendHealth::Unknown => {
            Condition::unknown(types::HEALTHY, backend::UNKNOWN, "it is not served")
        }
        BackendHealth::Usable { ejected } if ejected.is_empty() => {
            Condition::yes(types::HEALTHY, backend::HEALTHY)
        }
        BackendHealth::Usable { ejected } => Condition::yes(types::HEALTHY, backend::HEALTHY)
            .with_message(format!("in use, without {}", named(ejected))),
        BackendHealth::Down { ejected } => Condition::no(
            types::HEALTHY,
            backend::EJECTED,
            format!("a proxy has no provider left; ejected: {}", named(ejected)),
        ),
    };
    if let Some(conditions) = conditions.as_array_mut() {
        conditions.push(condition.json(generation));
    }
}

fn policies(object: &ObjectRef, status: &mut Value, facts: &Facts) {
    for ancestor in entries(&mut status["ancestors"]) {
        let conditions = &mut ancestor["conditions"];
        reject(
            object,
            conditions,
            agw_api::conditions::policy::INVALID,
            facts,
        );
    }
}

/// Turns `Accepted` false when a proxy of any Gateway did not take the object.
fn reject(object: &ObjectRef, conditions: &mut Value, reason: &str, facts: &Facts) {
    let mut refusals = facts.gateways.values();
    let Some(why) = refusals.find_map(|gateway| gateway.rejected.get(object)) else {
        return;
    };
    let accepted = find(conditions, types::ACCEPTED).filter(|c| c["status"] == "True");
    if let Some(condition) = accepted {
        refuse(condition, reason, why);
    }
}

fn refuse(condition: &mut Value, reason: &str, why: &str) {
    condition["status"] = "False".into();
    condition["reason"] = reason.into();
    condition["message"] = why.into();
}

/// A condition that is written, without what the writer adds.
fn ours(written: &Value) -> Value {
    let fields = ["type", "status", "reason", "message", "observedGeneration"];
    let mut condition = Map::new();
    for field in fields {
        condition.insert(field.to_owned(), written[field].clone());
    }
    Value::Object(condition)
}

fn same_generation(a: &Value, b: &Value) -> bool {
    a["observedGeneration"] == b["observedGeneration"]
}

/// Whether two parentRefs name the same, whatever they leave to its default.
fn same_parent(a: &Value, b: &Value, route: &ObjectRef) -> bool {
    let default = |field: &str| match field {
        "group" => Some(agw_api::names::GATEWAY_GROUP),
        "kind" => Some("Gateway"),
        "namespace" => route.namespace.as_deref(),
        _ => None,
    };
    let texts = ["group", "kind", "namespace", "name", "sectionName"];
    texts.iter().all(|field| {
        let read = |of: &Value| of[*field].as_str().or(default(field)).map(str::to_owned);
        read(a) == read(b)
    }) && a["port"] == b["port"]
}

fn key(object: &ObjectRef) -> ObjectKey {
    let namespace = object.namespace.clone().unwrap_or_default();
    ObjectKey::new(namespace, object.name.as_str())
}

fn address(address: &Address) -> Value {
    let (kind, value) = match address {
        Address::Ip(value) => ("IPAddress", value),
        Address::Hostname(value) => ("Hostname", value),
    };
    json!({ "type": kind, "value": value })
}

fn entries(list: &mut Value) -> impl Iterator<Item = &mut Value> {
    list.as_array_mut().into_iter().flatten()
}

fn find<'a>(conditions: &'a mut Value, kind: &str) -> Option<&'a mut Value> {
    entries(conditions).find(|condition| condition["type"] == kind)
}

fn of_type<'a>(conditions: &'a Value, kind: &str) -> Option<&'a Value> {
    let mut all = conditions.as_array()?.iter();
    all.find(|condition| condition["type"] == kind)
}

#[cfg(test)]
mod tests;
