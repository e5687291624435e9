use agw_mock_provider::{KeyCheck, ModelCheck, Settings};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{Answer, Server, names};

const CHAT: &str = "/v1/chat/completions";

fn hello() -> Value {
    json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]})
}

#[tokio::test]
async fn lists_models_and_finds_one() {
    let settings = Settings {
        models: vec!["gpt-4o".to_owned(), "Qwen/Qwen3-32B".to_owned()],
        ..Settings::default()
    };
    let server = Server::with(settings).await;
    let list = server.call(Method::GET, "/v1/models").await.json();
    assert_eq!(list["object"], "list");
    assert_eq!(list["data"][0]["id"], "gpt-4o");
    assert_eq!(
        names(&list["data"][0]),
        ["id", "object", "created", "owned_by"]
    );
    for path in ["/v1/models/Qwen%2FQwen3-32B", "/v1/models/Qwen/Qwen3-32B"] {
        assert_eq!(
            server.call(Method::GET, path).await.json(),
            list["data"][1],
            "{path}"
        );
    }
    let missing = server.call(Method::GET, "/v1/models/gpt-9").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(missing.json()["error"]["code"], "model_not_found");
}

#[tokio::test]
async fn speaks_h2c() {
    let server = Server::start().await;
    let mut body = hello();
    body["stream"] = json!(true);
    let request = server.request(Method::POST, CHAT, &[], body.to_string());
    let answer = Answer::read(server.send_h2(request).await.unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.events().pop().unwrap(), "[DONE]");
    assert_eq!(server.provider.requests()[0].version, "HTTP/2.0");
}

#[tokio::test]
async fn rejects_bad_json_unknown_urls_and_wrong_methods() {
    let server = Server::start().await;
    for body in ["", "{", "[]", "nonsense", "\u{0}"] {
        let request = server.request(Method::POST, CHAT, &[], body);
        let answer = Answer::read(server.send(request).await.unwrap()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
    }
    let answer = server.post("/v1/nothing", &hello()).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(
        answer.json()["error"]["message"],
        "Invalid URL (POST /v1/nothing)"
    );
    assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
    let answer = server.call(Method::GET, CHAT).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.headers["allow"], "POST");
}

#[tokio::test]
async fn demands_a_key_only_when_told_to() {
    let settings = Settings {
        require_key: KeyCheck::Required,
        ..Settings::default()
    };
    let strict = Server::with(settings).await;
    for headers in [
        &[][..],
        &[("authorization", "")][..],
        &[("authorization", "Bearer")][..],
        &[("authorization", "Bearer  ")][..],
    ] {
        let answer = strict.post_with(CHAT, headers, &hello()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{headers:?}");
        assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
    }
    let answer = strict
        .post_with(CHAT, &[("authorization", "Bearer k")], &hello())
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        Server::start().await.post(CHAT, &hello()).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn knows_only_listed_models_when_told_to() {
    let settings = Settings {
        model_check: ModelCheck::Listed,
        ..Settings::default()
    };
    let server = Server::with(settings).await;
    assert_eq!(server.post(CHAT, &hello()).await.status, StatusCode::OK);
    let mut body = hello();
    body["model"] = json!("gpt-9");
    let answer = server.post(CHAT, &body).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.json()["error"]["code"], "model_not_found");
}

#[tokio::test]
async fn bounds_the_body() {
    let server = Server::with(Settings {
        body_limit: 100,
        ..Settings::default()
    })
    .await;
    let mut body = hello();
    body["messages"][0]["content"] = json!("x".repeat(200));
    let answer = server.post(CHAT, &body).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
}

#[tokio::test]
async fn answers_large_prompts() {
    let server = Server::start().await;
    let mut body = hello();
    body["messages"][0]["content"] = json!("hello ".repeat(40_000));
    let answer = server.post(CHAT, &body).await.json();
    assert!(answer["usage"]["prompt_tokens"].as_u64().unwrap() >= 40_000);
}
