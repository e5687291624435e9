//! Connections that are relayed as they are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agw_core::backend::{BackendTarget, Ejection};
use agw_core::config::GatewayConfig;
use agw_core::id::RouteKind;
use agw_core::listener::Protocol;
use agw_proxy::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::gateway::{Gateway, Weighted, endpoints, listener, refused, routed};

/// A server that says its name, and gives back what it was sent once that has ended.
async fn named(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                stream.write_all(name.as_bytes()).await.unwrap();
                let mut sent = Vec::new();
                if stream.read_to_end(&mut sent).await.is_ok() {
                    stream.write_all(&sent).await.unwrap();
                }
            });
        }
    });
    address
}

/// A server that sends without end and reads nothing.
async fn endless() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let bytes = vec![b'x'; 64 << 10];
                while stream.write_all(&bytes).await.is_ok() {}
            });
        }
    });
    address
}

fn config(port: u16, backends: &[Weighted]) -> GatewayConfig {
    routed(
        vec![listener("tcp", port, Protocol::Tcp, "")],
        &[("tcp", RouteKind::Tcp, backends)],
    )
}

async fn tcp(backends: Vec<Weighted>) -> Gateway {
    tcp_within(|_| {}, backends).await
}

async fn tcp_within(limit: impl FnOnce(&mut Limits), backends: Vec<Weighted>) -> Gateway {
    Gateway::serving(limit, |port| config(port, &backends)).await
}

/// What comes back for `bytes` and their end.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    let write = async {
        writer.write_all(bytes).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let ((), read) = tokio::join!(write, reader.read_to_end(&mut answer));
    // A reset is an end too.
    let _ = read;
    answer
}

#[tokio::test]
async fn bytes_go_both_ways_and_an_end_leaves_the_other_way_open() {
    let at = named("a").await;
    let gateway = tcp(vec![(endpoints("one", &[at]), 1)]).await;
    let bytes: Vec<u8> = (0..3_000_000u32).map(|n| n.to_le_bytes()[1]).collect();
    let answer = exchange(gateway.address, &bytes).await;
    assert_eq!(answer.len(), bytes.len() + 1);
    assert!(answer[0] == b'a' && answer[1..] == bytes);
    let line = &gateway.log(1).await[0];
    assert_eq!(line["scope"], "connection", "{line}");
    assert_eq!(line["gateway"], "ns/gateway");
    assert_eq!(line["listener"], "tcp");
    assert_eq!(line["route"], "ns/route-tcp");
    assert_eq!(line["route_name"], "route-tcp");
    assert_eq!(line["route_rule"], "0");
    assert_eq!(line["backend"], "ns/one");
    assert_eq!(line["endpoint"], at.to_string());
    assert_eq!(line["network"]["transport"], "tcp");
    assert!(line.get("tls").is_none(), "{line}");
    assert_eq!(line["bytes"]["received"], 3_000_000);
    assert_eq!(line["bytes"]["sent"], 3_000_001);
    assert!(
        line["source"]["address"]
            .as_str()
            .unwrap()
            .starts_with("127.")
    );
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0);
    assert!(line.get("reason").is_none(), "{line}");
    let labels = r#"gateway="ns/gateway",listener="tcp",route_namespace="ns",route_name="route-tcp",backend="ns/one",transport="tcp""#;
    for (name, last, want) in [
        ("connections_total", r#"reason="ok""#, 1.0),
        (
            "connection_bytes_total",
            r#"direction="received""#,
            3_000_000.0,
        ),
        ("connection_bytes_total", r#"direction="sent""#, 3_000_001.0),
    ] {
        let series = format!("agentgateway_{name}{{{labels},{last}}}");
        let value = gateway.metric(&series, want).await;
        assert!((value - want).abs() < 0.5, "{series} {value}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn weights_share_connections() {
    let gateway = tcp(vec![
        (endpoints("three", &[named("3").await]), 3),
        (endpoints("one", &[named("1").await]), 1),
        (endpoints("none", &[named("0").await]), 0),
    ])
    .await;
    let mut seen = Vec::new();
    for _ in 0..8 {
        seen.extend(exchange(gateway.address, b"").await);
    }
    seen.sort_unstable();
    assert_eq!(seen, b"11333333");
    gateway.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_passed_over() {
    let there = named("a").await;
    let gateway = tcp(vec![(endpoints("two", &[refused(), there]), 1)]).await;
    for _ in 0..4 {
        assert_eq!(exchange(gateway.address, b"b").await, b"ab");
    }
    for line in gateway.log(4).await {
        assert_eq!(line["endpoint"], there.to_string(), "{line}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_backend_whose_connections_fail_is_taken_out() {
    let mut dead = Arc::unwrap_or_clone(endpoints("dead", &[refused()]));
    if let BackendTarget::Endpoints(backend) = &mut dead.target {
        backend.policy.ejection = Some(Ejection {
            unhealthy_threshold: 1,
            ..Ejection::default()
        });
    }
    let alive = endpoints("alive", &[named("a").await]);
    let gateway = tcp(vec![(Arc::new(dead), 1), (alive, 1)]).await;
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(exchange(gateway.address, b"").await);
    }
    let failed = answers.iter().filter(|answer| answer.is_empty()).count();
    assert_eq!(failed, 1, "{answers:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn what_no_backend_takes_is_closed_and_says_why() {
    let dead = vec![(endpoints("dead", &[refused(); 5]), 1)];
    let gateway = tcp(dead.clone()).await;
    let with = |config: GatewayConfig, broken: Option<Arc<str>>, routed: bool| {
        let mut config = config;
        let mut route = Arc::unwrap_or_clone(config.routes.remove(0));
        let mut rule = Arc::unwrap_or_clone(route.rules.remove(0));
        rule.broken = broken;
        route.rules.push(Arc::new(rule));
        if routed {
            config.routes.push(Arc::new(route));
        }
        config
    };
    let port = gateway.address.port();
    let empty = vec![(endpoints("empty", &[]), 1)];
    let idle = vec![(endpoints("idle", &[refused()]), 0)];
    let cases = [
        ("connect_failure", config(port, &dead)),
        ("no_endpoint", config(port, &empty)),
        ("no_backend", config(port, &idle)),
        ("no_backend", config(port, &[])),
        (
            "broken_route",
            with(config(port, &dead), Some("why".into()), true),
        ),
        ("no_route", with(config(port, &dead), None, false)),
    ];
    for (at, (reason, config)) in cases.into_iter().enumerate() {
        gateway.put(at as u64 + 2, config).await;
        assert_eq!(exchange(gateway.address, b"").await, b"");
        let line = &gateway.log(at + 1).await[at];
        assert_eq!(line["reason"], reason, "{line}");
        assert!(line["error"].is_string(), "{line}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn an_idle_tunnel_is_ended() {
    let gateway = tcp_within(
        |limits| limits.tunnel_idle = Duration::from_millis(200),
        vec![(endpoints("one", &[named("a").await]), 1)],
    )
    .await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        stream.write_all(b"b").await.unwrap();
    }
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text).await;
    assert_eq!(text, b"a");
    let line = &gateway.log(1).await[0];
    assert_eq!(line["reason"], "stream_idle", "{line}");
    assert_eq!(line["bytes"]["received"], 3);
    gateway.stop().await;
}

#[tokio::test]
async fn a_client_that_never_reads_is_cut() {
    let gateway = tcp_within(
        |limits| limits.client_stall = Duration::from_secs(1),
        vec![(endpoints("one", &[endless().await]), 1)],
    )
    .await;
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let line = &gateway.log(1).await[0];
    assert_eq!(line["reason"], "client_stall", "{line}");
    assert!(line["bytes"]["sent"].as_u64().unwrap() > 0, "{line}");
    drop(stream);
    gateway.stop().await;
}

#[tokio::test]
async fn a_drain_waits_for_tunnels_and_then_cuts_them() {
    let gateway = tcp(vec![(endpoints("one", &[named("a").await]), 1)]).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let mut name = [0; 1];
    stream.read_exact(&mut name).await.unwrap();
    let lines = gateway.stopped(1).await;
    assert_eq!(lines[0]["reason"], "drained", "{lines:?}");
}
