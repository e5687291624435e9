//! Each limit from both sides of its edge.

use std::sync::Arc;

use std::net::SocketAddr;
use std::time::Duration;

use agw_core::backend::AppProtocol;
use agw_core::condition::Cases;
use agw_core::expr::Expression;
use agw_core::filter::{Filter, Mirror, Share};
use agw_core::header::FieldName;
use agw_core::policy::TrafficPolicy;
use agw_core::retry::{ConnectFailure, Retry};
use agw_core::transform::{Edits, Transformation};
use agw_mock_provider::FaultRule;
use agw_proxy::Limits;
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{HELLO, HELLO_STREAM, chat, raw, request, send};
use crate::gateway::{Gateway, Plan, ai, ai_with, key, plain, refused};

async fn model_within(limit: impl FnOnce(&mut Limits)) -> Gateway {
    Gateway::start_within(limit, |mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1)],
        ..Plan::default()
    })
    .await
}

async fn plain_within(limit: impl FnOnce(&mut Limits)) -> Gateway {
    Gateway::start_within(limit, |mock| Plan {
        backends: vec![(plain("mock", mock, AppProtocol::Http1), 1)],
        ..Plan::default()
    })
    .await
}

fn fail(gateway: &Gateway, model: &str, fault: &str) {
    let rule = FaultRule {
        fault: fault.parse().unwrap(),
        times: None,
    };
    gateway.mock.set_fault(model.into(), rule).unwrap();
}

/// A chat request of exactly `length` bytes.
fn chat_of(length: usize) -> String {
    let frame = r#"{"messages":[{"role":"user","content":""}]}"#;
    let filler = "y".repeat(length - frame.len());
    frame.replace("\"\"", &format!("\"{filler}\""))
}

#[tokio::test]
async fn a_request_head() {
    const LIMIT: usize = 4096;
    let gateway = plain_within(|limits| limits.header_bytes = LIMIT).await;
    let head = |bytes: usize| {
        let start = "GET /v1/models HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx: ";
        let filler = "y".repeat(bytes - start.len() - 4);
        format!("{start}{filler}\r\n\r\n")
    };
    let within = raw(gateway.address, &head(LIMIT - 1)).await;
    assert!(within.starts_with("HTTP/1.1 200"), "{within}");
    let beyond = raw(gateway.address, &head(LIMIT + 1)).await;
    assert!(beyond.starts_with("HTTP/1.1 431"), "{beyond}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_held_body() {
    let gateway = model_within(|limits| limits.body = 1000).await;
    let within = send(gateway.address, chat(&chat_of(1000))).await;
    assert_eq!(within.status(), 200, "{}", within.text());
    let beyond = send(gateway.address, chat(&chat_of(1001))).await;
    assert_eq!(beyond.status(), 413, "{}", beyond.text());
    let chunked = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        1001,
        chat_of(1001)
    );
    let chunked = raw(gateway.address, &chunked).await;
    assert!(chunked.starts_with("HTTP/1.1 413"), "{chunked}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_body_kept_for_a_retry() {
    let gateway = Gateway::start_within(
        |limits| limits.replay = 100,
        |_| Plan {
            backends: vec![(plain("dead", refused(), AppProtocol::Http1), 1)],
            rule: Some(Box::new(|rule| {
                let mut retry = Retry {
                    attempts: 1,
                    ..Retry::default()
                };
                retry.on.connect_failure = ConnectFailure::Retry;
                rule.retry = Some(retry);
            })),
            ..Plan::default()
        },
    )
    .await;
    for size in [100, 101] {
        let put = request(Method::PUT, "/", vec![b' '; size]);
        assert_eq!(send(gateway.address, put).await.status(), 502);
    }
    let lines = gateway.log(2).await;
    let tries = |line: usize| lines[line]["attempts"].as_array().unwrap().len();
    assert_eq!((tries(0), tries(1)), (2, 1), "{lines:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn an_answer_held_for_a_policy() {
    let edits = || Edits {
        set: vec![(
            FieldName::parse("x-size").unwrap(),
            Expression::compile("string(size(string(response.body)))").unwrap(),
        )],
        ..Edits::default()
    };
    let policy = move || TrafficPolicy {
        post_routing: Some(Arc::new(Cases::always(Arc::new(Transformation {
            response: edits(),
            ..Transformation::default()
        })))),
        ..TrafficPolicy::default()
    };
    for (limit, seen) in [(8 << 20, true), (10, false)] {
        let gateway = Gateway::start_within(
            |limits| limits.response_body = limit,
            |mock| Plan {
                backends: vec![(plain("mock", mock, AppProtocol::Http1), 1)],
                policy: policy(),
                ..Plan::default()
            },
        )
        .await;
        let answered = send(gateway.address, request(Method::GET, "/v1/models", "")).await;
        assert_eq!(answered.status(), 200);
        assert!(answered.whole && answered.json()["data"].is_array());
        let header = answered.response.headers().contains_key("x-size");
        assert_eq!(header, seen, "with a limit of {limit}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn client_connections() {
    let gateway = plain_within(|limits| limits.connections = 3).await;
    // Two workers: however the connections fall, three are taken and seven are too many.
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(TcpStream::connect(gateway.address).await.unwrap());
    }
    let models = "GET /v1/models HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    for stream in &mut open {
        stream.write_all(models.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    }
    drop(open);
    let mut open = Vec::new();
    for _ in 0..7 {
        open.push(TcpStream::connect(gateway.address).await.unwrap());
    }
    let name = "agentgateway_client_connections_closed_total{reason=\"refused\"}";
    assert!(gateway.metric(name, 1.0).await >= 1.0);
    gateway.stop().await;
}

/// What is left to read, which ends with the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut text).await;
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn time_for_a_head() {
    let gateway = plain_within(|limits| limits.header_read = Duration::from_secs(1)).await;
    let mut quick = TcpStream::connect(gateway.address).await.unwrap();
    quick
        .write_all(b"GET /v1/models HTTP/1.1\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    quick
        .write_all(b"host: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(rest(&mut quick).await.starts_with("HTTP/1.1 200"));
    let mut slow = TcpStream::connect(gateway.address).await.unwrap();
    slow.write_all(b"GET /v1/models HTTP/1.1\r\n")
        .await
        .unwrap();
    assert_eq!(rest(&mut slow).await, "");
    let name = "agentgateway_client_connections_closed_total{reason=\"slow_head\"}";
    assert!(gateway.metric(name, 1.0).await >= 1.0);
    gateway.stop().await;
}

#[tokio::test]
async fn an_idle_connection() {
    let gateway = plain_within(|limits| limits.client_idle = Duration::from_secs(1)).await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    for _ in 0..2 {
        let models = b"GET /v1/models HTTP/1.1\r\nhost: a\r\n\r\n";
        stream.write_all(models).await.unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 200");
        let mut seen = Vec::new();
        while !seen.ends_with(b"}") {
            let mut some = [0; 4096];
            let count = stream.read(&mut some).await.unwrap();
            seen.extend_from_slice(&some[..count]);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(rest(&mut stream).await, "");
    let name = "agentgateway_client_connections_closed_total{reason=\"idle\"}";
    assert!(gateway.metric(name, 1.0).await >= 1.0);
    gateway.stop().await;
}

#[tokio::test]
async fn a_pause_in_a_body_that_is_held() {
    let gateway = model_within(|limits| limits.client_body = Duration::from_secs(1)).await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        HELLO.len()
    );
    let (start, end) = HELLO.split_at(10);
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    streams[0].write_all(end.as_bytes()).await.unwrap();
    assert!(rest(&mut streams[0]).await.starts_with("HTTP/1.1 200"));
    assert!(rest(&mut streams[1]).await.starts_with("HTTP/1.1 408"));
    gateway.stop().await;
}

#[tokio::test]
async fn attempts_of_one_request() {
    for (dead, status) in [(2, 200), (3, 502)] {
        let gateway = Gateway::start_within(
            |limits| limits.attempts = 3,
            |mock| {
                let mut backends: Vec<_> = (0..dead)
                    .map(|n| (ai(&format!("dead-{n}"), refused()), 0))
                    .collect();
                backends[0].1 = 1;
                backends.push((ai("gpt-4o", mock), 0));
                Plan {
                    backends,
                    ..Plan::default()
                }
            },
        )
        .await;
        let answered = send(gateway.address, chat(HELLO)).await;
        assert_eq!(answered.status(), status, "{}", answered.text());
        let lines = gateway.log(1).await;
        assert_eq!(lines[0]["attempts"].as_array().unwrap().len(), 3);
        gateway.stop().await;
    }
}

/// A listener that takes connections and says nothing.
async fn silent() -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    (address, task)
}

#[tokio::test]
async fn time_for_a_connection_to_an_upstream() {
    let (address, task) = silent().await;
    let gateway = Gateway::start_within(
        |limits| limits.connect = Duration::from_millis(200),
        |mock| {
            let tls = ai_with("gpt-4o", address, |provider| {
                provider.endpoint.tls = Some(agw_core::backend::UpstreamTls::new(
                    agw_core::backend::Verify::Off,
                ));
            });
            Plan {
                backends: vec![(tls, 1), (ai("gpt-4o-mini", mock), 0)],
                ..Plan::default()
            }
        },
    )
    .await;
    let answered = send(gateway.address, chat(HELLO)).await;
    assert_eq!(answered.json()["model"], "gpt-4o-mini");
    let lines = gateway.log(1).await;
    assert_eq!(lines[0]["attempts"][0]["reason"], "connect_failure");
    task.abort();
    gateway.stop().await;
}

#[tokio::test]
async fn time_for_an_answer_that_no_manifest_bounds() {
    for (limit, status) in [(20_000, 200), (200, 504)] {
        let gateway = model_within(|limits| limits.response = Duration::from_millis(limit)).await;
        fail(&gateway, "gpt-4o", "delay=600ms");
        let answered = send(gateway.address, chat(HELLO)).await;
        assert_eq!(answered.status(), status, "{}", answered.text());
        gateway.stop().await;
    }
}

#[tokio::test]
async fn a_pause_in_a_stream() {
    for (limit, ends) in [(20_000, "data: [DONE]\n\n"), (200, "\n\n")] {
        let gateway =
            model_within(|limits| limits.stream_idle = Duration::from_millis(limit)).await;
        fail(&gateway, "gpt-4o", "chunk-delay=600ms");
        let answered = send(gateway.address, chat(HELLO_STREAM)).await;
        let text = answered.text();
        assert!(text.ends_with(ends), "{text}");
        let line = &gateway.log(1).await[0];
        if limit == 200 {
            assert!(
                text.contains("\"error\"") && !text.contains("[DONE]"),
                "{text}"
            );
            assert_eq!(line["reason"], "stream_idle", "{line}");
        } else {
            assert!(line.get("reason").is_none(), "{line}");
        }
        gateway.stop().await;
    }
}

#[tokio::test]
async fn copies_under_way() {
    for (limit, busy) in [(20, 0.0), (0, 1.0)] {
        let gateway = Gateway::start_within(
            |limits| limits.mirrors = limit,
            |mock| Plan {
                backends: vec![(ai("gpt-4o", mock), 1), (ai("gpt-4o-mini", mock), 0)],
                rule: Some(Box::new(|rule| {
                    rule.backends.truncate(1);
                    rule.filters.push(Filter::Mirror(Mirror {
                        to: key("gpt-4o-mini"),
                        share: Share::ALL,
                    }));
                })),
                ..Plan::default()
            },
        )
        .await;
        assert_eq!(send(gateway.address, chat(HELLO)).await.status(), 200);
        let all = "agentgateway_mirrored_requests_total";
        assert!(gateway.metric(all, 1.0).await >= 1.0);
        let name = r#"agentgateway_mirrored_requests_total{backend="ns/gpt-4o-mini",reason="mirrors_busy"}"#;
        assert!((gateway.metric(name, busy).await - busy).abs() < 0.5);
        gateway.stop().await;
    }
}
