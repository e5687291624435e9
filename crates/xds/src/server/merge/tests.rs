use tokio::time::Instant;

use super::*;
use crate::health::HealthReport;
use crate::manifests::shop;
use crate::publication::Publication;
use crate::report::Extent;
use crate::resource::{Kind, ResourceId};
use crate::server::peers::{Departure, GRACE};
use crate::server::tracker::ProxyError;

fn front() -> ObjectKey {
    ObjectKey::new("shop", "front")
}

/// A replica that has published, one after the other, configurations with one route each. Its
/// clock, and so its versions, are its own.
fn replica(clock: u64, routes: &[&str]) -> View {
    let mut view = View::default();
    for route in routes {
        let publication = Publication {
            revision: view.revision + 1,
            gateways: vec![shop(&[route], "k")],
        };
        view = view.advance(&publication, clock);
    }
    view
}

fn version(view: &View) -> u64 {
    view.gateways[&front()].version
}

/// A proxy that has acknowledged a version, which is up to date up to `revision`.
fn proxy(version: u64, revision: u64) -> Proxy {
    let mut proxy = Proxy::default();
    proxy.version = version;
    proxy.revision = revision;
    proxy
}

fn connected(proxies: impl IntoIterator<Item = (&'static str, Proxy)>) -> Connected {
    let proxies = proxies.into_iter();
    let proxies: BTreeMap<_, _> = proxies.map(|(name, p)| (name.into(), p)).collect();
    [(front(), proxies)].into()
}

/// A peer that has told this.
fn told(report: Report) -> (Peers, crate::server::peers::Membership) {
    let mut peers = Peers::default();
    let membership = peers.join("other".into()).unwrap();
    assert!(peers.hear(&membership, report, Extent::Everything));
    (peers, membership)
}

fn merged(view: &View, connected: &Connected, peers: &Peers) -> Delivery {
    deliveries(view, connected, peers)
        .gateways
        .remove(&front())
        .unwrap()
}

#[test]
fn what_another_replicas_proxy_serves_is_known_by_its_content() {
    // The same configurations at other times, and in other revisions.
    let leader = replica(1000, &["a", "b", "c"]);
    let nobody = Connected::default();
    for (routes, acked) in [
        (&["c"][..], 3),
        (&["a", "b", "c"], 3),
        (&["b"], 2),
        (&["a"], 1),
        // Content that the leader has never had, or not yet.
        (&["d"], 0),
    ] {
        let other = replica(9000, routes);
        let theirs = connected([("p", proxy(version(&other), 1))]);
        let (peers, _) = told(report(&other, &theirs));
        let delivery = merged(&leader, &nobody, &peers);
        assert_eq!(delivery.acked_revision, Some(acked), "{routes:?}");
        assert_eq!(delivery.proxies, ["p".into()]);
    }
    // What comes back is current, although it was there before.
    let leader = replica(1000, &["a", "b", "a"]);
    let other = replica(9000, &["a"]);
    let theirs = connected([("p", proxy(version(&other), 1))]);
    let (peers, _) = told(report(&other, &theirs));
    let delivery = merged(&leader, &nobody, &peers);
    assert_eq!(delivery.acked_revision, Some(3));
}

#[test]
fn the_proxy_that_is_furthest_behind_counts_wherever_it_is() {
    let leader = replica(1000, &["a", "b"]);
    let own = connected([("mine", proxy(version(&leader), 2))]);
    let other = replica(9000, &["a", "b"]);
    let theirs = |version| report(&other, &connected([("theirs", proxy(version, 0))]));
    for (acked, expected) in [(0, 0), (9000, 1), (version(&other), 2)] {
        let (peers, _) = told(theirs(acked));
        let delivery = merged(&leader, &own, &peers);
        assert_eq!(delivery.acked_revision, Some(expected), "{acked}");
        assert_eq!(delivery.proxies, ["mine".into(), "theirs".into()]);
    }
    let alone = merged(&leader, &own, &Peers::default());
    assert_eq!(alone.acked_revision, Some(2));
}

#[test]
fn what_a_lost_replica_told_counts_for_a_while_and_not_for_proxies_that_are_elsewhere() {
    let leader = replica(1000, &["a", "b"]);
    let own = connected([("p", proxy(version(&leader), 2))]);
    let other = replica(9000, &["a"]);
    let theirs = connected([("p", proxy(9000, 1)), ("q", proxy(9000, 1))]);
    let (mut peers, membership) = told(report(&other, &theirs));
    let now = Instant::now();
    assert_eq!(peers.names(), ["other".into()]);
    peers.leave(&membership, Departure::Broken, now);
    assert!(peers.names().is_empty());
    assert_eq!(peers.expiry(), Some(now + GRACE));
    peers.expire(now);
    let delivery = merged(&leader, &own, &peers);
    assert_eq!(
        (delivery.acked_revision, delivery.proxies.len()),
        (Some(1), 2)
    );
    // `q` has come over too.
    let both = connected([
        ("p", proxy(version(&leader), 2)),
        ("q", proxy(version(&leader), 2)),
    ]);
    assert_eq!(merged(&leader, &both, &peers).acked_revision, Some(2));
    peers.expire(now + GRACE);
    assert_eq!(merged(&leader, &own, &peers).proxies, ["p".into()]);
}

#[test]
fn a_replica_that_comes_back_or_goes_for_good_is_believed() {
    let other = replica(9000, &["a"]);
    let theirs = report(&other, &connected([("p", proxy(9000, 1))]));
    let (mut peers, first) = told(theirs);
    let second = peers.join("other".into()).unwrap();
    assert!(first.replaced.is_cancelled() && !second.replaced.is_cancelled());
    // The old stream's end, and what it still says, are nothing to the new one.
    peers.leave(&first, Departure::Farewell, Instant::now());
    assert!(peers.hear(&first, Report::default(), Extent::Everything));
    let nobody = Connected::default();
    assert_eq!(merged(&other, &nobody, &peers).acked_revision, Some(1));
    assert!(peers.hear(&second, Report::default(), Extent::Everything));
    assert_eq!(merged(&other, &nobody, &peers).acked_revision, None);
    peers.leave(&second, Departure::Farewell, Instant::now());
    assert_eq!((peers.expiry(), peers.all().count()), (None, 0));
    let third = peers.join("other".into()).unwrap();
    peers.forget();
    assert!(third.replaced.is_cancelled());
    assert_eq!(peers.all().count(), 0);
}

#[test]
fn problems_and_health_are_those_of_all_replicas() {
    let leader = replica(1000, &["a"]);
    let id = |name: &str| ResourceId::new(Kind::Route, name);
    let error = |name: &str| {
        let content = &leader.gateways[&front()];
        let entry = content.entry(&id("shop/a")).unwrap();
        ProxyError {
            id: id(name),
            key: entry.key.clone(),
            message: "no".into(),
        }
    };
    let backend = agw_core::id::BackendKey::agentgateway(ObjectKey::new("shop", "model"));
    let health = |healthy| HealthReport {
        backend: backend.clone(),
        healthy,
        total: 2,
        unhealthy: Vec::new(),
        changed: 1,
    };
    let unwell = |healthy, names: &[&str]| {
        let mut proxy = proxy(version(&leader), 1);
        proxy.errors = names.iter().map(|name| error(name)).collect();
        proxy.health = [(backend.clone(), health(healthy))].into();
        proxy
    };
    let own = connected([("mine", unwell(2, &["shop/a"]))]);
    // Nobody here knows the other resource.
    let theirs = connected([("theirs", unwell(0, &["shop/a", "shop/later"]))]);
    let (peers, _) = told(report(&leader, &theirs));
    let all = deliveries(&leader, &own, &peers);
    let problems = &all.gateways[&front()].problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!((&*problems[0].message, problems[0].proxies), ("no", 2));
    let health = &all.health[&backend];
    assert_eq!((health.healthy, health.total, health.proxies), (0, 2, 2));
    assert_eq!(all.replicas, ["other".into()]);
}
