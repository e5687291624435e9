use std::time::{Duration, Instant};

use agw_mock_provider::Outcome;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::server::{Answer, End, Server};

const CHAT: &str = "/v1/chat/completions";

fn hello() -> Value {
    json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]})
}

fn streamed() -> Value {
    let mut body = hello();
    body["stream"] = json!(true);
    body
}

async fn faulty(server: &Server, fault: &str, body: &Value) -> Answer {
    server
        .post_with(CHAT, &[("x-mock-fault", fault)], body)
        .await
}

#[tokio::test]
async fn answers_with_a_status_and_retry_after() {
    let server = Server::start().await;
    for (fault, status, kind, code) in [
        ("status=503;retry-after=2", 503, "server_error", json!(null)),
        ("status=500;retry-after=2", 500, "server_error", json!(null)),
        (
            "status=429;retry-after=2",
            429,
            "requests",
            json!("rate_limit_exceeded"),
        ),
        (
            "status=401;retry-after=2",
            401,
            "invalid_request_error",
            json!("invalid_api_key"),
        ),
    ] {
        let answer = faulty(&server, fault, &streamed()).await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.headers["retry-after"], "2");
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(answer.json()["error"]["type"], kind);
        assert_eq!(answer.json()["error"]["code"], code);
    }
    assert!(
        !faulty(&server, "status=503", &hello())
            .await
            .headers
            .contains_key("retry-after")
    );
}

#[tokio::test]
async fn cuts_a_stream_after_exactly_n_events() {
    let server = Server::start().await;
    let whole = server.post(CHAT, &streamed()).await.events().len();
    for count in [0, 1, 3, whole - 1] {
        let fault = format!("cut-after={count}");
        let answer = faulty(&server, &fault, &streamed()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.end, End::Broken, "{fault}");
        assert_eq!(answer.events().len(), count);
        let request = server.request(
            Method::POST,
            CHAT,
            &[("x-mock-fault", &fault)],
            streamed().to_string(),
        );
        let answer = Answer::read(server.send_h2(request).await.unwrap()).await;
        assert_eq!(
            (answer.end, answer.events().len()),
            (End::Broken, count),
            "h2 {fault}"
        );
    }
    let fault = format!("cut-after={whole}");
    assert_eq!(faulty(&server, &fault, &streamed()).await.end, End::Clean);
    let fault = format!("cut-after={}", whole - 1);
    assert!(
        !faulty(&server, &fault, &streamed())
            .await
            .text()
            .contains("[DONE]")
    );
}

#[tokio::test]
async fn cuts_a_whole_answer_short_of_its_announced_length() {
    let server = Server::start().await;
    for (count, sent) in [(0, 0), (2, 128)] {
        let answer = faulty(&server, &format!("cut-after={count}"), &hello()).await;
        let announced: usize = answer.headers["content-length"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!(announced > 128);
        assert_eq!((answer.end, answer.body.len()), (End::Broken, sent));
    }
}

#[tokio::test]
async fn ends_a_stream_cleanly_without_its_last_events() {
    let server = Server::start().await;
    let answer = faulty(&server, "end-after=3", &streamed()).await;
    assert_eq!((answer.end, answer.events().len()), (End::Clean, 3));
    let answer = faulty(&server, "end-after=1", &hello()).await;
    assert_eq!((answer.end, answer.body.len()), (End::Clean, 64));
}

#[tokio::test]
async fn an_empty_stream_is_cut_before_its_first_content() {
    let server = Server::start().await;
    let answer = faulty(&server, "empty-stream", &streamed()).await;
    assert_eq!(answer.end, End::Broken);
    let events = answer.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    let body = json!({"model": "gpt-4o", "input": "x", "stream": true});
    let answer = server
        .post_with("/v1/responses", &[("x-mock-fault", "empty-stream")], &body)
        .await;
    assert_eq!(answer.events().len(), 4);
    assert!(!answer.text().contains("delta"));
}

#[tokio::test]
async fn puts_an_error_inside_a_200() {
    let server = Server::start().await;
    let answer = faulty(&server, "error-in-200", &hello()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["error"]["type"], "server_error");
    for count in [0, 2] {
        let answer = faulty(&server, &format!("error-in-200={count}"), &streamed()).await;
        assert_eq!((answer.status, answer.end), (StatusCode::OK, End::Clean));
        assert_eq!(
            answer.headers["content-type"],
            "text/event-stream; charset=utf-8"
        );
        let events = answer.events();
        assert_eq!(events.len(), count + 1);
        assert_eq!(events[count]["error"]["type"], "server_error");
    }
    let body = json!({"model": "gpt-4o", "input": "x", "stream": true});
    let answer = server
        .post_with("/v1/responses", &[("x-mock-fault", "error-in-200")], &body)
        .await;
    assert!(
        answer
            .text()
            .starts_with("event: error\ndata: {\"type\":\"error\"")
    );
}

#[tokio::test]
async fn sends_garbage_under_a_200() {
    let server = Server::start().await;
    for body in [hello(), streamed()] {
        let answer = faulty(&server, "garbage", &body).await;
        assert_eq!((answer.status, answer.end), (StatusCode::OK, End::Clean));
        let bytes = answer.body.strip_prefix(b"data: ").unwrap_or(&answer.body);
        assert!(serde_json::from_slice::<Value>(bytes).is_err());
    }
}

#[tokio::test]
async fn stays_silent_until_the_client_goes() {
    let server = Server::start().await;
    let request = server.request(
        Method::POST,
        CHAT,
        &[("x-mock-fault", "silence")],
        hello().to_string(),
    );
    let sent = server.send(request);
    assert!(timeout(Duration::from_millis(100), sent).await.is_err());
    let record = server.settled(Outcome::Disconnected).await;
    assert_eq!(
        (record.status, record.fault.as_deref()),
        (None, Some("silence"))
    );
}

#[tokio::test]
async fn resets_the_connection_before_a_response() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let body = hello().to_string();
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: mock\r\nx-mock-fault: reset\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let error = stream.read(&mut [0; 16]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let request = server.request(
        Method::POST,
        CHAT,
        &[("x-mock-fault", "reset")],
        hello().to_string(),
    );
    assert!(server.send_h2(request).await.is_err());
    server.settled(Outcome::Completed).await;
}

#[tokio::test]
async fn waits_before_the_answer_and_between_chunks() {
    let server = Server::start().await;
    let started = Instant::now();
    let answer = faulty(
        &server,
        "delay=60ms;chunk-delay=20ms;cut-after=3",
        &streamed(),
    )
    .await;
    assert_eq!(answer.events().len(), 3);
    // Lower bounds only: one delay and two gaps.
    assert!(started.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn rejects_a_bad_fault_naming_field_and_alternatives() {
    let server = Server::start().await;
    let answer = faulty(&server, "stauts=503", &hello()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let error = &answer.json()["error"];
    assert_eq!(
        (&error["param"], &error["code"]),
        (&json!("stauts"), &json!("invalid_fault"))
    );
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("allowed are: status, retry-after, delay")
    );
}

#[tokio::test]
async fn faults_hit_every_endpoint() {
    let server = Server::start().await;
    for path in ["/v1/responses", "/v1/embeddings", "/v1/completions"] {
        let body = json!({"model": "m", "input": "x", "prompt": "x"});
        let answer = server
            .post_with(path, &[("x-mock-fault", "status=502")], &body)
            .await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{path}");
    }
}
