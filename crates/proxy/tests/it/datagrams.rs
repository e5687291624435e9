//! Datagrams that are relayed by client.

use std::net::SocketAddr;
use std::time::Duration;

use agw_core::config::GatewayConfig;
use agw_core::id::RouteKind;
use agw_core::listener::Protocol;
use agw_proxy::Limits;
use tokio::net::UdpSocket;

use crate::gateway::{Gateway, Weighted, endpoints, listener, routed};

/// A server that gives back each datagram behind its name and the address it came from.
async fn named(name: &'static str) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = vec![0; 64 << 10];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let text = String::from_utf8_lossy(&buffer[..length]);
            let answer = format!("{name} {from} {text}");
            socket.send_to(answer.as_bytes(), from).await.unwrap();
        }
    });
    address
}

fn config(port: u16, backends: &[Weighted]) -> GatewayConfig {
    routed(
        vec![listener("udp", port, Protocol::Udp, "")],
        &[("udp", RouteKind::Udp, backends)],
    )
}

async fn udp(limit: impl FnOnce(&mut Limits), backends: Vec<Weighted>) -> Gateway {
    Gateway::serving(limit, |port| config(port, &backends)).await
}

struct Client(UdpSocket);

impl Client {
    async fn to(gateway: &Gateway) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(gateway.address).await.unwrap();
        Self(socket)
    }

    async fn send(&self, text: &str) {
        self.0.send(text.as_bytes()).await.unwrap();
    }

    /// The words of the next answer.
    async fn answer(&self) -> Vec<String> {
        let mut buffer = [0; 2048];
        let length = self.0.recv(&mut buffer).await.unwrap();
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        text.split(' ').map(str::to_owned).collect()
    }

    async fn ask(&self, text: &str) -> Vec<String> {
        self.send(text).await;
        self.answer().await
    }
}

#[tokio::test]
async fn answers_go_back_to_the_client_that_asked() {
    let at = named("a").await;
    let gateway = udp(|_| {}, vec![(endpoints("one", &[at]), 1)]).await;
    let (first, second) = (Client::to(&gateway).await, Client::to(&gateway).await);
    // Sent at once: what comes before the way is open waits for it.
    for text in ["1", "2", "3"] {
        first.send(text).await;
        second.send(text).await;
    }
    let mut seen = [const { Vec::new() }; 2];
    for want in ["1", "2", "3"] {
        for (client, seen) in [&first, &second].into_iter().zip(&mut seen) {
            let words = client.answer().await;
            assert_eq!((&*words[0], &*words[2]), ("a", want));
            seen.push(words[1].clone());
        }
    }
    for seen in &seen {
        assert!(seen.iter().all(|from| *from == seen[0]), "{seen:?}");
    }
    assert_ne!(
        seen[0][0], seen[1][0],
        "each client has a socket of its own"
    );
    let lines = gateway.stopped(2).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    let ports: Vec<_> = [&first, &second]
        .map(|client| client.0.local_addr().unwrap().to_string())
        .into();
    for line in &lines {
        assert_eq!(line["scope"], "connection", "{line}");
        assert_eq!(line["network"]["transport"], "udp");
        assert_eq!(line["listener"], "udp");
        assert_eq!(line["route"], "ns/route-udp");
        assert_eq!(line["backend"], "ns/one");
        assert_eq!(line["endpoint"], at.to_string());
        let source = line["source"]["address"].as_str().unwrap();
        assert!(ports.iter().any(|port| port == source), "{line}");
        assert_eq!(line["bytes"]["received"], 3);
        assert!(line["bytes"]["sent"].as_u64().unwrap() > 3);
        assert!(line.get("reason").is_none(), "{line}");
    }
}

#[tokio::test]
async fn weights_share_clients() {
    let gateway = udp(
        |_| {},
        vec![
            (endpoints("three", &[named("3").await]), 3),
            (endpoints("one", &[named("1").await]), 1),
        ],
    )
    .await;
    let mut seen = Vec::new();
    for _ in 0..8 {
        let client = Client::to(&gateway).await;
        let first = client.ask("x").await.remove(0);
        assert_eq!(
            client.ask("x").await[0],
            first,
            "a client stays where it is"
        );
        seen.push(first);
    }
    seen.sort_unstable();
    assert_eq!(seen.concat(), "11333333");
    gateway.stop().await;
}

#[tokio::test]
async fn a_silent_client_is_forgotten() {
    let gateway = udp(
        |limits| limits.datagram_idle = Duration::from_millis(100),
        vec![(endpoints("one", &[named("a").await]), 1)],
    )
    .await;
    let client = Client::to(&gateway).await;
    let before = client.ask("x").await;
    let line = &gateway.log(1).await[0];
    assert!(line.get("reason").is_none(), "{line}");
    let after = client.ask("x").await;
    assert_ne!(before[1], after[1], "a session of its own");
    gateway.stop().await;
}

#[tokio::test]
async fn too_many_clients_are_dropped_and_counted() {
    let gateway = udp(
        |limits| limits.datagram_sessions = 1,
        vec![(endpoints("one", &[named("a").await]), 1)],
    )
    .await;
    // Two workers: however the clients fall, three are too many.
    let mut clients = Vec::new();
    for _ in 0..3 {
        let client = Client::to(&gateway).await;
        client.send("x").await;
        clients.push(client);
    }
    let name = "agentgateway_datagrams_dropped_total{reason=\"sessions\"}";
    assert!(gateway.metric(name, 1.0).await >= 1.0);
    gateway.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_nobody_listens_on_is_told_from_one_that_answers() {
    let gone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = gone.local_addr().unwrap();
    drop(gone);
    let alive = named("a").await;
    let gateway = udp(|_| {}, vec![(endpoints("two", &[at, alive]), 1)]).await;
    let client = Client::to(&gateway).await;
    let mut buffer = [0; 64];
    // The datagram that finds out is lost, as datagrams may be.
    for _ in 0..100 {
        client.send("x").await;
        let answer = client.0.recv(&mut buffer);
        if tokio::time::timeout(Duration::from_millis(100), answer)
            .await
            .is_ok()
        {
            break;
        }
    }
    assert!(buffer.starts_with(b"a "));
    let line = &gateway.log(1).await[0];
    assert_eq!(line["reason"], "connect_failure", "{line}");
    assert_eq!(line["endpoint"], at.to_string());
    gateway.stop().await;
}

#[tokio::test]
async fn a_client_follows_the_routes_to_another_backend() {
    let one = endpoints("one", &[named("1").await]);
    let gateway = udp(|_| {}, vec![(one.clone(), 1)]).await;
    let port = gateway.address.port();
    let client = Client::to(&gateway).await;
    let first = client.ask("x").await;
    gateway.put(2, config(port, &[(one, 1)])).await;
    assert_eq!(
        client.ask("x").await[..2],
        first[..2],
        "nothing has changed"
    );
    let two = endpoints("two", &[named("2").await]);
    gateway.put(3, config(port, &[(two, 1)])).await;
    assert_eq!(client.ask("x").await[0], "2");
    gateway.stop().await;
}

#[tokio::test]
async fn no_backend_is_logged_once_a_client() {
    let gateway = udp(|_| {}, vec![(endpoints("empty", &[]), 1)]).await;
    let client = Client::to(&gateway).await;
    for _ in 0..5 {
        client.send("x").await;
    }
    let line = gateway.log(1).await.remove(0);
    assert_eq!(line["reason"], "no_endpoint", "{line}");
    let at = named("a").await;
    let config = config(gateway.address.port(), &[(endpoints("empty", &[at]), 1)]);
    gateway.put(2, config).await;
    assert_eq!(client.ask("x").await[0], "a", "what takes it now is asked");
    assert_eq!(gateway.stopped(2).await.len(), 2);
}

#[tokio::test]
async fn a_number_is_a_port_for_streams_and_another_for_datagrams() {
    use crate::client::{request, send};
    let at = named("a").await;
    let gateway = Gateway::start(|_| crate::gateway::Plan::default()).await;
    let port = gateway.address.port();
    let http = listener("http", port, Protocol::Http, "");
    let udp = listener("udp", port, Protocol::Udp, "");
    let to = [(endpoints("one", &[at]), 1)];
    let mock = crate::gateway::plain(
        "mock",
        gateway.mock_address,
        agw_core::backend::AppProtocol::Http1,
    );
    let http_to = [(mock, 1)];
    let routes: [(&str, RouteKind, &[Weighted]); 2] = [
        ("http", RouteKind::Http, &http_to),
        ("udp", RouteKind::Udp, &to),
    ];
    gateway
        .put(2, routed(vec![http.clone(), udp], &routes))
        .await;
    let client = Client::to(&gateway).await;
    assert_eq!(client.ask("x").await[0], "a");
    let get = || request(http::Method::GET, "/v1/models", "");
    assert_eq!(send(gateway.address, get()).await.status(), 200);
    gateway.put(3, routed(vec![http], &routes[..1])).await;
    assert_eq!(send(gateway.address, get()).await.status(), 200);
    // The port for datagrams is closed: it can be bound again.
    for _ in 0..500 {
        if std::net::UdpSocket::bind(gateway.address).is_ok() {
            return gateway.stop().await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the port for datagrams is still held");
}
