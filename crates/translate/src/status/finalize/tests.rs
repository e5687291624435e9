//! Tables of what is written for what is known.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const NEW: i64 = 3;
const OLD: i64 = 2;

fn condition(kind: &str, status: &str, reason: &str, generation: i64) -> Value {
    json!({ "type": kind, "status": status, "reason": reason, "message": "", "observedGeneration": generation })
}

fn summary(condition: Option<&Value>) -> String {
    let Some(condition) = condition else {
        return "-".to_owned();
    };
    let text = |field: &str| condition[field].as_str().unwrap().to_owned();
    let generation = &condition["observedGeneration"];
    format!("{} {} @{generation}", text("status"), text("reason"))
}

fn facts(proxies: Proxies) -> Facts {
    let known = GatewayFacts {
        addresses: vec![Address::Ip("10.0.0.1".to_owned())],
        proxies,
        ready: 1,
        ..GatewayFacts::default()
    };
    Facts {
        gateways: BTreeMap::from([(ObjectKey::new("ns", "gw"), known)]),
        ..Facts::default()
    }
}

fn gateway(programmed: Value) -> ObjectStatus {
    ObjectStatus {
        gateways: Vec::new(),
        object: ObjectRef::new("Gateway", Some("ns"), "gw"),
        status: json!({
            "conditions": [condition("Accepted", "True", "Accepted", NEW), programmed],
            "listeners": [{ "name": "http", "conditions": [programmed] }],
        }),
    }
}

fn route(accepted: Value) -> ObjectStatus {
    ObjectStatus {
        gateways: vec![ObjectKey::new("ns", "gw")],
        object: ObjectRef::new("HTTPRoute", Some("ns"), "r"),
        status: json!({ "parents": [{
            "parentRef": { "group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "ns", "name": "gw" },
            "controllerName": "ours",
            "conditions": [accepted],
        }] }),
    }
}

#[test]
fn programmed_turns_true_with_an_address_and_current_proxies() {
    use Proxies::{Behind, Current, None as Nobody};
    let yes = |generation| condition("Programmed", "True", "Programmed", generation);
    let no = || condition("Programmed", "False", "Pending", OLD);
    let table = [
        (Nobody, None, "False Pending @3"),
        (Nobody, Some(yes(NEW)), "True Programmed @3"),
        (Nobody, Some(yes(OLD)), "False Pending @3"),
        (Nobody, Some(no()), "False Pending @3"),
        (Behind, None, "False Pending @3"),
        (Behind, Some(yes(NEW)), "True Programmed @3"),
        (Behind, Some(yes(OLD)), "True Programmed @2"),
        (Behind, Some(no()), "False Pending @3"),
        (Current, None, "True Programmed @3"),
        (Current, Some(yes(OLD)), "True Programmed @3"),
        (Current, Some(no()), "True Programmed @3"),
    ];
    for (proxies, written, want) in table {
        let written = written.map(|c| {
            let mut c = c;
            c["lastTransitionTime"] = "2026-01-01T00:00:00Z".into();
            json!({ "conditions": [c], "listeners": [{ "name": "http", "conditions": [c] }] })
        });
        let got = finalize(&gateway(yes(NEW)), written.as_ref(), &facts(proxies));
        let of = |conditions: &Value| summary(of_type(conditions, "Programmed"));
        assert_eq!(
            of(&got.status["conditions"]),
            want,
            "{proxies:?} {written:?}"
        );
        let listener = &got.status["listeners"][0]["conditions"];
        assert_eq!(of(listener), want, "{proxies:?} {written:?}");
        assert!(!got.status.to_string().contains("lastTransitionTime"));
        let accepted = of_type(&got.status["conditions"], "Accepted");
        assert_eq!(summary(accepted), "True Accepted @3");
    }
}

#[test]
fn a_gateway_tells_its_addresses_and_what_it_waits_for() {
    let yes = condition("Programmed", "True", "Programmed", NEW);
    let with = |change: &dyn Fn(&mut GatewayFacts)| {
        let mut facts = facts(Proxies::Current);
        change(facts.gateways.values_mut().next().unwrap());
        finalize(&gateway(yes.clone()), None, &facts).status
    };
    let programmed = |status: &Value| summary(of_type(&status["conditions"], "Programmed"));

    let two = with(&|g| g.addresses.push(Address::Hostname("lb.test".to_owned())));
    let want = json!([
        { "type": "IPAddress", "value": "10.0.0.1" },
        { "type": "Hostname", "value": "lb.test" },
    ]);
    assert_eq!(two["addresses"], want);
    assert_eq!(programmed(&two), "True Programmed @3");

    let none = with(&|g| g.addresses.clear());
    assert!(none.get("addresses").is_none());
    assert_eq!(programmed(&none), "False AddressNotAssigned @3");

    let waiting = with(&|g| g.ready = 0);
    assert_eq!(programmed(&waiting), "False Pending @3");
    let unusable = with(&|g| g.unusable_address = Some("it has another".to_owned()));
    assert_eq!(programmed(&unusable), "False AddressNotUsable @3");
    let stuck = with(&|g| g.not_deployed = Some("no quota".to_owned()));
    assert_eq!(programmed(&stuck), "False Pending @3");
    let object = ObjectRef::new("Gateway", Some("ns"), "gw");
    let refused = with(&|g| drop(g.rejected.insert(object.clone(), "no".to_owned())));
    assert_eq!(programmed(&refused), "False Invalid @3");

    // What is false by itself keeps its own reason, and a Gateway without facts has nothing.
    let invalid = gateway(condition("Programmed", "False", "Invalid", NEW));
    let got = finalize(&invalid, None, &facts(Proxies::None)).status;
    assert_eq!(programmed(&got), "False Invalid @3");
    let got = finalize(&gateway(yes), None, &Facts::default()).status;
    assert_eq!(programmed(&got), "False AddressNotAssigned @3");
}

#[test]
fn a_route_waits_for_connected_proxies_only() {
    use Proxies::{Behind, Current, None as Nobody};
    let yes = |generation| condition("Accepted", "True", "Accepted", generation);
    let no = |generation| condition("Accepted", "False", "NoMatchingParent", generation);
    let table = [
        (Nobody, yes(NEW), None, "True Accepted @3"),
        (Behind, yes(NEW), None, "Unknown Pending @3"),
        (Behind, yes(NEW), Some(yes(OLD)), "True Accepted @2"),
        (Behind, yes(NEW), Some(no(OLD)), "False NoMatchingParent @2"),
        (Behind, no(NEW), Some(yes(OLD)), "False NoMatchingParent @3"),
        (Current, yes(NEW), Some(no(OLD)), "True Accepted @3"),
        (Current, no(NEW), None, "False NoMatchingParent @3"),
    ];
    for (proxies, made, written, want) in table {
        // Another controller's entry for the same parent, and ours with what the spec left out.
        let written = written.map(|c| json!({ "parents": [
            { "parentRef": { "name": "gw" }, "controllerName": "theirs", "conditions": [condition("Accepted", "False", "Theirs", NEW)] },
            { "parentRef": { "name": "gw" }, "controllerName": "ours", "conditions": [c] },
        ] }));
        let got = finalize(&route(made), written.as_ref(), &facts(proxies));
        let accepted = of_type(&got.status["parents"][0]["conditions"], "Accepted");
        assert_eq!(summary(accepted), want, "{proxies:?} {written:?}");
    }
}

#[test]
fn what_a_proxy_did_not_take_is_told() {
    let yes = condition("Accepted", "True", "Accepted", NEW);
    let refusing = |object: &ObjectRef| {
        let mut facts = facts(Proxies::Current);
        let gateway = facts.gateways.values_mut().next().unwrap();
        gateway
            .rejected
            .insert(object.clone(), "too big".to_owned());
        facts
    };
    let route = route(yes.clone());
    let got = finalize(&route, None, &refusing(&route.object)).status;
    let accepted = of_type(&got["parents"][0]["conditions"], "Accepted").unwrap();
    assert_eq!(summary(Some(accepted)), "False UnsupportedValue @3");
    assert_eq!(accepted["message"], "too big");

    for (kind, status) in [
        ("AgentgatewayBackend", json!({ "conditions": [yes] })),
        (
            "AgentgatewayPolicy",
            json!({ "ancestors": [{ "conditions": [yes] }] }),
        ),
        (
            "EnterpriseAgentgatewayPolicy",
            json!({ "ancestors": [{ "conditions": [yes] }] }),
        ),
    ] {
        let object = ObjectRef::new(kind, Some("ns"), "x");
        let made = ObjectStatus::new(object, status);
        let got = finalize(&made, None, &refusing(&made.object)).status;
        let conditions = got
            .get("conditions")
            .unwrap_or(&got["ancestors"][0]["conditions"]);
        assert_eq!(
            summary(of_type(conditions, "Accepted")),
            "False Invalid @3",
            "{kind}"
        );
    }
}

#[test]
fn a_backend_is_as_healthy_as_its_proxies_say() {
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|n| (*n).to_owned())
            .collect::<BTreeSet<_>>()
    };
    let table = [
        (
            "True",
            None,
            "Unknown Unknown @3",
            "no proxy has used it yet",
        ),
        (
            "True",
            Some(BackendHealth::Unknown),
            "Unknown Unknown @3",
            "no proxy has used it yet",
        ),
        (
            "True",
            Some(BackendHealth::Usable {
                ejected: names(&[]),
            }),
            "True Healthy @3",
            "",
        ),
        (
            "True",
            Some(BackendHealth::Usable {
                ejected: names(&["b", "a"]),
            }),
            "True Healthy @3",
            "in use, without a, b",
        ),
        (
            "True",
            Some(BackendHealth::Down {
                ejected: names(&["a"]),
            }),
            "False Ejected @3",
            "a proxy has no provider left; ejected: a",
        ),
        (
            "False",
            Some(BackendHealth::Usable {
                ejected: names(&[]),
            }),
            "Unknown Unknown @3",
            "it is not served",
        ),
    ];
    for (accepted, health, want, message) in table {
        let made = ObjectStatus {
            gateways: Vec::new(),
            object: ObjectRef::new("AgentgatewayBackend", Some("ns"), "b"),
            status: json!({ "conditions": [condition("Accepted", accepted, "X", NEW)] }),
        };
        let mut facts = Facts::default();
        facts
            .backends
            .extend(health.clone().map(|h| (ObjectKey::new("ns", "b"), h)));
        let got = finalize(&made, None, &facts).status;
        let healthy = of_type(&got["conditions"], "Healthy");
        assert_eq!(summary(healthy), want, "{health:?}");
        assert_eq!(healthy.unwrap()["message"], message, "{health:?}");
    }
}

#[test]
fn reports_of_several_proxies_add_up() {
    let mut health = BackendHealth::default();
    health.observe(["a", "b"], []);
    assert_eq!(
        health,
        BackendHealth::Usable {
            ejected: BTreeSet::new()
        }
    );
    health.observe(["a"], ["b"]);
    let b = BTreeSet::from(["b".to_owned()]);
    assert_eq!(health, BackendHealth::Usable { ejected: b });
    health.observe([], ["a", "b"]);
    let both = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
    assert_eq!(
        health,
        BackendHealth::Down {
            ejected: both.clone()
        }
    );
    health.observe(["a", "b"], []);
    assert_eq!(health, BackendHealth::Down { ejected: both });
}
