//! Events about what is wrong.

use std::time::Duration;

use serde_json::json;

use crate::fake::Fake;
use crate::rig::{basics, is_accepted, route, settle, start, until};

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_told_once_on_its_object() {
    let fake = Fake::default();
    fake.apply(basics());
    fake.apply([route("lost", "gw", "no-such-backend")]);
    let first = start(&fake, "first");
    let second = start(&fake, "second");
    until("there is an Event", || !fake.list("events").is_empty()).await;
    settle(&fake).await;
    let events = fake.list("events");
    assert_eq!(events.len(), 1, "{events:?}");
    let event = &events[0];
    assert_eq!(event["regarding"]["kind"], "HTTPRoute");
    assert_eq!(event["regarding"]["name"], "lost");
    assert_eq!(
        event["regarding"]["apiVersion"],
        "gateway.networking.k8s.io/v1"
    );
    let uid = fake.get("httproutes", "ns", "lost").unwrap()["metadata"]["uid"].clone();
    assert_eq!(event["regarding"]["uid"], uid);
    assert_eq!(event["type"], "Warning");
    assert_eq!(event["reason"], "BackendNotFound");
    let note = event["note"].as_str().unwrap();
    assert!(note.starts_with("spec.rules[0].backendRefs[0]"), "{note}");

    // Neither another change nor another leader tells it again.
    fake.apply([route("other", "gw", "model")]);
    until("the other is accepted", || is_accepted(&fake, "other")).await;
    let (leads, waits) = if first.leadership().is_held() {
        (first, second)
    } else {
        (second, first)
    };
    leads.stop(Duration::from_secs(5)).await;
    until("the next leads", || waits.leadership().is_held()).await;
    settle(&fake).await;
    assert_eq!(fake.list("events").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_bounded() {
    let fake = Fake::default();
    fake.apply(basics());
    fake.apply((0..600).map(|i| {
        let mut route = route(&format!("r{i}"), "gw", "no-such-backend");
        route["spec"]["rules"][0]["matches"] = json!([]);
        route
    }));
    let begun = tokio::time::Instant::now();
    let controller = start(&fake, "a");
    until("all are told", || fake.count("events") >= 600).await;
    settle(&fake).await;
    assert_eq!(fake.list("events").len(), 600);
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(600 / 20 - 1), "{took:?}");
    let metrics = controller.metrics().text();
    assert!(
        metrics.contains("events_total{outcome=\"dropped\"}"),
        "{metrics}"
    );
}
