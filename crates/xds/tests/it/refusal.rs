//! Who gets nothing.

use std::time::Duration;

use agw_xds::proto;
use agw_xds::proto::configuration_discovery_client::ConfigurationDiscoveryClient;
use agw_xds::proto::proxy_message::Message;
use agw_xds::server::Limits;
use futures_util::stream;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tonic::{Code, Status};

use crate::manifests::shop;
use crate::rig::{Authority, Controller, Home, Serving, within};
use crate::wire::{RawProxy, connect, hello, request};

/// Calls whatever method.
async fn call(
    channel: tonic::transport::Channel,
    path: &'static str,
    authorization: Option<&str>,
) -> Status {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<proto::ProxyMessage, proto::Update>::default();
    let request = request(stream::empty(), authorization);
    let answer = grpc.streaming(request, PathAndQuery::from_static(path), codec);
    match within("an answer", answer).await {
        Ok(_) => Status::ok("served"),
        Err(status) => status,
    }
}

#[tokio::test]
async fn every_method_asks_for_a_token() {
    let authority = Authority::new();
    let controller = Controller::start(&authority).await;
    controller.publish(1, &[shop(&["a"], "k")]);
    let stream = "/agentgateway.xds.v1.ConfigurationDiscovery/Stream";
    let unknown = "/agentgateway.xds.v1.ConfigurationDiscovery/Later";
    let relay = "/agentgateway.xds.v1.ReplicaRelay/Report";
    let later = "/agentgateway.xds.v1.ReplicaRelay/Later";
    let table = [
        (stream, None, Code::Unauthenticated),
        (stream, Some("Bearer nonsense"), Code::Unauthenticated),
        (stream, Some("Basic token-of-front"), Code::Unauthenticated),
        (stream, Some("Bearer forbidden"), Code::PermissionDenied),
        (stream, Some("Bearer unavailable"), Code::Unavailable),
        (stream, Some("Bearer token-of-front"), Code::Ok),
        (stream, Some("Bearer replica"), Code::PermissionDenied),
        (relay, None, Code::Unauthenticated),
        (relay, Some("Bearer nonsense"), Code::Unauthenticated),
        (relay, Some("Bearer forbidden"), Code::PermissionDenied),
        (relay, Some("Bearer unavailable"), Code::Unavailable),
        (relay, Some("Bearer token-of-front"), Code::PermissionDenied),
        (relay, Some("Bearer token-of-back"), Code::PermissionDenied),
        (relay, Some("Bearer replica"), Code::FailedPrecondition),
        (later, None, Code::Unauthenticated),
        (later, Some("Bearer replica"), Code::Unimplemented),
        (unknown, None, Code::Unauthenticated),
        (unknown, Some("Bearer nonsense"), Code::Unauthenticated),
        (unknown, Some("Bearer token-of-front"), Code::Unimplemented),
        (
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            None,
            Code::Unauthenticated,
        ),
    ];
    for (path, authorization, want) in table {
        let channel = connect(controller.address, &authority).await.unwrap();
        let status = call(channel, path, authorization).await;
        assert_eq!(status.code(), want, "{path} {authorization:?}: {status}");
    }
    controller.stop().await;
}

#[tokio::test]
async fn a_token_is_good_for_its_own_gateway_alone() {
    let authority = Authority::new();
    let controller = Controller::start(&authority).await;
    controller.publish(1, &[shop(&["a"], "k")]);
    let channel = connect(controller.address, &authority).await.unwrap();
    let first = proto::ProxyMessage {
        message: Some(Message::Hello(hello("thief"))),
    };
    let request = request(stream::iter([first]), Some("Bearer token-of-back"));
    let mut client = ConfigurationDiscoveryClient::new(channel);
    let mut updates = client.stream(request).await.unwrap().into_inner();
    let end = within("an end", updates.message()).await.unwrap_err();
    assert_eq!(end.code(), Code::PermissionDenied);
    // The real client says why it has nothing.
    let home = Home::new(controller.address, &authority);
    home.token("token-of-back");
    let mut proxy = home.start(Serving::AtOnce);
    proxy.is_away("another Gateway's").await;
    assert!(proxy.snapshots.borrow().is_none());
    proxy.stop().await;
    controller.stop().await;
}

#[tokio::test]
async fn nothing_is_said_in_the_clear() {
    let authority = Authority::new();
    let controller = Controller::start(&authority).await;
    controller.publish(1, &[shop(&["a"], "k")]);
    let endpoint = Endpoint::from_shared(format!("http://{}", controller.address)).unwrap();
    // Connecting does not wait for the server's first bytes; the first call does.
    let refused = match within("a connection", endpoint.connect()).await {
        Err(_) => true,
        Ok(channel) => {
            let request = request(
                stream::empty::<proto::ProxyMessage>(),
                Some("Bearer token-of-front"),
            );
            let mut client = ConfigurationDiscoveryClient::new(channel);
            within("an answer", client.stream(request)).await.is_err()
        }
    };
    assert!(refused);
    controller.stop().await;
}

#[tokio::test]
async fn another_authority_is_not_believed() {
    let authority = Authority::new();
    let controller = Controller::start(&authority).await;
    controller.publish(1, &[shop(&["a"], "k")]);
    let mut proxy = Home::new(controller.address, &Authority::new()).start(Serving::AtOnce);
    proxy.is_away("certificate").await;
    assert!(proxy.snapshots.borrow().is_none());
    proxy.stop().await;
    controller.stop().await;
}

#[tokio::test]
async fn who_proves_nothing_is_let_go() {
    let authority = Authority::new();
    let limits = Limits {
        admission: Duration::from_millis(500),
        connections: 2,
    };
    let address = ([127, 0, 0, 1], 0).into();
    let controller = Controller::start_at(&authority, address, limits).await;
    controller.publish(1, &[shop(&["a"], "k")]);
    // One never speaks, the other shakes hands and then says nothing: both use a place up.
    let mut silent = TcpStream::connect(controller.address).await.unwrap();
    let idle = connect(controller.address, &authority).await.unwrap();
    let read = within("the silent one is let go", silent.read(&mut [0; 1])).await;
    assert!(matches!(read, Ok(0) | Err(_)));
    // A proxy finds a place, and keeps it beyond the time for admission.
    let mut proxy = RawProxy::greet(controller.address, &authority, "p").await;
    proxy.next().await.unwrap();
    tokio::time::sleep(limits.admission * 3).await;
    controller.publish(2, &[shop(&["b"], "k")]);
    proxy.next().await.unwrap();
    drop(idle);
    controller.stop().await;
}

#[tokio::test]
async fn the_order_of_messages_is_kept() {
    let authority = Authority::new();
    let controller = Controller::start(&authority).await;
    controller.publish(1, &[shop(&["a"], "k")]);
    let ack = |version| {
        Message::Ack(proto::Ack {
            version,
            errors: Vec::new(),
        })
    };
    let mut early = RawProxy::open(controller.address, &authority).await;
    early.say(ack(1)).await;
    assert_eq!(
        early.next().await.unwrap_err().code(),
        Code::FailedPrecondition
    );
    let mut ahead = RawProxy::greet(controller.address, &authority, "p").await;
    let version = ahead.next().await.unwrap().version;
    ahead.say(ack(version + 1)).await;
    assert_eq!(
        ahead.next().await.unwrap_err().code(),
        Code::InvalidArgument
    );
    let mut nameless = RawProxy::greet(controller.address, &authority, "").await;
    assert_eq!(
        nameless.next().await.unwrap_err().code(),
        Code::InvalidArgument
    );
    controller.stop().await;
}
