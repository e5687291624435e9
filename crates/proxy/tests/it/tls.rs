//! Ports that begin with TLS, and what they ask of clients.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agw_core::backend::{AppProtocol, Backend};
use agw_core::condition::Cases;
use agw_core::expr::Expression;
use agw_core::header::FieldName;
use agw_core::id::RouteKind;
use agw_core::listener::{
    Certificate, ClientValidation, ClientValidationMode, ListenerTls, Protocol,
};
use agw_core::transform::{Edits, Transformation};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::authority::{Authority, acceptor, connect};
use crate::gateway::{Gateway, Weighted, endpoints, listener, plain, refused, routed};

fn ends(certificate: &Certificate, clients: Option<&Arc<ClientValidation>>) -> Arc<ListenerTls> {
    Arc::new(ListenerTls {
        certificates: vec![certificate.clone()],
        clients: clients.cloned(),
    })
}

/// A server that says `name` and gives back what it is sent, under TLS when it has a certificate.
async fn echo(name: &'static str, certificate: Option<&Certificate>) -> SocketAddr {
    async fn talk<S: AsyncRead + AsyncWrite>(stream: S, name: &str) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        writer.write_all(name.as_bytes()).await.unwrap();
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
        let _ = writer.shutdown().await;
    }
    let acceptor = certificate.map(|own| acceptor(own, &[]));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                match acceptor {
                    None => talk(stream, name).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            talk(stream, name).await;
                        }
                    }
                }
            });
        }
    });
    address
}

/// What comes back for `text` and its end.
async fn said(mut stream: impl AsyncRead + AsyncWrite + Unpin, text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

const GET: &str = "GET /v1/models HTTP/1.1\r\nhost: https.example\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn one_port_tells_its_listeners_apart_by_name() {
    let authority = Authority::new();
    let https = authority.issue("https.example");
    let ended = authority.issue("ended.example");
    let passed = authority.issue("passed.example");
    let behind = echo("passed:", Some(&passed)).await;
    let to = endpoints("ended", &[echo("ended:", None).await]);
    let gateway = Gateway::start(|_| crate::gateway::Plan::default()).await;
    let port = gateway.address.port();
    let mut config = routed(
        vec![
            listener(
                "https",
                port,
                Protocol::Https(ends(&https, None)),
                "https.example",
            ),
            listener(
                "ended",
                port,
                Protocol::Tls(ends(&ended, None)),
                "ended.example",
            ),
            listener("passed", port, Protocol::TlsPassthrough, "*.example"),
        ],
        &[
            (
                "https",
                RouteKind::Http,
                &[(plain("mock", gateway.mock_address, AppProtocol::Http1), 1)],
            ),
            ("ended", RouteKind::Tls, &[(to, 1)]),
            (
                "passed",
                RouteKind::Tls,
                &[(endpoints("passed", &[behind]), 1)],
            ),
        ],
    );
    let name = FieldName::parse("x-scheme").unwrap();
    let scheme = Expression::compile("request.scheme").unwrap();
    config.policy.post_routing = Some(Arc::new(Cases::always(Arc::new(Transformation {
        response: Edits {
            set: vec![(name, scheme)],
            ..Edits::default()
        },
        ..Transformation::default()
    }))));
    gateway.put(2, config).await;
    let alpn: &[&[u8]] = &[b"h2", b"http/1.1"];
    let connect = |name: &'static str, alpn| authority.connect(gateway.address, name, alpn, None);

    let h2 = connect("https.example", alpn).await.unwrap();
    assert_eq!(h2.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    drop(h2);
    let mut stream = connect("HTTPS.example", &[b"http/1.1"]).await.unwrap();
    stream.write_all(GET.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("x-scheme: https\r\n"), "{answer}");

    let stream = connect("ended.example", alpn).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), None);
    assert_eq!(said(stream, "hello").await, "ended:hello");
    let stream = connect("passed.example", &[]).await.unwrap();
    assert_eq!(said(stream, "hello").await, "passed:hello");

    // Whoever asks for a name that leads nowhere gets no word, not even an alert.
    let unknown = connect("other.invalid", &[]).await.unwrap_err();
    let ends = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
    assert!(ends.contains(&unknown.kind()), "{unknown:?}");
    let name = "agentgateway_client_connections_closed_total{reason=\"handshake\"}";
    assert!(gateway.metric(name, 1.0).await >= 1.0);

    let lines = gateway.log(3).await;
    assert_eq!(lines[0]["http"]["status"], 200, "{lines:?}");
    for (line, name) in [(&lines[1], "ended.example"), (&lines[2], "passed.example")] {
        assert_eq!(line["network"]["transport"], "tls", "{line}");
        assert_eq!(line["tls"]["server_name"], name, "{line}");
        assert!(line.get("reason").is_none(), "{line}");
    }
    assert_eq!(lines[1]["bytes"]["received"], 5);
    gateway.stop().await;
}

#[tokio::test]
async fn a_hello_may_come_in_pieces() {
    let authority = Authority::new();
    let passed = authority.issue("passed.example");
    let to = endpoints("passed", &[echo("passed:", Some(&passed)).await]);
    let gateway = Gateway::serving(
        |_| {},
        |port| {
            routed(
                vec![listener(
                    "passed",
                    port,
                    Protocol::TlsPassthrough,
                    "passed.example",
                )],
                &[("passed", RouteKind::Tls, &[(to, 1)])],
            )
        },
    )
    .await;
    // A proxy in between that hands on a few bytes at a time.
    let between = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = between.local_addr().unwrap();
    let onwards = gateway.address;
    tokio::spawn(async move {
        let (client, _) = between.accept().await.unwrap();
        let gateway = TcpStream::connect(onwards).await.unwrap();
        gateway.set_nodelay(true).unwrap();
        let ((mut from_client, mut to_client), (mut from_gateway, mut to_gateway)) =
            (client.into_split(), gateway.into_split());
        tokio::spawn(async move { tokio::io::copy(&mut from_gateway, &mut to_client).await });
        let mut piece = [0; 100];
        while let Ok(count @ 1..) = from_client.read(&mut piece).await {
            to_gateway.write_all(&piece[..count]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let stream = authority
        .connect(address, "passed.example", &[], None)
        .await
        .unwrap();
    assert_eq!(said(stream, "hello").await, "passed:hello");
    gateway.stop().await;
}

#[tokio::test]
async fn what_is_no_tls_is_refused_and_counted() {
    let gateway = Gateway::serving(
        |_| {},
        |port| {
            let to: &[Weighted] = &[];
            routed(
                vec![listener("passed", port, Protocol::TlsPassthrough, "")],
                &[("passed", RouteKind::Tls, to)],
            )
        },
    )
    .await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(GET.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    // At most an alert.
    assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
    let name = "agentgateway_client_connections_closed_total{reason=\"handshake\"}";
    assert!(gateway.metric(name, 1.0).await >= 1.0);
    gateway.stop().await;
}

#[tokio::test]
async fn a_connection_to_a_backend_may_have_tls_of_its_own() {
    let authority = Authority::new();
    let certificate = authority.issue("backend.example");
    let at = echo("backend:", Some(&certificate)).await;
    let backend = authority.behind("backend.example", endpoints("backend", &[at]));
    let gateway = Gateway::serving(
        |_| {},
        |port| {
            routed(
                vec![listener("tcp", port, Protocol::Tcp, "")],
                &[("tcp", RouteKind::Tcp, &[(backend, 1)])],
            )
        },
    )
    .await;
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    assert_eq!(said(stream, "hello").await, "backend:hello");
    gateway.stop().await;
}

/// A gateway whose clients have to show a certificate of `clients`, on an HTTPS listener and on
/// one for streams.
async fn asking(
    mode: ClientValidationMode,
    servers: &Authority,
    clients: &Authority,
    to: Arc<Backend>,
) -> Gateway {
    let validation = Arc::new(ClientValidation {
        mode,
        authorities: vec![clients.der()],
    });
    let gateway = Gateway::start(|_| crate::gateway::Plan::default()).await;
    let port = gateway.address.port();
    let https = ends(&servers.issue("https.example"), Some(&validation));
    let ended = ends(&servers.issue("ended.example"), Some(&validation));
    let config = routed(
        vec![
            listener("https", port, Protocol::Https(https), "https.example"),
            listener("ended", port, Protocol::Tls(ended), "ended.example"),
        ],
        &[
            (
                "https",
                RouteKind::Http,
                &[(plain("mock", gateway.mock_address, AppProtocol::Http1), 1)],
            ),
            ("ended", RouteKind::Tls, &[(to, 1)]),
        ],
    );
    gateway.put(2, config).await;
    gateway
}

/// Whether a client that shows `own` is served on both listeners. A server refuses a certificate
/// of TLS 1.3 after its own part of the handshake, so the first answer tells.
async fn served(gateway: &Gateway, servers: &Authority, own: Option<&Certificate>) -> [bool; 2] {
    let mut served = [false; 2];
    for (at, name) in ["https.example", "ended.example"].into_iter().enumerate() {
        let Ok(mut stream) = servers.connect(gateway.address, name, &[], own).await else {
            continue;
        };
        let mut first = [0; 1];
        let _ = stream.write_all(GET.as_bytes()).await;
        served[at] = stream.read_exact(&mut first).await.is_ok();
    }
    served
}

#[tokio::test]
async fn a_client_has_to_show_a_valid_certificate_where_one_is_asked_for() {
    let (servers, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let (known, stranger) = (clients.issue("client"), others.issue("client"));
    let to = endpoints("echo", &[echo("ended:", None).await]);
    let valid_only = ClientValidationMode::ValidOnly;
    let gateway = asking(valid_only, &servers, &clients, to.clone()).await;
    assert_eq!(served(&gateway, &servers, Some(&known)).await, [true; 2]);
    assert_eq!(
        served(&gateway, &servers, Some(&stranger)).await,
        [false; 2]
    );
    assert_eq!(served(&gateway, &servers, None).await, [false; 2]);
    gateway.stop().await;

    let fallback = ClientValidationMode::InsecureFallback;
    let gateway = asking(fallback, &servers, &clients, to).await;
    for own in [Some(&known), Some(&stranger), None] {
        assert_eq!(served(&gateway, &servers, own).await, [true; 2]);
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_session_begun_where_nothing_is_asked_does_not_get_past_what_is_asked_elsewhere() {
    let authority = Authority::new();
    let certificate = authority.issue("https.example");
    let validation = Arc::new(ClientValidation {
        mode: ClientValidationMode::ValidOnly,
        authorities: vec![authority.der()],
    });
    let gateway = Gateway::start(|_| crate::gateway::Plan::default()).await;
    let (open, asking) = (gateway.address, refused());
    let https = |port: SocketAddr, name: &str, clients| {
        let protocol = Protocol::Https(ends(&certificate, clients));
        listener(name, port.port(), protocol, "https.example")
    };
    let to = [(plain("mock", gateway.mock_address, AppProtocol::Http1), 1)];
    let listeners = vec![
        https(open, "open", None),
        https(asking, "asking", Some(&validation)),
    ];
    let routes: &[(&str, RouteKind, &[Weighted])] = &[
        ("open", RouteKind::Http, &to),
        ("asking", RouteKind::Http, &to),
    ];
    gateway.put(2, routed(listeners, routes)).await;
    let client = authority.client(&[], None);
    for (address, answered) in [(open, true), (open, true), (asking, false)] {
        let mut answer = Vec::new();
        if let Ok(mut stream) = connect(client.clone(), address, "https.example").await {
            let _ = stream.write_all(GET.as_bytes()).await;
            let _ = stream.read_to_end(&mut answer).await;
        }
        assert_eq!(answer.starts_with(b"HTTP/1.1 200"), answered);
    }
    gateway.stop().await;
}
