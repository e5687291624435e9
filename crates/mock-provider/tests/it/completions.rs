use http::StatusCode;
use serde_json::json;

use crate::server::{Server, names};

const PATH: &str = "/v1/completions";
const MODEL: &str = "gpt-3.5-turbo-instruct";

#[tokio::test]
async fn answers_in_openais_shape_with_its_default_limit() {
    let server = Server::start().await;
    let body = server
        .post(PATH, &json!({"model": MODEL, "prompt": "hello"}))
        .await
        .json();
    assert!(body["id"].as_str().unwrap().starts_with("cmpl-"));
    assert_eq!(body["object"], "text_completion");
    assert_eq!(
        names(&body["choices"][0]),
        ["text", "index", "logprobs", "finish_reason"]
    );
    assert_eq!(body["choices"][0]["finish_reason"], "length");
    assert_eq!(
        (
            &body["usage"]["prompt_tokens"],
            &body["usage"]["completion_tokens"]
        ),
        (&json!(1), &json!(16))
    );
}

#[tokio::test]
async fn answers_each_prompt_n_times_and_echoes() {
    let server = Server::start().await;
    // [15339] is "hello" in cl100k.
    let body =
        json!({"model": MODEL, "prompt": ["a", "b"], "n": 2, "max_tokens": 100, "echo": true});
    let choices = server.post(PATH, &body).await.json()["choices"].clone();
    let texts: Vec<&str> = choices
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts.len(), 4);
    assert!(
        texts[0].starts_with("aI am") && texts[2].starts_with("bI am"),
        "{texts:?}"
    );
    let body = json!({"model": MODEL, "prompt": [15339], "max_tokens": 100});
    let answer = server.post(PATH, &body).await.json();
    assert!(
        answer["choices"][0]["text"]
            .as_str()
            .unwrap()
            .ends_with("You said: hello")
    );
    assert_eq!(answer["usage"]["prompt_tokens"], 1);
}

#[tokio::test]
async fn streams_what_it_answers_whole() {
    let server = Server::start().await;
    let mut body = json!({"model": MODEL, "prompt": "hello", "max_tokens": 100});
    let whole = server.post(PATH, &body).await.json();
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    let mut events = server.post(PATH, &body).await.events();
    assert_eq!(events.pop().unwrap(), "[DONE]");
    let last = events.pop().unwrap();
    assert_eq!(last["usage"], whole["usage"]);
    let text: String = events
        .iter()
        .map(|event| event["choices"][0]["text"].as_str().unwrap())
        .collect();
    assert_eq!(text, whole["choices"][0]["text"]);
    assert_eq!(
        events[events.len() - 1]["choices"][0]["finish_reason"],
        "stop"
    );
}

#[tokio::test]
async fn rejects_bad_prompts() {
    let server = Server::start().await;
    for (prompt, code) in [
        (json!(null), "missing_required_parameter"),
        (json!(7), "invalid_type"),
        (json!([]), "invalid_array_length"),
        (json!([{}]), "invalid_type"),
        (json!("word ".repeat(20_000)), "context_length_exceeded"),
    ] {
        let answer = server
            .post(PATH, &json!({"model": MODEL, "prompt": prompt}))
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.json()["error"]["code"], code);
    }
    let body = json!({"model": MODEL, "prompt": [4_000_000_000_u32]});
    assert_eq!(
        server.post(PATH, &body).await.status,
        StatusCode::OK,
        "an unknown token has no text"
    );
}
