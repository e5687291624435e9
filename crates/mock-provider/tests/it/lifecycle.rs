use std::time::Duration;

use agw_mock_provider::Settings;
use http::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::server::{Answer, End, Server};

const CHAT: &str = "/v1/chat/completions";

fn streamed() -> Value {
    json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "hello"}]})
}

#[tokio::test]
async fn lets_an_open_stream_finish_and_takes_no_more() {
    let server = Server::start().await;
    let headers = [("x-mock-fault", "chunk-delay=5ms")];
    let request = server.request(Method::POST, CHAT, &headers, streamed().to_string());
    let response = server.send(request).await.unwrap();
    server.shutdown.cancel();
    let answer = Answer::read(response).await;
    assert_eq!(answer.end, End::Clean);
    assert_eq!(answer.events().pop().unwrap(), "[DONE]");
    server.serving.await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn ends_open_connections_after_the_grace() {
    let settings = Settings {
        shutdown_grace: Duration::from_millis(50),
        ..Settings::default()
    };
    let server = Server::with(settings).await;
    let headers = [("x-mock-fault", "chunk-delay=3600s")];
    let request = server.request(Method::POST, CHAT, &headers, streamed().to_string());
    let h1 = server.send(request.clone()).await.unwrap();
    let h2 = server.send_h2(request).await.unwrap();
    server.shutdown.cancel();
    server.serving.await.unwrap().unwrap();
    assert_eq!(Answer::read(h1).await.end, End::Broken);
    assert_eq!(Answer::read(h2).await.end, End::Broken);
}

#[tokio::test]
async fn closes_everything_when_the_server_is_dropped() {
    let server = Server::start().await;
    let headers = [("x-mock-fault", "chunk-delay=3600s")];
    let request = server.request(Method::POST, CHAT, &headers, streamed().to_string());
    let response = server.send(request).await.unwrap();
    server.serving.abort();
    assert_eq!(Answer::read(response).await.end, End::Broken);
}

#[tokio::test]
async fn serves_no_more_connections_than_allowed_at_once() {
    let server = Server::with(Settings {
        max_connections: 1,
        ..Settings::default()
    })
    .await;
    let headers = [("x-mock-fault", "silence")];
    let silent = server.request(Method::POST, CHAT, &headers, streamed().to_string());
    let first = tokio::time::timeout(Duration::from_millis(50), server.send(silent)).await;
    assert!(first.is_err());
    // The first connection went with its client; the place is free again.
    assert_eq!(server.post(CHAT, &streamed()).await.end, End::Clean);
}

#[tokio::test]
async fn pads_answers_for_long_streams() {
    let server = Server::with(Settings {
        min_answer_tokens: 500,
        ..Settings::default()
    })
    .await;
    assert!(server.post(CHAT, &streamed()).await.events().len() >= 500);
}
