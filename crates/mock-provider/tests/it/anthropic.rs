//! Anthropic's Messages API.

mod rules;
mod streams;

use agw_mock_provider::{KeyCheck, Settings};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{Answer, Server, names};

pub(super) const PATH: &str = "/v1/messages";
const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

pub(super) fn hello() -> Value {
    json!({"model": "claude-sonnet-4-5", "max_tokens": 100,
        "messages": [{"role": "user", "content": "hello"}]})
}

pub(super) fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

pub(super) async fn ask(server: &Server, body: &Value) -> Answer {
    server.post_with(PATH, &[VERSION], body).await
}

pub(super) fn weather() -> Value {
    json!([{"name": "get_weather", "description": "d", "input_schema": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}])
}

#[tokio::test]
async fn answers_in_anthropics_shape_with_the_text_that_openai_gets() {
    let server = Server::start().await;
    let answer = ask(&server, &hello()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert!(
        answer.headers["request-id"]
            .to_str()
            .unwrap()
            .starts_with("req_01")
    );
    let body = answer.json();
    assert_eq!(
        names(&body),
        [
            "id",
            "type",
            "role",
            "model",
            "content",
            "stop_reason",
            "stop_sequence",
            "usage"
        ]
    );
    let text = "I am claude-sonnet-4-5, a mock model. You said: hello";
    assert_eq!(body["content"], json!([{"type": "text", "text": text}]));
    assert_eq!(body["stop_reason"], "end_turn");
    let openai = json!({"model": "claude-sonnet-4-5",
        "messages": [{"role": "user", "content": "hello"}]});
    let openai = server.post("/v1/chat/completions", &openai).await.json();
    assert_eq!(openai["choices"][0]["message"]["content"], text);
    assert_eq!(
        body["usage"]["input_tokens"],
        openai["usage"]["prompt_tokens"]
    );
    assert_eq!(
        body["usage"]["output_tokens"],
        openai["usage"]["completion_tokens"]
    );
}

#[tokio::test]
async fn says_why_it_stopped() {
    let server = Server::start().await;
    let cut = ask(&server, &with(hello(), "max_tokens", json!(3)))
        .await
        .json();
    assert_eq!(cut["stop_reason"], "max_tokens");
    assert_eq!(cut["usage"]["output_tokens"], 3);
    let stopped = ask(
        &server,
        &with(hello(), "stop_sequences", json!(["You said", "zzz"])),
    )
    .await
    .json();
    assert_eq!(stopped["stop_reason"], "stop_sequence");
    assert_eq!(stopped["stop_sequence"], "You said");
    assert!(
        !stopped["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains("You said")
    );
}

#[tokio::test]
async fn calls_a_tool_and_answers_its_result() {
    let server = Server::start().await;
    let body = with(hello(), "tools", weather());
    assert_eq!(ask(&server, &body).await.json()["stop_reason"], "end_turn");
    let forced = with(body, "tool_choice", json!({"type": "any"}));
    let answer = ask(&server, &forced).await.json();
    assert_eq!(answer["stop_reason"], "tool_use");
    let call = answer["content"][0].clone();
    assert_eq!(call["name"], "get_weather");
    assert_eq!(call["input"], json!({"city": "mock city"}));
    let id = call["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("toolu_01"));
    let result = json!({"type": "tool_result", "tool_use_id": id,
        "content": [{"type": "text", "text": "sunny"}]});
    let messages = json!([
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]}
    ]);
    let answer = ask(&server, &with(forced, "messages", messages))
        .await
        .json();
    assert_eq!(
        answer["content"][0]["text"],
        "I am claude-sonnet-4-5, a mock model. The tool returned: sunny"
    );
}

#[tokio::test]
async fn thinks_when_asked_and_knows_its_thoughts_again() {
    let server = Server::start().await;
    let thinking = json!({"type": "enabled", "budget_tokens": 1024});
    let body = with(
        with(hello(), "thinking", thinking),
        "max_tokens",
        json!(2000),
    );
    let answer = ask(&server, &body).await.json();
    let thought = answer["content"][0].clone();
    assert_eq!(names(&thought), ["type", "thinking", "signature"]);
    assert_eq!(answer["content"][1]["type"], "text");
    let plain = ask(&server, &hello()).await.json();
    assert!(answer["usage"]["output_tokens"].as_u64() > plain["usage"]["output_tokens"].as_u64());
    let mut next = body;
    next["messages"] = json!([
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": answer["content"]},
        {"role": "user", "content": "again"}
    ]);
    assert_eq!(ask(&server, &next).await.status, StatusCode::OK);
    next["messages"][1]["content"][0]["signature"] = json!("bm90IG1pbmU=");
    let refused = ask(&server, &next).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        refused.json()["error"]["message"],
        "messages.1.content.0: Invalid `signature` in `thinking` block"
    );
}

#[tokio::test]
async fn caches_what_is_marked_and_only_that() {
    let server = Server::start().await;
    let long = "tokens in a row ".repeat(600);
    let of = |mark: bool| {
        let mut block = json!({"type": "text", "text": long});
        if mark {
            block["cache_control"] = json!({"type": "ephemeral"});
        }
        with(hello(), "system", json!([block]))
    };
    let usage = |answer: Answer| {
        let usage = answer.json()["usage"].clone();
        let tokens = |name: &str| usage[name].as_u64().unwrap();
        (
            tokens("input_tokens"),
            tokens("cache_creation_input_tokens"),
            tokens("cache_read_input_tokens"),
        )
    };
    let (all, written, read) = usage(ask(&server, &of(false)).await);
    assert_eq!((written, read), (0, 0));
    let (rest, written, read) = usage(ask(&server, &of(true)).await);
    assert!(written >= 1024 && read == 0);
    assert_eq!(rest + written, all);
    let again = usage(ask(&server, &of(true)).await);
    assert_eq!(again, (rest, 0, written));
}

#[tokio::test]
async fn counts_tokens_as_it_bills_them() {
    let server = Server::start().await;
    let mut body = with(
        with(hello(), "system", json!("be kind")),
        "tools",
        weather(),
    );
    let billed = ask(&server, &body).await.json()["usage"]["input_tokens"].clone();
    let path = "/v1/messages/count_tokens";
    let refused = server.post_with(path, &[VERSION], &body).await;
    assert_eq!(
        refused.json()["error"]["message"],
        "max_tokens: Extra inputs are not permitted"
    );
    body.as_object_mut().unwrap().remove("max_tokens");
    let counted = server.post_with(path, &[VERSION], &body).await.json();
    assert_eq!(counted, json!({"input_tokens": billed}));
}

#[tokio::test]
async fn lists_models_in_the_dialect_of_the_asker() {
    let server = Server::with(Settings {
        models: vec!["claude-a".to_owned(), "claude-b".to_owned()],
        ..Settings::default()
    })
    .await;
    let get = |path: &'static str| {
        let request = server.request(Method::GET, path, &[VERSION], "");
        async { Answer::read(server.send(request).await.unwrap()).await }
    };
    let list = get("/v1/models").await.json();
    assert_eq!(names(&list), ["data", "has_more", "first_id", "last_id"]);
    assert_eq!(list["data"][0]["type"], "model");
    assert_eq!(get("/v1/models/claude-b").await.json()["id"], "claude-b");
    let unknown = get("/v1/models/x").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(unknown.json()["error"]["type"], "not_found_error");
    let openai = server.call(Method::GET, "/v1/models").await.json();
    assert_eq!(openai["object"], "list");
}

#[tokio::test]
async fn demands_key_and_version() {
    let server = Server::with(Settings {
        require_key: KeyCheck::Required,
        ..Settings::default()
    })
    .await;
    for (headers, status, kind) in [
        (vec![VERSION], 401, "authentication_error"),
        (
            vec![VERSION, ("x-api-key", " ")],
            401,
            "authentication_error",
        ),
        (vec![("x-api-key", "k")], 400, "invalid_request_error"),
        (
            vec![("anthropic-version", "2020"), ("x-api-key", "k")],
            400,
            "invalid_request_error",
        ),
        (vec![VERSION, ("x-api-key", "k")], 200, ""),
        (vec![VERSION, ("authorization", "Bearer k")], 200, ""),
    ] {
        let answer = server.post_with(PATH, &headers, &hello()).await;
        assert_eq!(answer.status.as_u16(), status, "{headers:?}");
        if status != 200 {
            let body = answer.json();
            assert_eq!(names(&body), ["type", "error", "request_id"]);
            assert_eq!(body["type"], "error");
            assert_eq!(body["error"]["type"], kind);
            assert_eq!(
                body["request_id"],
                answer.headers["request-id"].to_str().unwrap()
            );
        }
    }
    let seen = server.provider.requests().pop().unwrap();
    assert_eq!(
        seen.credentials.keys().collect::<Vec<_>>(),
        ["authorization"]
    );
    assert_eq!(
        Some(&seen.credentials["authorization"]),
        seen.authorization_sha.as_ref()
    );
}

#[tokio::test]
async fn serves_vertex_paths() {
    let server = Server::start().await;
    let path = |verb: &str| {
        format!("/v1/projects/p/locations/l/publishers/anthropic/models/claude-x@20250101:{verb}")
    };
    let mut body = with(hello(), "anthropic_version", json!("vertex-2023-10-16"));
    let refused = server.post(&path("rawPredict"), &body).await;
    assert_eq!(
        refused.json()["error"]["message"],
        "model: Extra inputs are not permitted"
    );
    body.as_object_mut().unwrap().remove("model");
    let answer = server.post(&path("rawPredict"), &body).await.json();
    assert_eq!(answer["model"], "claude-x@20250101");
    let answer = server
        .post(
            &path("streamRawPredict"),
            &with(body.clone(), "stream", json!(true)),
        )
        .await;
    assert!(
        answer
            .text()
            .ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
    );
    let model = server.provider.requests().pop().unwrap().model;
    assert_eq!(model.as_deref(), Some("claude-x@20250101"));
    body.as_object_mut().unwrap().remove("anthropic_version");
    let refused = server.post(&path("rawPredict"), &body).await;
    assert_eq!(
        refused.json()["error"]["message"],
        "anthropic_version: Field required"
    );
}
