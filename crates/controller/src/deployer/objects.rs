//! What is deployed for a Gateway, as objects to apply.

mod pod;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use agw_api::names::GATEWAY_GROUP;
use agw_api::parameters::ServiceType;
use agw_core::id::ObjectKey;
use agw_translate::infra::{
    AutoscalerInfra, DisruptionBudgetInfra, GatewayInfra, Image, Keeps, Metadata, ServiceInfra,
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::part::Part;
use crate::ca::BUNDLE;

/// Hash of what was applied: equal to what is wanted unless that changed.
pub(crate) const APPLIED: &str = "agentgateway.dev/applied-hash";

/// What all proxies have in common.
#[derive(Debug, Clone)]
pub struct ProxySettings {
    /// What parameters leave out of an image.
    pub image: Image,
    /// Host and port that proxies reach the controller at; the host is one of the names that its
    /// certificate has.
    pub controller: String,
    /// Audience of the proxies' tokens.
    pub audience: String,
}

/// An object as it is to be. Its hash is in its annotations.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Desired {
    pub(crate) part: Part,
    pub(crate) key: ObjectKey,
    pub(crate) body: Value,
    pub(crate) hash: String,
}

/// Everything that is to be there for a Gateway, in the order in which it is applied.
pub(crate) fn desired(
    infra: &GatewayInfra,
    settings: &ProxySettings,
    bundle: &str,
) -> Vec<Desired> {
    let deployment = &infra.deployment;
    let mut all = vec![
        object(
            infra,
            Part::ServiceAccount,
            &infra.service_account,
            json!({ "automountServiceAccountToken": false }),
        ),
        object(
            infra,
            Part::ConfigMap,
            &infra.metadata,
            json!({ "data": { BUNDLE: bundle } }),
        ),
        object(
            infra,
            Part::Service,
            &infra.service.metadata,
            service(infra),
        ),
        object(
            infra,
            Part::Deployment,
            &deployment.metadata,
            json!({ "spec": pod::deployment(infra, settings) }),
        ),
    ];
    let autoscaler = infra.autoscaler.as_ref().map(|a| {
        let body = json!({ "spec": autoscaler(&infra.name, a) });
        object(infra, Part::HorizontalPodAutoscaler, &a.metadata, body)
    });
    let budget = infra.disruption_budget.as_ref().map(|b| {
        let body = json!({ "spec": disruption_budget(&infra.selector, b) });
        object(infra, Part::PodDisruptionBudget, &b.metadata, body)
    });
    all.extend(autoscaler.into_iter().chain(budget));
    all
}

/// Name of the ConfigMap that tells proxies whom to trust.
pub(crate) fn trust_name(infra: &GatewayInfra) -> String {
    format!("{}-ca", infra.name)
}

fn object(infra: &GatewayInfra, part: Part, metadata: &Metadata, body: Value) -> Desired {
    let name = match part {
        Part::ConfigMap => trust_name(infra),
        _ => infra.name.clone(),
    };
    let key = ObjectKey::new(infra.gateway.namespace.clone(), name.as_str());
    let mut annotations = metadata.annotations.clone();
    let mut object = json!({
        "apiVersion": part.api_version(),
        "kind": part.kind(),
        "metadata": {
            "name": name,
            "namespace": &*infra.gateway.namespace,
            "labels": metadata.labels,
            "annotations": annotations,
            "ownerReferences": [owner(infra)],
        },
    });
    if let (Value::Object(object), Value::Object(body)) = (&mut object, body) {
        object.extend(body);
    }
    let hash = hash(&object);
    annotations.insert(APPLIED.to_owned(), hash.clone());
    object["metadata"]["annotations"] = json!(annotations);
    Desired {
        part,
        key,
        body: object,
        hash,
    }
}

/// The Gateway owns what is deployed for it: who deletes the one deletes the other.
fn owner(infra: &GatewayInfra) -> Value {
    json!({
        "apiVersion": format!("{GATEWAY_GROUP}/v1"),
        "kind": "Gateway",
        "name": &*infra.gateway.name,
        "uid": infra.uid.as_deref().unwrap_or_default(),
        "controller": true,
    })
}

fn hash(object: &Value) -> String {
    let digest = Sha256::digest(object.to_string().as_bytes());
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn service(infra: &GatewayInfra) -> Value {
    let ServiceInfra {
        metadata: _,
        kind,
        ports,
        external_traffic_policy,
        load_balancer_class,
        addresses: _,
    } = &infra.service;
    let ports = ports.iter().map(|port| {
        let mut object = json!({
            "name": port.name,
            "protocol": port.protocol,
            "port": port.port,
            "targetPort": port.target,
        });
        put(&mut object, "nodePort", port.node_port);
        object
    });
    let mut spec = json!({
        "type": kind,
        "selector": infra.selector,
        "ports": ports.collect::<Value>(),
    });
    put(&mut spec, "externalTrafficPolicy", *external_traffic_policy);
    put(&mut spec, "loadBalancerClass", load_balancer_class.as_ref());
    // Of a Service without a load balancer the address is its own.
    let field = match kind {
        ServiceType::LoadBalancer => "loadBalancerIP",
        ServiceType::ClusterIp | ServiceType::NodePort => "clusterIP",
    };
    put(&mut spec, field, infra.service.address());
    json!({ "spec": spec })
}

fn autoscaler(name: &str, infra: &AutoscalerInfra) -> Value {
    let resources = [
        ("cpu", infra.cpu_utilization),
        ("memory", infra.memory_utilization),
    ];
    let metrics = resources.into_iter().filter_map(|(name, percent)| {
        let target = json!({ "type": "Utilization", "averageUtilization": percent? });
        Some(json!({ "type": "Resource", "resource": { "name": name, "target": target } }))
    });
    json!({
        "scaleTargetRef": {
            "apiVersion": Part::Deployment.api_version(),
            "kind": Part::Deployment.kind(),
            "name": name,
        },
        "minReplicas": infra.min_replicas,
        "maxReplicas": infra.max_replicas,
        "metrics": metrics.collect::<Value>(),
    })
}

fn disruption_budget(selector: &BTreeMap<String, String>, infra: &DisruptionBudgetInfra) -> Value {
    let mut spec = json!({ "selector": { "matchLabels": selector } });
    match infra.keeps {
        Keeps::MinAvailable(count) => put(&mut spec, "minAvailable", Some(count)),
        Keeps::MaxUnavailable(count) => put(&mut spec, "maxUnavailable", Some(count)),
    }
    spec
}

/// Sets a field that has a value: an applied `null` would be one.
fn put(object: &mut Value, field: &str, value: Option<impl serde::Serialize>) {
    if let Some(value) = value {
        object[field] = json!(value);
    }
}

/// Whether a live object has all that is wanted. What it is, is known: objects in lists do not say.
pub(crate) fn is_as_wanted(live: &Value, body: &Value) -> bool {
    let wanted = body.as_object().into_iter().flatten();
    let mut wanted = wanted.filter(|(key, _)| !["apiVersion", "kind"].contains(&key.as_str()));
    wanted.all(|(key, wanted)| contains(&live[key.as_str()], wanted))
}

/// The API server adds defaults to objects, never to lists of ours.
fn contains(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => contains_all(live, wanted),
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len()
                && std::iter::zip(live, wanted).all(|(live, wanted)| contains(live, wanted))
        }
        (live, wanted) => live == wanted,
    }
}

fn contains_all(live: &Map<String, Value>, wanted: &Map<String, Value>) -> bool {
    wanted.iter().all(|(key, wanted)| match live.get(key) {
        Some(live) => contains(live, wanted),
        // Empty lists and objects are not kept.
        None => {
            matches!(wanted, Value::Array(a) if a.is_empty())
                || matches!(wanted, Value::Object(o) if o.is_empty())
        }
    })
}
