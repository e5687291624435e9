use super::*;
use crate::limits;
use crate::resource::Kind;

fn gateway(name: &str) -> ObjectKey {
    ObjectKey::new("ns", name)
}

fn with_proxy(digest: Option<Hash>) -> GatewayReport {
    GatewayReport {
        proxies: [("p".into(), digest)].into(),
        ..GatewayReport::default()
    }
}

fn health(healthy: u32) -> BackendHealth {
    BackendHealth {
        healthy,
        total: 2,
        unhealthy: vec!["a".into()],
        changed: 7,
        proxies: 3,
    }
}

/// Over the wire, message by message.
fn travel(report: &Report) -> Report {
    let mut read = Report::default();
    let messages = report.messages("replica");
    let last = messages.len() - 1;
    for (n, message) in messages.into_iter().enumerate() {
        assert_eq!(message.complete, n == last);
        read.read(message).unwrap();
    }
    read
}

fn report() -> Report {
    let mut first = with_proxy(Some(Hash::of(b"content")));
    let route = ResourceId::new(Kind::Route, "ns/r");
    first.problem(&route, &"no".into(), 1);
    first.problem(&route, &"neither".into(), 1);
    let backend = BackendKey::agentgateway(gateway("b"));
    Report {
        gateways: [(gateway("one"), first), (gateway("two"), with_proxy(None))].into(),
        health: [(backend, health(1))].into(),
    }
}

#[test]
fn changes_lead_from_one_report_to_the_next() {
    let first = report();
    let problem = first.gateways[&gateway("one")].problems.values().next();
    let problem = problem.unwrap();
    assert_eq!((&*problem.message, problem.proxies), ("no", 2));
    assert_eq!(travel(&first), first);
    let mut second = first.clone();
    second.gateways.remove(&gateway("one"));
    second.gateways.insert(gateway("three"), with_proxy(None));
    second.health.clear();
    let changes = second.since(&first);
    assert_eq!(changes.gateways.len(), 2, "{changes:?}");
    assert_eq!(changes.health.len(), 1, "{changes:?}");
    let mut known = first.clone();
    known.take(travel(&changes), Extent::Changes);
    assert_eq!(known, second);
    known.take(travel(&first), Extent::Everything);
    assert_eq!(known, first);
    assert_eq!(first.since(&first), Report::default());
}

#[test]
fn what_is_too_large_for_a_message_comes_in_several() {
    let long: Arc<str> = "x".repeat(limits::ERROR_MESSAGE).into();
    let gateways = (0..60).map(|n| {
        let mut report = with_proxy(None);
        for id in 0..limits::ERRORS {
            report.problem(&ResourceId::new(Kind::Route, format!("ns/{id}")), &long, 1);
        }
        (gateway(&n.to_string()), report)
    });
    let report = Report {
        gateways: gateways.collect(),
        ..Report::default()
    };
    assert!(report.messages("replica").len() > 1);
    assert_eq!(travel(&report), report);
}

#[test]
fn what_names_nothing_is_refused() {
    let nameless = crate::proto::ReplicaReport {
        gateways: vec![crate::proto::GatewayReport::default()],
        ..Default::default()
    };
    let problem = Report::default().read(nameless).unwrap_err();
    assert_eq!(problem.to_string(), "gateways.gateway: is not set");
}
