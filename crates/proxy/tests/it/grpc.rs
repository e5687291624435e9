//! gRPC over HTTP/2, as its clients and servers have it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agw_core::backend::{AppProtocol, Backend};
use agw_core::condition::Cases;
use agw_core::expr::Expression;
use agw_core::header::FieldName;
use agw_core::id::RouteKind;
use agw_core::listener::Protocol;
use agw_core::policy::TrafficPolicy;
use agw_core::transform::{Edits, Transformation};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::http2 as client;
use hyper::server::conn::http2 as server;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

use crate::authority::{Authority, acceptor};
use crate::gateway::{Gateway, Weighted, endpoints, listener, plain, refused, routed};

type Frames = StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, std::io::Error>>>>;

fn frames(pieces: &[&'static str], last: &[(&'static str, &str)]) -> Frames {
    let mut frames: Vec<_> = pieces
        .iter()
        .map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))))
        .collect();
    let mut trailers = HeaderMap::new();
    for (name, value) in last {
        trailers.insert(*name, HeaderValue::from_str(value).unwrap());
    }
    frames.push(Ok(Frame::trailers(trailers)));
    StreamBody::new(stream::iter(frames))
}

/// Answers with what it was asked, and with the request's `te` and trailers in its own trailers.
async fn answer(request: Request<Incoming>) -> Result<Response<Frames>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?;
    let sent = body.trailers().and_then(|trailers| trailers.get("x-sent"));
    let sent = sent.map_or("none", |value| value.to_str().unwrap());
    let te = parts.headers.get("te");
    let te = te.map_or("none", |value| value.to_str().unwrap());
    let trailers = [("grpc-status", "0"), ("x-te", te), ("x-sent", sent)];
    let mut response = Response::new(frames(&["one ", "two"], &trailers));
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", kind);
    Ok(response)
}

/// A server that speaks nothing but HTTP/2.
async fn upstream(tls: Option<tokio_rustls::TlsAcceptor>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                let server = server::Builder::new(TokioExecutor::new());
                let service = service_fn(answer);
                let _ = match tls {
                    None => server.serve_connection(TokioIo::new(stream), service).await,
                    Some(tls) => {
                        let stream = tls.accept(stream).await.unwrap();
                        server.serve_connection(TokioIo::new(stream), service).await
                    }
                };
            });
        }
    });
    address
}

async fn gateway(backends: &[Weighted], policy: TrafficPolicy) -> Gateway {
    Gateway::serving(
        |limits| limits.response = Duration::from_secs(1),
        |port| {
            let http = listener("http", port, Protocol::Http, "");
            let mut config = routed(vec![http], &[("http", RouteKind::Grpc, backends)]);
            config.policy = policy;
            config
        },
    )
    .await
}

/// Asks as gRPC does.
async fn ask(gateway: &Gateway, path: &str) -> Response<Incoming> {
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let (mut sender, connection) = client::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::post(format!("http://a.example{path}"))
        .header("content-type", "application/grpc+proto")
        .header("te", "trailers")
        .body(frames(&["hello"], &[("x-sent", "1")]))
        .unwrap();
    sender.send_request(request).await.unwrap()
}

async fn assert_answered(gateway: &Gateway) -> Response<()> {
    let (parts, body) = ask(gateway, "/a.Service/Method").await.into_parts();
    assert_eq!(parts.status, 200);
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap();
    assert_eq!(body.to_bytes(), "one two");
    for (name, want) in [("grpc-status", "0"), ("x-te", "trailers"), ("x-sent", "1")] {
        assert_eq!(trailers[name], want, "{trailers:?}");
    }
    Response::from_parts(parts, ())
}

#[tokio::test]
async fn calls_go_over_http_2_with_trailers_both_ways_whatever_the_backend_is_said_to_speak() {
    let backend = plain("grpc", upstream(None).await, AppProtocol::Http1);
    let gateway = gateway(&[(backend, 1)], TrafficPolicy::default()).await;
    for _ in 0..2 {
        assert_answered(&gateway).await;
    }
    for line in gateway.log(2).await {
        assert!(line.get("reason").is_none(), "{line}");
        assert_eq!(line["http"]["status"], 200);
    }
    gateway.stop().await;
}

#[tokio::test]
async fn calls_go_over_http_2_under_tls() {
    let authority = Authority::new();
    let tls = acceptor(&authority.issue("grpc.example"), &[b"h2"]);
    let backend = endpoints("grpc", &[upstream(Some(tls)).await]);
    let backend = authority.behind("grpc.example", backend);
    let gateway = gateway(&[(backend, 1)], TrafficPolicy::default()).await;
    assert_answered(&gateway).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_policy_that_reads_an_answer_leaves_its_trailers() {
    let policy = TrafficPolicy {
        post_routing: Some(Arc::new(Cases::always(Arc::new(Transformation {
            response: Edits {
                set: vec![(
                    FieldName::parse("x-size").unwrap(),
                    Expression::compile("string(size(string(response.body)))").unwrap(),
                )],
                ..Edits::default()
            },
            ..Transformation::default()
        })))),
        ..TrafficPolicy::default()
    };
    let backend = plain("grpc", upstream(None).await, AppProtocol::H2c);
    let gateway = gateway(&[(backend, 1)], policy).await;
    let response = assert_answered(&gateway).await;
    assert_eq!(response.headers()["x-size"], "7");
    gateway.stop().await;
}

/// A server that takes connections and says nothing.
async fn silent() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    address
}

#[tokio::test]
async fn errors_of_the_gateway_are_such_that_clients_understand() {
    let empty = vec![(endpoints("empty", &[]), 1)];
    let dead = vec![(endpoints("dead", &[refused()]), 1)];
    let mute = vec![(endpoints("mute", &[silent().await]), 1)];
    let idle: Vec<(Arc<Backend>, u32)> = vec![(endpoints("idle", &[refused()]), 0)];
    for (backends, path, status, reason) in [
        (&empty, "/a", "14", "no_endpoint"),
        (&dead, "/a", "14", "connect_failure"),
        (&mute, "/a", "4", "timeout"),
        (&idle, "/a", "2", "no_backend"),
        (&empty, "/%252e%252e", "13", "invalid_request"),
    ] {
        let gateway = gateway(backends, TrafficPolicy::default()).await;
        let response = ask(&gateway, path).await;
        assert_eq!(response.status(), 200);
        let headers = response.headers();
        assert_eq!(headers["content-type"], "application/grpc");
        assert_eq!(headers["grpc-status"], status, "{reason}");
        assert!(!headers["grpc-message"].is_empty());
        assert!(response.body().is_end_stream(), "all of it is in its head");
        assert_eq!(gateway.log(1).await[0]["reason"], reason);
        gateway.stop().await;
    }
    let gateway = Gateway::serving(
        |_| {},
        |port| {
            let http = listener("http", port, Protocol::Http, "other.example");
            routed(vec![http], &[])
        },
    )
    .await;
    let response = ask(&gateway, "/a").await;
    assert_eq!(response.headers()["grpc-status"], "12");
    gateway.stop().await;
}
