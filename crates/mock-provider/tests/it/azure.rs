//! Azure OpenAI's paths.

use agw_mock_provider::{KeyCheck, Settings};
use http::StatusCode;
use serde_json::json;

use crate::server::Server;

const DEPLOYED: &str = "/openai/deployments/my-gpt/chat/completions";

#[tokio::test]
async fn a_deployment_is_the_model() {
    let server = Server::start().await;
    let body = json!({"model": "ignored", "messages": [{"role": "user", "content": "hello"}]});
    let path = format!("{DEPLOYED}?api-version=2024-10-21");
    let answer = server.post(&path, &body).await;
    assert!(answer.headers.contains_key("apim-request-id"));
    assert_eq!(
        answer.json()["choices"][0]["message"]["content"],
        "I am my-gpt, a mock model. You said: hello"
    );
    let record = server.provider.requests().pop().unwrap();
    assert_eq!(record.model.as_deref(), Some("my-gpt"));
    server
        .arm("my-gpt", &json!({"status": 429, "retry_after": 2}))
        .await;
    let limited = server.post(&path, &body).await;
    assert_eq!(limited.headers["retry-after"], "2");
    assert_eq!(limited.json()["error"]["code"], "429");
}

#[tokio::test]
async fn wants_a_version_and_a_key() {
    let server = Server::with(Settings {
        require_key: KeyCheck::Required,
        ..Settings::default()
    })
    .await;
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "hello"}]});
    let versioned = format!("{DEPLOYED}?api-version=2024-10-21");
    for (path, headers, status, code) in [
        (
            DEPLOYED,
            vec![("api-key", "k")],
            StatusCode::NOT_FOUND,
            "404",
        ),
        (versioned.as_str(), vec![], StatusCode::UNAUTHORIZED, "401"),
        (
            versioned.as_str(),
            vec![("api-key", "k")],
            StatusCode::OK,
            "",
        ),
        (
            versioned.as_str(),
            vec![("authorization", "Bearer k")],
            StatusCode::OK,
            "",
        ),
        (
            "/openai/v1/chat/completions",
            vec![("api-key", "k")],
            StatusCode::OK,
            "",
        ),
        // OpenAI itself takes no such header.
        (
            "/v1/chat/completions",
            vec![("api-key", "k")],
            StatusCode::UNAUTHORIZED,
            "",
        ),
    ] {
        let answer = server.post_with(path, &headers, &body).await;
        assert_eq!(answer.status, status, "{path} {headers:?}");
        if !code.is_empty() {
            assert_eq!(answer.json()["error"]["code"], code);
        }
    }
}
