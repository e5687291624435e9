//! What statuses depend on beside the objects, put together from those who see it.

use std::collections::{BTreeMap, BTreeSet};

use agw_core::id::ObjectKey;
use agw_translate::finding::ObjectRef;
use agw_translate::status::{Address, BackendHealth, Facts, GatewayFacts, Proxies};

/// What the connected proxies have taken and report. Whoever serves them tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deliveries {
    pub gateways: BTreeMap<ObjectKey, Delivery>,
    /// By `AgentgatewayBackend`, over all proxies.
    pub backends: BTreeMap<ObjectKey, BackendHealth>,
}

/// What the proxies of one Gateway have taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Proxies that are connected, to whichever replica.
    pub connected: usize,
    /// The newest revision whose configuration every connected proxy has; a revision that changed
    /// nothing for the Gateway counts as taken.
    pub revision: u64,
    /// Objects that a proxy did not take, with what it said.
    pub rejected: BTreeMap<ObjectRef, String>,
}

/// What the deployer sees of one Gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Deployment {
    pub(crate) addresses: Vec<Address>,
    /// Why something could not be deployed.
    pub(crate) failure: Option<String>,
    /// Why an address that the Gateway asks for is not its Service's.
    pub(crate) unusable_address: Option<String>,
    /// Proxies that are ready: each has a configuration in force.
    pub(crate) ready: u32,
}

/// By Gateway.
pub(crate) type Deployments = BTreeMap<ObjectKey, Deployment>;

/// Whether all proxies have had the time to tell what they have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Those that are ready and not known have yet to be told of: this replica has led for a moment
    /// only.
    #[default]
    Some,
    All,
}

/// The facts for statuses of `revision`.
///
/// Of a proxy that is ready and not known no replica tells: it lost its connection, or its replica
/// did. It does not count. Where none is known, ready ones count as current: they got their
/// configuration from somewhere.
pub(crate) fn facts(
    revision: u64,
    deliveries: &Deliveries,
    deployments: &Deployments,
    heard: Heard,
) -> Facts {
    let keys: BTreeSet<_> = deliveries
        .gateways
        .keys()
        .chain(deployments.keys())
        .collect();
    let gateways = keys.into_iter().map(|key| {
        let deployment = deployments.get(key).cloned().unwrap_or_default();
        let delivery = deliveries.gateways.get(key).filter(|d| d.connected > 0);
        let known = delivery.map_or(0, |delivery| delivery.connected);
        let missing = usize::try_from(deployment.ready).unwrap_or(usize::MAX) > known;
        let proxies = match delivery {
            _ if missing && heard == Heard::Some => Proxies::Behind,
            Some(delivery) if delivery.revision >= revision => Proxies::Current,
            Some(_) => Proxies::Behind,
            None if deployment.ready > 0 => Proxies::Current,
            None => Proxies::None,
        };
        let facts = GatewayFacts {
            addresses: deployment.addresses,
            proxies,
            ready: deployment.ready,
            rejected: delivery.map(|d| d.rejected.clone()).unwrap_or_default(),
            not_deployed: deployment.failure,
            unusable_address: deployment.unusable_address,
        };
        (key.clone(), facts)
    });
    Facts {
        gateways: gateways.collect(),
        backends: deliveries.backends.clone(),
    }
}

/// Objects whose status may be different under other facts. Those that waited for proxies are
/// `unsettled`; all others stay as they are written when a proxy falls behind.
pub(crate) fn affected(
    before: &Facts,
    after: &Facts,
    unsettled: &BTreeSet<ObjectRef>,
) -> BTreeSet<ObjectRef> {
    let mut affected = BTreeSet::new();
    let (none, unknown) = (GatewayFacts::default(), BackendHealth::default());
    for key in before.gateways.keys().chain(after.gateways.keys()) {
        let before = before.gateways.get(key).unwrap_or(&none);
        let after = after.gateways.get(key).unwrap_or(&none);
        if before == after {
            continue;
        }
        affected.insert(reference("Gateway", key));
        affected.extend(unsettled.iter().cloned());
        for (object, why) in before.rejected.iter().chain(&after.rejected) {
            let stays = |facts: &GatewayFacts| facts.rejected.get(object) == Some(why);
            if !(stays(before) && stays(after)) {
                affected.insert(object.clone());
            }
        }
    }
    for key in before.backends.keys().chain(after.backends.keys()) {
        let before = before.backends.get(key).unwrap_or(&unknown);
        if before != after.backends.get(key).unwrap_or(&unknown) {
            affected.insert(reference("AgentgatewayBackend", key));
        }
    }
    affected
}

/// Whether some Gateway's proxies have not yet taken what was published.
pub(crate) fn is_anyone_behind(facts: &Facts) -> bool {
    let mut gateways = facts.gateways.values();
    gateways.any(|facts| facts.proxies == Proxies::Behind)
}

fn reference(kind: &str, key: &ObjectKey) -> ObjectRef {
    ObjectRef::new(kind, Some(&key.namespace), &key.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    fn deliveries(connected: usize, revision: u64) -> Deliveries {
        let delivery = Delivery {
            connected,
            revision,
            ..Delivery::default()
        };
        Deliveries {
            gateways: [(key("gw"), delivery)].into(),
            ..Deliveries::default()
        }
    }

    fn ready(ready: u32) -> Deployments {
        let deployment = Deployment {
            ready,
            ..Deployment::default()
        };
        Deployments::from([(key("gw"), deployment)])
    }

    #[test]
    fn ready_proxies_are_waited_for_until_all_replicas_were_heard() {
        let table = [
            (deliveries(2, 7), ready(2), Proxies::Current),
            (deliveries(1, 7), ready(2), Proxies::Behind),
            (deliveries(0, 0), ready(2), Proxies::Behind),
            (deliveries(0, 0), ready(0), Proxies::None),
            (deliveries(3, 7), ready(2), Proxies::Current),
        ];
        for (deliveries, deployments, expected) in table {
            let facts = facts(7, &deliveries, &deployments, Heard::Some);
            let proxies = facts.gateways[&key("gw")].proxies;
            assert_eq!(proxies, expected, "{deliveries:?}");
        }
    }

    #[test]
    fn proxies_are_current_when_all_have_the_revision() {
        let table = [
            (deliveries(2, 7), ready(2), Proxies::Current),
            (deliveries(2, 6), ready(2), Proxies::Behind),
            (deliveries(0, 0), ready(2), Proxies::Current),
            (deliveries(0, 9), ready(0), Proxies::None),
            (deliveries(1, 7), Deployments::new(), Proxies::Current),
        ];
        for (deliveries, deployments, expected) in table {
            let facts = facts(7, &deliveries, &deployments, Heard::All);
            assert_eq!(
                facts.gateways[&key("gw")].proxies,
                expected,
                "{deliveries:?}"
            );
        }
    }

    #[test]
    fn only_what_depends_on_a_fact_is_looked_at_again() {
        let route = |name: &str| ObjectRef::new("HTTPRoute", Some("ns"), name);
        let unsettled = BTreeSet::from([route("new")]);
        let facts = |acked| facts(7, &deliveries(1, acked), &Deployments::new(), Heard::All);
        let (behind, mut current) = (facts(6), facts(7));
        let gateway = reference("Gateway", &key("gw"));
        assert_eq!(
            affected(&behind, &current, &unsettled),
            BTreeSet::from([gateway.clone(), route("new")])
        );
        assert_eq!(affected(&current, &current, &unsettled), BTreeSet::new());

        let before = current.clone();
        let gateways = current.gateways.get_mut(&key("gw")).unwrap();
        gateways.rejected.insert(route("bad"), "no".to_owned());
        assert_eq!(
            affected(&before, &current, &BTreeSet::new()),
            BTreeSet::from([gateway, route("bad")])
        );
        let before = current.clone();
        let down = BackendHealth::Down {
            ejected: BTreeSet::new(),
        };
        current.backends.insert(key("b"), down);
        assert_eq!(
            affected(&before, &current, &unsettled),
            BTreeSet::from([reference("AgentgatewayBackend", &key("b"))])
        );
    }
}
