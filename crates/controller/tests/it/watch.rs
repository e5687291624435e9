//! Watching and publishing.

use serde_json::json;

use crate::fake::{Fake, Known};
use crate::rig::{basics, is_accepted, published, route, settle, start, until};

#[tokio::test(start_paused = true)]
async fn what_is_applied_is_published_and_gets_its_status() {
    let fake = Fake::default();
    fake.apply(basics());
    let controller = start(&fake, "a");
    let first = published(&controller).await;
    assert_eq!(first.revision, 1);
    let config = &first.translation.gateways[0];
    assert_eq!(config.gateway.to_string(), "ns/gw");
    assert_eq!(config.routes.len(), 1);
    until("the route is accepted", || is_accepted(&fake, "route")).await;

    fake.apply([route("second", "gw", "model")]);
    until("the second too", || is_accepted(&fake, "second")).await;
    let now = published(&controller).await;
    assert_eq!(now.translation.gateways[0].routes.len(), 2);
    fake.delete("httproutes", "ns", "second");
    let routes = || {
        controller
            .published()
            .borrow()
            .clone()
            .unwrap()
            .translation
            .gateways[0]
            .routes
            .len()
    };
    until("it is gone", || routes() == 1).await;
    controller.stop(std::time::Duration::from_secs(5)).await;
}

#[tokio::test(start_paused = true)]
async fn a_relist_without_changes_publishes_and_writes_nothing() {
    let fake = Fake::default();
    fake.apply(basics());
    let controller = start(&fake, "a");
    until("the route is accepted", || is_accepted(&fake, "route")).await;
    settle(&fake).await;
    let (revision, writes) = (published(&controller).await.revision, fake.writes());
    for _ in 0..3 {
        fake.expire_watches();
        settle(&fake).await;
    }
    assert_eq!(published(&controller).await.revision, revision);
    assert_eq!(fake.writes(), writes);

    // The watches go on: what changes after that is seen.
    fake.apply([route("after", "gw", "model")]);
    until("a route after the relist is accepted", || {
        is_accepted(&fake, "after")
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_goes_missing_while_no_watch_is_open_is_found_by_the_relist() {
    let fake = Fake::default();
    fake.apply(basics());
    let controller = start(&fake, "a");
    published(&controller).await;
    fake.expire_watches();
    fake.delete("httproutes", "ns", "route");
    let routes = || {
        controller
            .published()
            .borrow()
            .clone()
            .unwrap()
            .translation
            .gateways[0]
            .routes
            .len()
    };
    until("the route is gone", || routes() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_definition_nothing_is_published_and_the_kind_is_named() {
    let fake = Fake::default();
    fake.apply(basics());
    fake.define("agentgatewaypolicies", Known::No);
    let controller = start(&fake, "a");
    let mut unlisted = controller.unlisted();
    let waits = |kinds: &Vec<&str>| *kinds == ["AgentgatewayPolicy"];
    unlisted.wait_for(waits).await.unwrap();
    assert!(controller.published().borrow().is_none());
    assert_eq!(fake.writes_of("httproutes/status"), []);

    fake.define("agentgatewaypolicies", Known::Yes);
    published(&controller).await;
    assert!(unlisted.wait_for(Vec::is_empty).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn grants_are_read_in_the_version_that_there_is() {
    let fake = Fake::default();
    fake.apply(basics());
    fake.define("referencegrants", Known::No);
    let controller = start(&fake, "a");
    let mut unlisted = controller.unlisted();
    unlisted
        .wait_for(|kinds| *kinds == ["ReferenceGrant"])
        .await
        .unwrap();
    fake.define("referencegrants", Known::Yes);
    published(&controller).await;
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_read_takes_no_other_with_it() {
    let fake = Fake::default();
    fake.apply(basics());
    let mut bad = route("bad", "gw", "model");
    bad["spec"]["rules"][0]["matches"] = json!("not a list");
    fake.apply([bad, route("good", "gw", "model")]);
    let controller = start(&fake, "a");
    until("the good one is accepted", || is_accepted(&fake, "good")).await;
    let now = published(&controller).await;
    let findings = &now.translation.findings;
    let named = findings
        .iter()
        .filter_map(|f| f.object.as_ref())
        .any(|o| o.name == "bad");
    assert!(named, "{findings:?}");
    assert!(!is_accepted(&fake, "bad"));

    fake.apply([route("bad", "gw", "model")]);
    until("the bad one is mended", || is_accepted(&fake, "bad")).await;
}
