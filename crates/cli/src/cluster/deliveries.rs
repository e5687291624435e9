//! From what the wire tells of proxies to what statuses depend on.

use std::collections::BTreeMap;

use agw_controller::{Deliveries, Delivery};
use agw_core::id::{BackendKey, BackendKind, ObjectKey};
use agw_translate::finding::ObjectRef;
use agw_translate::status::BackendHealth;
use agw_xds::ResourceKey;
use agw_xds::server::{self as wire, ResourceProblem};
use serde_json::{Value, json};

pub(super) fn of_wire(wire: &wire::Deliveries) -> Deliveries {
    let gateways = wire.gateways.iter().map(|(gateway, delivery)| {
        let rejected = delivery
            .problems
            .iter()
            .filter(|problem| is_refused(problem));
        let rejected = rejected.filter_map(|problem| {
            Some((
                object(gateway, &problem.resource)?,
                problem.message.to_string(),
            ))
        });
        let delivery = Delivery {
            connected: delivery.proxies.len(),
            revision: delivery.acked_revision.unwrap_or(0),
            rejected: rejected.collect(),
        };
        (gateway.clone(), delivery)
    });
    let backends = wire.health.iter().filter_map(|(key, health)| {
        let is_ours = key.kind == BackendKind::AgentgatewayBackend;
        is_ours.then(|| (key.object.clone(), health_of(health)))
    });
    Deliveries {
        gateways: gateways.collect(),
        backends: backends.collect::<BTreeMap<_, _>>(),
    }
}

/// Every problem counts, also one that no proxy has been sent.
fn is_refused(problem: &ResourceProblem) -> bool {
    !problem.message.is_empty()
}

fn health_of(health: &agw_xds::BackendHealth) -> BackendHealth {
    let ejected = health.unhealthy.iter().map(ToString::to_string).collect();
    if health.total > 0 && health.healthy == 0 {
        BackendHealth::Down { ejected }
    } else {
        BackendHealth::Usable { ejected }
    }
}

/// The object whose status says that a resource was not taken. A Service has no status of ours.
fn object(gateway: &ObjectKey, resource: &ResourceKey) -> Option<ObjectRef> {
    let named = |kind: &str, key: &ObjectKey| ObjectRef::new(kind, Some(&key.namespace), &key.name);
    Some(match resource {
        ResourceKey::Route(kind, key) => named(kind.as_str(), key),
        ResourceKey::Backend(BackendKey { kind, object, .. })
        | ResourceKey::Credential(BackendKey { kind, object, .. }) => match kind {
            BackendKind::AgentgatewayBackend => named("AgentgatewayBackend", object),
            BackendKind::AgentgatewayModel => named("AgentgatewayModel", object),
            BackendKind::Service | BackendKind::UdpService => return None,
        },
        ResourceKey::Listener(_) | ResourceKey::Policy | ResourceKey::Certificate(_) => {
            named("Gateway", gateway)
        }
    })
}

/// The proxies, for people.
pub(super) fn page(wire: &wire::Deliveries) -> Value {
    let gateways = wire.gateways.iter().map(|(gateway, delivery)| {
        let problems = delivery.problems.iter().map(|problem| {
            json!({
                "resource": format!("{:?}", problem.resource),
                "message": &*problem.message,
                "proxies": problem.proxies,
            })
        });
        json!({
            "gateway": gateway,
            "version": delivery.version,
            "proxies": delivery.proxies.iter().map(|name| &**name).collect::<Vec<_>>(),
            "acked_revision": delivery.acked_revision,
            "problems": problems.collect::<Value>(),
        })
    });
    let health = wire.health.iter().map(|(backend, health)| {
        json!({
            "backend": backend,
            "healthy": health.healthy,
            "total": health.total,
            "unhealthy": health.unhealthy.iter().map(|name| &**name).collect::<Vec<_>>(),
            "proxies": health.proxies,
        })
    });
    let replicas: Vec<_> = wire.replicas.iter().map(|name| &**name).collect();
    json!({
        "gateways": gateways.collect::<Value>(),
        "health": health.collect::<Value>(),
        "replicas": replicas,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use agw_core::id::RouteKind;

    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    #[test]
    fn problems_go_to_the_objects_they_come_from() {
        let problem = |resource| ResourceProblem {
            resource,
            message: "no".into(),
            proxies: 1,
        };
        let delivery = wire::Delivery {
            version: 3,
            proxies: vec![Arc::from("a"), Arc::from("b")],
            acked_revision: Some(7),
            problems: vec![
                problem(ResourceKey::Route(RouteKind::Http, key("r"))),
                problem(ResourceKey::Credential(BackendKey::agentgateway(key("b")))),
                problem(ResourceKey::Backend(BackendKey::service(key("s"), 80))),
                problem(ResourceKey::Listener("http".into())),
            ],
        };
        let wire = wire::Deliveries {
            gateways: [(key("gw"), delivery)].into(),
            ..wire::Deliveries::default()
        };
        let deliveries = of_wire(&wire);
        let delivery = &deliveries.gateways[&key("gw")];
        assert_eq!((delivery.connected, delivery.revision), (2, 7));
        let named: Vec<_> = delivery.rejected.keys().map(ToString::to_string).collect();
        assert_eq!(named.len(), 3, "{named:?}");
        assert!(
            named.iter().any(|n| n.starts_with("AgentgatewayBackend")),
            "{named:?}"
        );
    }
}
