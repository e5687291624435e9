use agw_mock_provider::Outcome;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::server::{Answer, Server};

const CHAT: &str = "/v1/chat/completions";

fn hello(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hello"}]})
}

#[tokio::test]
async fn arms_a_model_for_some_requests() {
    let server = Server::start().await;
    let armed = server
        .arm(
            "gpt-4o",
            &json!({"status": 503, "retry_after": 2, "times": 2}),
        )
        .await;
    assert_eq!(armed.status, StatusCode::OK);
    assert_eq!(
        armed.json(),
        json!({"status": 503, "retry_after": 2, "times": 2})
    );
    let mut statuses = Vec::new();
    for model in ["gpt-4o", "gpt-4", "gpt-4o", "gpt-4o"] {
        statuses.push(server.post(CHAT, &hello(model)).await.status.as_u16());
    }
    assert_eq!(statuses, [503, 200, 503, 200]);
    assert_eq!(
        server.call(Method::GET, "/_mock/faults").await.json(),
        json!({})
    );
}

#[tokio::test]
async fn a_header_goes_before_the_table_and_leaves_it_alone() {
    let server = Server::start().await;
    server
        .arm("gpt-4o", &json!({"status": 503, "times": 1}))
        .await;
    let header = [("x-mock-fault", "status=429")];
    assert_eq!(
        server
            .post_with(CHAT, &header, &hello("gpt-4o"))
            .await
            .status
            .as_u16(),
        429
    );
    assert_eq!(
        server.post(CHAT, &hello("gpt-4o")).await.status.as_u16(),
        503
    );
    let sources: Vec<_> = server
        .provider
        .requests()
        .iter()
        .map(|record| record.fault_source)
        .collect();
    assert_eq!(sources, [Some("header"), Some("table")]);
}

#[tokio::test]
async fn the_star_hits_all_and_the_model_list_has_its_own_name() {
    let server = Server::start().await;
    server.arm("_models", &json!({"status": 500})).await;
    assert_eq!(
        server.call(Method::GET, "/v1/models").await.status.as_u16(),
        500
    );
    assert_eq!(server.post(CHAT, &hello("a")).await.status.as_u16(), 200);
    assert_eq!(
        server
            .call(Method::DELETE, "/_mock/faults/_models")
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    server.arm("*", &json!({"status": 502})).await;
    assert_eq!(
        server.call(Method::GET, "/v1/models").await.status.as_u16(),
        502
    );
    assert_eq!(server.post(CHAT, &hello("a/b")).await.status.as_u16(), 502);
    server.arm("a%2Fb", &json!({"status": 504})).await;
    assert_eq!(server.post(CHAT, &hello("a/b")).await.status.as_u16(), 504);
    let listed = server.call(Method::GET, "/_mock/faults").await.json();
    assert_eq!(
        listed,
        json!({"*": {"status": 502}, "a/b": {"status": 504}})
    );
    server.call(Method::DELETE, "/_mock/faults").await;
    assert_eq!(server.post(CHAT, &hello("a/b")).await.status.as_u16(), 200);
}

#[tokio::test]
async fn rejects_bad_control_requests() {
    let server = Server::start().await;
    let answer = server.arm("m", &json!({"status": 200})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["error"]["param"], "status");
    assert_eq!(
        server.arm("m", &json!([])).await.status,
        StatusCode::BAD_REQUEST
    );
    let missing = server.call(Method::DELETE, "/_mock/faults/m").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let wrong = server.call(Method::POST, "/_mock/requests").await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong.headers["allow"], "GET, DELETE");
    assert_eq!(
        server.call(Method::GET, "/_mock/x").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        server.call(Method::GET, "/_mock/healthz").await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn journals_requests_without_credentials() {
    let server = Server::start().await;
    let headers = [
        ("authorization", "Bearer sk-very-secret"),
        ("x-api-key", "sk-very-secret"),
    ];
    server
        .post_with(&format!("{CHAT}?a=b"), &headers, &hello("gpt-4o"))
        .await;
    server.settled(Outcome::Completed).await;
    let answer = server.call(Method::GET, "/_mock/requests").await;
    assert!(!answer.text().contains("secret"));
    let records = answer.json();
    assert_eq!(
        records.as_array().unwrap().len(),
        1,
        "control requests are not journaled"
    );
    let record = &records[0];
    assert_eq!(record["path"], "/v1/chat/completions?a=b");
    assert_eq!(record["method"], "POST");
    assert_eq!(record["model"], "gpt-4o");
    assert_eq!(record["headers"]["authorization"], "REDACTED");
    assert_eq!(record["headers"]["host"], "mock");
    assert_eq!(record["authorization_sha"].as_str().map(str::len), Some(12));
    assert_eq!(record["status"], 200);
    assert_eq!(record["outcome"], "completed");
    let body: Value = serde_json::from_str(record["body"].as_str().unwrap()).unwrap();
    assert_eq!(body, hello("gpt-4o"));
    let cleared = server.call(Method::DELETE, "/_mock/requests").await;
    assert_eq!(cleared.status, StatusCode::NO_CONTENT);
    assert_eq!(
        server.call(Method::GET, "/_mock/requests").await.json(),
        json!([])
    );
}

#[tokio::test]
async fn tells_a_client_that_left_from_one_that_stayed() {
    let server = Server::start().await;
    let mut body = hello("gpt-4o");
    body["stream"] = json!(true);
    for h2 in [false, true] {
        let headers = [("x-mock-fault", "chunk-delay=20ms")];
        let request = server.request(Method::POST, CHAT, &headers, body.to_string());
        let response = match h2 {
            false => server.send(request).await.unwrap(),
            true => server.send_h2(request).await.unwrap(),
        };
        let mut incoming = response.into_body();
        incoming.frame().await.unwrap().unwrap();
        assert_eq!(
            server.provider.requests().pop().unwrap().outcome,
            Outcome::Pending
        );
        drop(incoming);
        server.settled(Outcome::Disconnected).await;
    }
    let request = server.request(Method::POST, CHAT, &[], body.to_string());
    Answer::read(server.send(request).await.unwrap()).await;
    server.settled(Outcome::Completed).await;
}

#[tokio::test]
async fn an_answer_cut_on_purpose_is_complete() {
    let server = Server::start().await;
    server
        .post_with(CHAT, &[("x-mock-fault", "cut-after=0")], &hello("gpt-4o"))
        .await;
    let record = server.settled(Outcome::Completed).await;
    assert_eq!(record.fault.as_deref(), Some("cut-after=0"));
}
