//! Connections that leave HTTP/1.1.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agw_core::backend::{AppProtocol, Backend};
use agw_core::filter::{Filter, HeaderEdits};
use agw_core::header::{FieldName, FieldValue};
use agw_proxy::Limits;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::authority::{Authority, acceptor};
use crate::gateway::{Gateway, Plan, plain};

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: abc\r\n\r\n";
const REFUSING: &str = "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: other\r\nContent-Length: 2\r\n\r\nno";
const ASKING: &str = "GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: xyz\r\n\r\n";
const PLAIN: &str = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

/// An upstream that gives the same answer to every head, and what it is sent after that back.
struct Upstream {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    async fn start(answer: &'static str, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let seen = heads.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, acceptor) = (seen.clone(), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => talk(stream, answer, &seen).await,
                        Some(acceptor) => {
                            let stream = acceptor.accept(stream).await.unwrap();
                            talk(stream, answer, &seen).await;
                        }
                    }
                });
            }
        });
        Self { address, heads }
    }

    fn backend(&self) -> Arc<Backend> {
        plain("upstream", self.address, AppProtocol::Http1)
    }

    fn head(&self) -> String {
        self.heads.lock().last().unwrap().to_ascii_lowercase()
    }
}

async fn talk<S>(mut stream: S, answer: &str, seen: &Mutex<Vec<String>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let Some(head) = head(&mut stream).await else {
            return;
        };
        seen.lock().push(head);
        stream.write_all(answer.as_bytes()).await.unwrap();
        if answer == SWITCHING {
            let (mut reader, mut writer) = tokio::io::split(stream);
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
            let _ = writer.shutdown().await;
            return;
        }
    }
}

/// The next head, and nothing after it.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(bytes).unwrap())
}

async fn before(limit: impl FnOnce(&mut Limits), backend: Arc<Backend>) -> Gateway {
    Gateway::start_within(limit, |_| Plan {
        backends: vec![(backend, 1)],
        rule: Some(Box::new(|rule| {
            rule.filters.push(Filter::ResponseHeaders(HeaderEdits {
                set: vec![(
                    FieldName::parse("x-set").unwrap(),
                    FieldValue::parse("1").unwrap(),
                )],
                ..HeaderEdits::default()
            }));
        })),
        ..Plan::default()
    })
    .await
}

#[tokio::test]
async fn an_upgraded_connection_is_relayed_until_its_end() {
    let authority = Authority::new();
    let certificate = authority.issue("upstream.example");
    // An upstream that would rather speak HTTP/2, which has no upgrades.
    let tls = acceptor(&certificate, &[b"h2", b"http/1.1"]);
    for tls in [None, Some(tls)] {
        let secure = tls.is_some();
        let upstream = Upstream::start(SWITCHING, tls).await;
        let backend = if secure {
            authority.behind("upstream.example", upstream.backend())
        } else {
            upstream.backend()
        };
        let gateway = before(|_| {}, backend).await;
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        // What follows the head may come with it.
        let early = format!("{ASKING}early ");
        stream.write_all(early.as_bytes()).await.unwrap();
        let answer = head(&mut stream).await.unwrap().to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 101 "), "{answer}");
        for line in [
            "connection: upgrade",
            "upgrade: websocket",
            "sec-websocket-accept: abc",
            "x-set: 1",
        ] {
            assert_eq!(answer.matches(line).count(), 1, "{line}: {answer}");
        }
        let sent = upstream.head();
        for line in [
            "connection: upgrade",
            "upgrade: websocket",
            "sec-websocket-key: xyz",
            "x-forwarded-for: 127.0.0.1",
        ] {
            assert_eq!(sent.matches(line).count(), 1, "{line}: {sent}");
        }
        stream.write_all(b"and late").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "early and late");
        let lines = gateway.stopped(1).await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(lines[0]["http"]["status"], 101);
        assert_eq!(lines[0]["scope"], "request");
        assert!(lines[0].get("reason").is_none(), "{lines:?}");
    }
}

#[tokio::test]
async fn any_other_answer_is_an_ordinary_one() {
    let upstream = Upstream::start(REFUSING, None).await;
    let gateway = before(|_| {}, upstream.backend()).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    for _ in 0..2 {
        stream.write_all(ASKING.as_bytes()).await.unwrap();
        let answer = head(&mut stream).await.unwrap().to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 426 "), "{answer}");
        assert!(!answer.contains("connection:"), "{answer}");
        let mut body = [0; 2];
        stream.read_exact(&mut body).await.unwrap();
        assert_eq!(&body, b"no");
    }
    for line in gateway.log(2).await {
        assert_eq!(line["http"]["status"], 426);
    }
    gateway.stop().await;
}

#[tokio::test]
async fn nobody_is_upgraded_unasked_or_to_another_http() {
    let upstream = Upstream::start(SWITCHING, None).await;
    let gateway = before(|_| {}, upstream.backend()).await;
    let h2c = ASKING.replace("websocket", "h2c");
    for request in [PLAIN, &h2c] {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = head(&mut stream).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
        assert!(!upstream.head().contains("upgrade"), "{}", upstream.head());
    }
    for line in gateway.log(2).await {
        assert_eq!(line["reason"], "upstream_garbage", "{line}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn an_upgraded_connection_that_stands_still_is_ended() {
    let upstream = Upstream::start(SWITCHING, None).await;
    let idle = |limits: &mut Limits| limits.tunnel_idle = Duration::from_millis(200);
    let gateway = before(idle, upstream.backend()).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(ASKING.as_bytes()).await.unwrap();
    head(&mut stream).await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
    assert_eq!(gateway.log(1).await[0]["reason"], "stream_idle");
    gateway.stop().await;
}
