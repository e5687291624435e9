//! Writing statuses.

use std::collections::BTreeMap;
use std::time::Duration;

use agw_controller::{Deliveries, Delivery};
use agw_core::id::ObjectKey;
use agw_translate::finding::ObjectRef;
use agw_translate::status::BackendHealth;
use serde_json::{Value, json};

use crate::fake::Fake;
use crate::rig::{basics, condition, is_accepted, published, route, settle, start, until};

fn foreign() -> Value {
    json!({
        "parentRef": { "name": "theirs" },
        "controllerName": "example.com/other",
        "conditions": [{ "type": "Odd", "status": "Unknown" }],
    })
}

#[tokio::test(start_paused = true)]
async fn entries_of_others_stay_and_a_conflict_is_decided_again() {
    let fake = Fake::default();
    fake.apply(basics());
    // Another controller writes its entry between our reading and our writing.
    fake.interfere("httproutes/status", |fake| {
        fake.edit("httproutes", "ns", "route", |route| {
            route["status"] = json!({ "parents": [foreign()] });
        });
    });
    let _controller = start(&fake, "a");
    let parents = || fake.get("httproutes", "ns", "route").unwrap()["status"]["parents"].clone();
    until("our entry is there", || {
        parents().as_array().is_some_and(|all| all.len() == 2)
    })
    .await;
    assert_eq!(parents()[0], foreign());
    assert_eq!(
        parents()[1]["controllerName"],
        "agentgateway.dev/agentgateway"
    );
    let writes: Vec<_> = fake
        .writes_of("httproutes/status")
        .iter()
        .map(|w| w.status)
        .collect();
    assert_eq!(writes, [409, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_status_that_somebody_wipes_is_written_again_and_a_foreign_one_is_not_touched() {
    let fake = Fake::default();
    fake.apply(basics());
    let _controller = start(&fake, "a");
    until("the route is accepted", || is_accepted(&fake, "route")).await;
    settle(&fake).await;
    fake.edit("httproutes", "ns", "route", |route| {
        route["status"] = json!({ "parents": [foreign()] })
    });
    let parents = || fake.get("httproutes", "ns", "route").unwrap()["status"]["parents"].clone();
    until("our entry is back", || {
        parents().as_array().is_some_and(|all| all.len() == 2)
    })
    .await;
    settle(&fake).await;

    let before = fake.writes().len();
    fake.edit("httproutes", "ns", "route", |route| {
        route["status"]["parents"][0]["conditions"] = json!([]);
    });
    settle(&fake).await;
    assert_eq!(fake.writes().len(), before, "{:?}", fake.writes());
}

#[tokio::test(start_paused = true)]
async fn a_route_that_leaves_loses_our_entry_alone() {
    let fake = Fake::default();
    fake.apply(basics());
    let _controller = start(&fake, "a");
    until("the route is accepted", || is_accepted(&fake, "route")).await;
    fake.edit("httproutes", "ns", "route", |route| {
        route["status"]["parents"]
            .as_array_mut()
            .unwrap()
            .push(foreign());
        route["spec"]["parentRefs"] = json!([{ "name": "theirs" }]);
    });
    let parents = || fake.get("httproutes", "ns", "route").unwrap()["status"]["parents"].clone();
    until("our entry is gone", || parents() == json!([foreign()])).await;
}

#[tokio::test(start_paused = true)]
async fn generations_and_times_are_kept_current() {
    let fake = Fake::default();
    fake.apply(basics());
    let _controller = start(&fake, "a");
    until("the route is accepted", || is_accepted(&fake, "route")).await;
    let accepted = || {
        let route = fake.get("httproutes", "ns", "route").unwrap();
        condition(&route["status"]["parents"][0], "Accepted").clone()
    };
    assert_eq!(accepted()["observedGeneration"], 1);
    let time = accepted()["lastTransitionTime"].clone();
    assert!(time.is_string());
    fake.edit("httproutes", "ns", "route", |route| {
        route["spec"]["hostnames"] = json!(["a.test"]);
    });
    until("the generation is seen", || {
        accepted()["observedGeneration"] == 2
    })
    .await;
    assert_eq!(accepted()["lastTransitionTime"], time);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_is_tried_again() {
    let fake = Fake::default();
    fake.apply(basics());
    fake.fail("httproutes/status", 500, 3);
    let _controller = start(&fake, "a");
    until("the route is accepted", || is_accepted(&fake, "route")).await;
    let writes: Vec<_> = fake
        .writes_of("httproutes/status")
        .iter()
        .map(|w| w.status)
        .collect();
    assert_eq!(writes, [500, 500, 500, 200]);
}

fn delivered(revision: u64) -> Deliveries {
    let delivery = Delivery {
        connected: 1,
        revision,
        rejected: BTreeMap::new(),
    };
    Deliveries {
        gateways: [(ObjectKey::new("ns", "gw"), delivery)].into(),
        backends: BTreeMap::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn accepted_waits_for_the_proxies_that_are_connected() {
    let fake = Fake::default();
    fake.apply(basics());
    let controller = start(&fake, "a");
    let revision = published(&controller).await.revision;
    controller.deliveries().send_replace(delivered(revision));
    until("the route is accepted", || is_accepted(&fake, "route")).await;
    settle(&fake).await;

    // The proxy has not taken the new route: the old one stays as it is.
    let before = fake.writes_of("httproutes/status").len();
    fake.apply([route("new", "gw", "model")]);
    let status = || {
        let route = fake.get("httproutes", "ns", "new").unwrap();
        condition(&route["status"]["parents"][0], "Accepted").clone()
    };
    until("it waits", || status()["reason"] == "Pending").await;
    assert!(is_accepted(&fake, "route"));
    controller
        .deliveries()
        .send_replace(delivered(revision + 1));
    until("it is accepted", || is_accepted(&fake, "new")).await;
    settle(&fake).await;
    let writes = fake.writes_of("httproutes/status");
    assert_eq!(writes.len() - before, 2, "{writes:?}");

    // A proxy that takes it at once spares the detour.
    let before = fake.writes_of("httproutes/status").len();
    controller.deliveries().send_replace(delivered(u64::MAX));
    fake.apply([route("quick", "gw", "model")]);
    until("it is accepted", || is_accepted(&fake, "quick")).await;
    settle(&fake).await;
    assert_eq!(fake.writes_of("httproutes/status").len() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_proxy_refuses_is_told_on_the_object() {
    let fake = Fake::default();
    fake.apply(basics());
    let controller = start(&fake, "a");
    until("the route is accepted", || is_accepted(&fake, "route")).await;
    let mut deliveries = delivered(u64::MAX);
    let gateway = deliveries.gateways.values_mut().next().unwrap();
    let route = ObjectRef::new("HTTPRoute", Some("ns"), "route");
    gateway.rejected.insert(route, "too large".to_owned());
    controller.deliveries().send_replace(deliveries);
    let status = || {
        let route = fake.get("httproutes", "ns", "route").unwrap();
        condition(&route["status"]["parents"][0], "Accepted").clone()
    };
    until("it is refused", || status()["status"] == "False").await;
    assert_eq!(status()["message"], "too large");
    controller.deliveries().send_replace(delivered(u64::MAX));
    until("it is accepted again", || is_accepted(&fake, "route")).await;
}

#[tokio::test(start_paused = true)]
async fn health_is_written_at_most_every_ten_seconds() {
    let fake = Fake::default();
    fake.apply(basics());
    let controller = start(&fake, "a");
    let backend = || fake.get("agentgatewaybackends", "ns", "model").unwrap();
    let healthy = || condition(&backend()["status"], "Healthy")["status"].clone();
    until("it has a status", || healthy() == "Unknown").await;
    settle(&fake).await;
    let writes = || fake.writes_of("agentgatewaybackends/status").len();
    let before = writes();
    let health = |down: bool| {
        let ejected = ["a".to_owned()].into();
        let health = match down {
            true => BackendHealth::Down { ejected },
            false => BackendHealth::Usable {
                ejected: Default::default(),
            },
        };
        let mut deliveries = delivered(u64::MAX);
        deliveries
            .backends
            .insert(ObjectKey::new("ns", "model"), health);
        deliveries
    };
    controller.deliveries().send_replace(health(true));
    until("it is down", || healthy() == "False").await;
    assert_eq!(writes() - before, 1);
    for _ in 0..20 {
        controller.deliveries().send_replace(health(false));
        tokio::time::sleep(Duration::from_millis(100)).await;
        controller.deliveries().send_replace(health(true));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    controller.deliveries().send_replace(health(false));
    until("it is up", || healthy() == "True").await;
    assert_eq!(writes() - before, 2);
}
