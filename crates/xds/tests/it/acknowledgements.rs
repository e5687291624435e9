//! What the controller learns from proxies.

use std::sync::Arc;

use agw_core::id::{BackendKey, ObjectKey};
use agw_xds::proto::proxy_message::Message;
use agw_xds::{HealthReport, ResourceKey, proto};
use tonic::Code;

use crate::manifests::shop;
use crate::rig::{Authority, Controller, Home, Serving, within};
use crate::wire::RawProxy;

#[tokio::test]
async fn a_revision_is_acked_once_every_connected_proxy_serves_it() {
    let authority = Authority::new();
    let mut controller = Controller::start(&authority).await;
    controller.publish(1, &[shop(&["a"], "k")]);
    let nobody = controller.delivered("it is published", |_| true).await;
    assert_eq!((nobody.acked_revision, nobody.proxies.len()), (None, 0));
    let mut p = RawProxy::greet(controller.address, &authority, "p").await;
    let mut q = RawProxy::greet(controller.address, &authority, "q").await;
    let one = p.next().await.unwrap().version;
    q.next().await.unwrap();
    let both = controller
        .delivered("both are there", |d| d.proxies.len() == 2)
        .await;
    assert_eq!(both.acked_revision, Some(0));
    p.ack(one, Vec::new()).await;
    q.ack(one, Vec::new()).await;
    controller
        .delivered("both have it", |d| d.acked_revision == Some(1))
        .await;
    // The next revision is the same, the one after it is not.
    controller.publish(2, &[shop(&["a"], "k")]);
    controller
        .delivered("nothing to do", |d| d.acked_revision == Some(2))
        .await;
    controller.publish(3, &[shop(&["b"], "k")]);
    let two = p.next().await.unwrap().version;
    q.next().await.unwrap();
    p.ack(two, Vec::new()).await;
    let one_of_two = controller
        .delivered("a new version", |d| d.version == two)
        .await;
    assert_eq!(one_of_two.acked_revision, Some(2));
    controller.publish(4, &[shop(&["c"], "k")]);
    assert_eq!(q.next().await.unwrap().base, two);
    // Late, and for the version between: revision 3 is in force everywhere, revision 4 is not.
    q.ack(two, Vec::new()).await;
    controller
        .delivered("the one between", |d| d.acked_revision == Some(3))
        .await;
    let three = p.next().await.unwrap().version;
    p.ack(three, Vec::new()).await;
    drop(q);
    let last = controller
        .delivered("only p counts", |d| d.acked_revision == Some(4))
        .await;
    assert_eq!(last.proxies, ["p".into()]);
    drop(p);
    controller
        .delivered("nobody counts", |d| d.acked_revision.is_none())
        .await;
    controller.stop().await;
}

#[tokio::test]
async fn a_client_acks_what_is_in_force_and_not_before() {
    let authority = Authority::new();
    let mut controller = Controller::start(&authority).await;
    let config = shop(&["a"], "k");
    controller.publish(1, std::slice::from_ref(&config));
    let mut proxy = Home::new(controller.address, &authority).start(Serving::ByHand);
    let version = proxy.has(&config).await;
    let connected = controller
        .delivered("it is connected", |d| d.proxies.len() == 1)
        .await;
    assert_eq!(connected.acked_revision, Some(0));
    proxy.in_force.send_replace(version - 1);
    // A change that comes meanwhile is acknowledged in the place of the first.
    let other = shop(&["a", "b"], "k");
    controller.publish(2, std::slice::from_ref(&other));
    let version = proxy.has(&other).await;
    assert_eq!(
        controller
            .deliveries
            .borrow()
            .gateways
            .values()
            .next()
            .unwrap()
            .acked_revision,
        Some(0)
    );
    proxy.in_force.send_replace(version);
    controller
        .delivered("it is in force", |d| d.acked_revision == Some(2))
        .await;
    proxy.stop().await;
    controller.stop().await;
}

#[tokio::test]
async fn problems_are_told_by_their_source() {
    let authority = Authority::new();
    let mut controller = Controller::start(&authority).await;
    controller.publish(1, &[shop(&["a"], "k")]);
    let mut p = RawProxy::greet(controller.address, &authority, "p").await;
    let mut q = RawProxy::greet(controller.address, &authority, "q").await;
    let version = p.next().await.unwrap().version;
    q.next().await.unwrap();
    let error = |kind: proto::Kind, name: &str| proto::ResourceError {
        id: Some(proto::ResourceId {
            kind: kind.into(),
            name: name.to_owned(),
        }),
        message: format!("no\n{}", "x".repeat(10_000)),
    };
    let backend = error(proto::Kind::Backend, "AgentgatewayBackend shop/model");
    let route = error(proto::Kind::Route, "shop/a");
    // Proxies say nothing about what is not theirs.
    let foreign = error(proto::Kind::Route, "bank/vault");
    p.ack(version, vec![backend.clone(), route, foreign]).await;
    q.ack(version, vec![backend]).await;
    let delivery = controller
        .delivered("both acked", |d| d.problems.iter().any(|p| p.proxies == 2))
        .await;
    let found: Vec<_> = delivery
        .problems
        .iter()
        .map(|p| (p.resource.clone(), p.proxies))
        .collect();
    let model = BackendKey::agentgateway(ObjectKey::new("shop", "model"));
    let want = [
        (
            ResourceKey::Route(agw_core::id::RouteKind::Http, ObjectKey::new("shop", "a")),
            1,
        ),
        (ResourceKey::Backend(model), 2),
    ];
    assert_eq!(found, want);
    assert!(
        delivery
            .problems
            .iter()
            .all(|p| p.message.len() < 1000 && p.message.starts_with("no x"))
    );
    assert_eq!(delivery.acked_revision, Some(1));
    p.ack(version, Vec::new()).await;
    q.ack(version, Vec::new()).await;
    controller
        .delivered("they are mended", |d| d.problems.is_empty())
        .await;
    controller.stop().await;
}

#[tokio::test]
async fn health_is_merged_over_proxies() {
    let authority = Authority::new();
    let mut controller = Controller::start(&authority).await;
    let config = shop(&["a"], "k");
    controller.publish(1, std::slice::from_ref(&config));
    let model = BackendKey::agentgateway(ObjectKey::new("shop", "model"));
    let report = |backend: &BackendKey, healthy, changed| HealthReport {
        backend: backend.clone(),
        healthy,
        total: 2,
        unhealthy: vec!["openai".into()],
        changed,
    };
    let mut proxy = Home::new(controller.address, &authority).start(Serving::AtOnce);
    proxy.has(&config).await;
    let foreign = BackendKey::agentgateway(ObjectKey::new("bank", "vault"));
    let reports = vec![report(&model, 2, 5), report(&foreign, 0, 9)];
    proxy.health.send_replace(Arc::new(reports));
    let raw = {
        let mut raw = RawProxy::greet(controller.address, &authority, "raw").await;
        raw.next().await.unwrap();
        raw
    };
    let key = Some(proto::BackendKey {
        kind: proto::BackendKind::AgentgatewayBackend.into(),
        object: Some(proto::ObjectKey {
            namespace: "shop".to_owned(),
            name: "model".to_owned(),
        }),
        port: None,
    });
    let seen = proto::BackendHealth {
        backend: key,
        healthy: 1,
        total: 2,
        unhealthy: Vec::new(),
        changed: 7,
    };
    raw.say(Message::Health(proto::Health {
        reports: vec![seen],
    }))
    .await;
    let both = controller
        .deliveries
        .wait_for(|d| d.health.get(&model).is_some_and(|h| h.proxies == 2));
    let health = within("both report", both).await.unwrap().health.clone();
    assert_eq!(health.len(), 1, "{health:?}");
    let merged = &health[&model];
    assert_eq!((merged.healthy, merged.total, merged.changed), (1, 2, 7));
    assert_eq!(merged.unhealthy, ["openai".into()]);
    drop(raw);
    // A later report of the same backend replaces the first.
    proxy
        .health
        .send_replace(Arc::new(vec![report(&model, 0, 11)]));
    let one = controller.deliveries.wait_for(|d| {
        d.health
            .get(&model)
            .is_some_and(|h| h.proxies == 1 && h.healthy == 0)
    });
    within("one reports", one).await.unwrap();
    proxy.stop().await;
    controller.stop().await;
}

#[tokio::test]
async fn a_proxy_that_connects_again_counts_once() {
    let authority = Authority::new();
    let mut controller = Controller::start(&authority).await;
    controller.publish(1, &[shop(&["a"], "k")]);
    let mut first = RawProxy::greet(controller.address, &authority, "p").await;
    let version = first.next().await.unwrap().version;
    let mut second = RawProxy::greet(controller.address, &authority, "p").await;
    second.next().await.unwrap();
    second.ack(version, Vec::new()).await;
    assert_eq!(first.next().await.unwrap_err().code(), Code::Aborted);
    let delivery = controller
        .delivered("the second acked", |d| d.acked_revision == Some(1))
        .await;
    assert_eq!(delivery.proxies, ["p".into()]);
    controller.stop().await;
}
