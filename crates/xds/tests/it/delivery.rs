//! What reaches a proxy, and what does not have to.

use std::sync::Arc;

use agw_core::config::GatewayConfig;
use agw_xds::client::Link;
use agw_xds::proto;
use agw_xds::proto::proxy_message::Message;
use tonic::Code;

use crate::manifests::{corpus, shop};
use crate::rig::{Authority, Controller, Home, Serving, within};
use crate::wire::{RawController, RawProxy, hello, upserts};

#[tokio::test]
async fn a_proxy_gets_its_gateway_and_then_every_change() {
    let authority = Authority::new();
    let mut controller = Controller::start(&authority).await;
    let mut proxy = Home::new(controller.address, &authority).start(Serving::AtOnce);
    let one = shop(&["a", "b"], "k");
    controller.publish(1, std::slice::from_ref(&one));
    let first = proxy.has(&one).await;
    controller
        .delivered("revision 1", |d| d.acked_revision == Some(1))
        .await;
    let two = shop(&["a", "c"], "another");
    controller.publish(2, std::slice::from_ref(&two));
    assert!(proxy.has(&two).await > first);
    let delivery = controller
        .delivered("revision 2", |d| d.acked_revision == Some(2))
        .await;
    assert_eq!(delivery.proxies, ["front-0".into()]);
    assert_eq!(delivery.problems, []);
    assert_eq!(*proxy.link.borrow(), Link::Connected);
    proxy.stop().await;
    controller
        .delivered("nobody is there", |d| d.acked_revision.is_none())
        .await;
    controller.stop().await;
}

/// Filters, policies, certificates: whatever translation can make of manifests survives the wire.
#[tokio::test]
async fn every_configuration_of_the_goldens_arrives_as_it_was_sent() {
    let authority = Authority::new();
    let controller = Controller::start(&authority).await;
    let mut proxy = Home::new(controller.address, &authority).start(Serving::AtOnce);
    let gateway = shop(&[], "k").gateway.clone();
    let configs = corpus();
    assert!(configs.len() > 20, "{}", configs.len());
    for (revision, config) in (1..).zip(configs) {
        let config = Arc::new(GatewayConfig {
            gateway: gateway.clone(),
            ..(*config).clone()
        });
        controller.publish(revision, std::slice::from_ref(&config));
        proxy.has(&config).await;
    }
    proxy.stop().await;
    controller.stop().await;
}

#[tokio::test]
async fn proxies_wait_while_nothing_is_known() {
    let authority = Authority::new();
    let controller = Controller::start(&authority).await;
    let mut proxy = RawProxy::greet(controller.address, &authority, "p").await;
    controller.publish(1, &[shop(&[], "k")]);
    assert!(proxy.next().await.unwrap().complete);
    controller.stop().await;
    assert_eq!(proxy.next().await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_change_is_one_resource_and_no_change_is_nothing() {
    let authority = Authority::new();
    let mut controller = Controller::start(&authority).await;
    controller.publish(1, &[shop(&["a", "b"], "k")]);
    let mut proxy = RawProxy::greet(controller.address, &authority, "p").await;
    let full = proxy.next().await.unwrap();
    let all = [
        "Listener http",
        "Route shop/a",
        "Route shop/b",
        "Backend AgentgatewayBackend shop/model",
        "Secret AgentgatewayBackend shop/model 0.0",
    ];
    assert_eq!(
        (full.base, upserts(&full)),
        (0, all.map(str::to_owned).to_vec())
    );
    proxy.ack(full.version, Vec::new()).await;
    controller
        .delivered("revision 1", |d| d.acked_revision == Some(1))
        .await;
    // The same content in another value: the acknowledgement holds for it, and nothing is sent.
    controller.publish(2, &[shop(&["a", "b"], "k")]);
    controller
        .delivered("revision 2", |d| d.acked_revision == Some(2))
        .await;
    controller.publish(3, &[shop(&["b", "c"], "k")]);
    let change = proxy.next().await.unwrap();
    assert_eq!(
        (change.base, upserts(&change)),
        (full.version, vec!["Route shop/c".to_owned()])
    );
    assert_eq!(change.remove[0].name, "shop/a");
    controller.publish(4, &[shop(&["b", "c"], "rotated")]);
    let rotation = proxy.next().await.unwrap();
    assert_eq!(
        upserts(&rotation),
        ["Secret AgentgatewayBackend shop/model 0.0"]
    );
    controller.stop().await;
}

#[tokio::test]
async fn a_busy_proxy_gets_all_that_follows_as_one_change() {
    let authority = Authority::new();
    let controller = Controller::start(&authority).await;
    controller.publish(1, &[shop(&["a"], "k")]);
    let mut busy = RawProxy::greet(controller.address, &authority, "busy").await;
    let full = busy.next().await.unwrap();
    let mut quick = RawProxy::greet(controller.address, &authority, "quick").await;
    let mut version = quick.next().await.unwrap().version;
    let names: &[(&str, &[&str])] = &[("shop/b", &["a", "b"]), ("shop/c", &["a", "b", "c"])];
    for (revision, (added, routes)) in (2..).zip(names) {
        quick.ack(version, Vec::new()).await;
        controller.publish(revision, &[shop(routes, "k")]);
        let update = quick.next().await.unwrap();
        assert_eq!(upserts(&update), [format!("Route {added}")]);
        version = update.version;
    }
    busy.ack(full.version, Vec::new()).await;
    let update = busy.next().await.unwrap();
    assert_eq!(upserts(&update), ["Route shop/b", "Route shop/c"]);
    assert_eq!((update.base, update.version), (full.version, version));
    controller.publish(4, &[shop(&["a"], "k")]);
    // One that never says so is not left behind for ever.
    let update = busy.next().await.unwrap();
    assert_eq!((update.base, update.remove.len()), (version, 2));
    controller.stop().await;
}

#[tokio::test]
async fn what_is_held_is_not_sent_again() {
    let authority = Authority::new();
    let controller = Controller::start(&authority).await;
    controller.publish(1, &[shop(&["a", "b"], "k")]);
    let mut proxy = RawProxy::greet(controller.address, &authority, "p").await;
    let full = proxy.next().await.unwrap();
    let held = full.upsert.iter().map(|resource| proto::HeldResource {
        id: resource.id.clone(),
        hash: resource.hash.clone(),
    });
    let holdings = proto::Holdings {
        resources: held.collect(),
    };
    let hello_with = |version, holdings| {
        Message::Hello(proto::Hello {
            version,
            holdings,
            ..hello("p")
        })
    };
    // As after a restart of the controller: the version is not known there, the hashes are.
    let mut again = RawProxy::open(controller.address, &authority).await;
    again.say(hello_with(7, Some(holdings))).await;
    let update = again.next().await.unwrap();
    assert_eq!(
        (update.base, update.version, update.complete),
        (7, full.version, true)
    );
    assert_eq!((update.upsert.len(), update.remove.len()), (0, 0));
    // The version alone is enough when it is the one that is published,
    again.say(hello_with(full.version, None)).await;
    let update = again.next().await.unwrap();
    assert_eq!((update.base, update.upsert.len()), (full.version, 0));
    // and means a full resync when it is not.
    again.say(hello_with(7, None)).await;
    let update = again.next().await.unwrap();
    assert_eq!((update.base, update.upsert.len()), (0, full.upsert.len()));
    controller.stop().await;
}

#[tokio::test]
async fn a_change_that_does_not_fit_makes_the_client_ask_for_everything() {
    let authority = Authority::new();
    let mut controller = RawController::start(&authority).await;
    let proxy = Home::new(controller.address, &authority).start(Serving::AtOnce);
    let (mut stream, hello) = controller.stream().await;
    assert_eq!((hello.version, &*hello.proxy), (0, "front-0"));
    let update = |version, base| {
        Ok(proto::Update {
            version,
            base,
            complete: true,
            ..proto::Update::default()
        })
    };
    stream.updates.send(update(10, 0)).await.unwrap();
    assert_eq!(stream.acked().await.version, 10);
    // The second was on its way while the client asked.
    stream.updates.send(update(12, 11)).await.unwrap();
    stream.updates.send(update(13, 12)).await.unwrap();
    let resync = stream.hello().await;
    assert_eq!((resync.version, resync.holdings), (0, None));
    stream.updates.send(update(13, 0)).await.unwrap();
    assert_eq!(stream.acked().await.version, 13);
    stream.updates.send(update(14, 13)).await.unwrap();
    assert_eq!(stream.acked().await.version, 14);
    proxy.stop().await;
}

#[tokio::test]
async fn a_bad_resource_keeps_its_last_good_self_and_is_told_of() {
    let authority = Authority::new();
    let source = Controller::start(&authority).await;
    let good = shop(&["a", "b"], "k");
    source.publish(1, std::slice::from_ref(&good));
    let full = RawProxy::greet(source.address, &authority, "p")
        .await
        .next()
        .await
        .unwrap();
    source.stop().await;

    let mut controller = RawController::start(&authority).await;
    let mut proxy = Home::new(controller.address, &authority).start(Serving::AtOnce);
    let (mut stream, _) = controller.stream().await;
    stream.updates.send(Ok(full.clone())).await.unwrap();
    assert_eq!(stream.acked().await.errors, []);
    let version = proxy.has(&good).await;
    let mut bad = full
        .upsert
        .iter()
        .find(|r| r.id.as_ref().unwrap().name == "shop/a")
        .unwrap()
        .clone();
    bad.hash = vec![0; 16].into();
    let change = proto::Update {
        version: full.version + 1,
        base: full.version,
        upsert: vec![bad],
        remove: Vec::new(),
        complete: true,
    };
    stream.updates.send(Ok(change)).await.unwrap();
    let ack = stream.acked().await;
    assert_eq!((ack.version, ack.errors.len()), (full.version + 1, 1));
    assert_eq!(ack.errors[0].id.as_ref().unwrap().name, "shop/a");
    assert_eq!(proxy.has(&good).await, version);
    proxy.stop().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_gateway_and_the_proxy_goes_on_serving() {
    let authority = Authority::new();
    let controller = Controller::start(&authority).await;
    let config = shop(&["a"], "k");
    controller.publish(1, std::slice::from_ref(&config));
    let mut raw = RawProxy::greet(controller.address, &authority, "raw").await;
    raw.next().await.unwrap();
    let mut proxy = Home::new(controller.address, &authority).start(Serving::AtOnce);
    proxy.has(&config).await;
    controller.publish(2, &[]);
    assert_eq!(raw.next().await.unwrap_err().code(), Code::NotFound);
    proxy.is_away("there is no Gateway shop/front").await;
    let version = proxy.has(&config).await;
    controller.publish(3, std::slice::from_ref(&config));
    let connected = proxy.link.wait_for(|link| *link == Link::Connected);
    within("the Gateway is back", connected).await.unwrap();
    assert_eq!(proxy.has(&config).await, version);
    proxy.stop().await;
    controller.stop().await;
}
