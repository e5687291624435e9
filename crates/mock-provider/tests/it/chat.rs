use http::StatusCode;
use serde_json::{Value, json};

use crate::server::{Answer, End, Server, names};

const PATH: &str = "/v1/chat/completions";

fn hello(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hello"}]})
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

/// The text of a stream's choice.
fn streamed(answer: &Answer, choice: usize) -> String {
    answer
        .events()
        .iter()
        .flat_map(|event| event["choices"].as_array().cloned().unwrap_or_default())
        .filter(|part| part["index"] == choice)
        .filter_map(|part| part["delta"]["content"].as_str().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn answers_in_openais_shape_and_names_the_model() {
    let server = Server::start().await;
    let answer = server.post(PATH, &hello("gpt-4o")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert!(
        answer.headers["x-request-id"]
            .to_str()
            .unwrap()
            .starts_with("req_")
    );
    assert!(answer.headers.contains_key("openai-processing-ms"));
    let body = answer.json();
    assert_eq!(
        names(&body),
        [
            "id",
            "object",
            "created",
            "model",
            "choices",
            "usage",
            "service_tier",
            "system_fingerprint"
        ]
    );
    assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["model"], "gpt-4o");
    let choice = &body["choices"][0];
    assert_eq!(
        names(choice),
        ["index", "message", "logprobs", "finish_reason"]
    );
    assert_eq!(
        names(&choice["message"]),
        ["role", "content", "refusal", "annotations"]
    );
    assert_eq!(
        choice["message"]["content"],
        "I am gpt-4o, a mock model. You said: hello"
    );
    assert_eq!(choice["finish_reason"], "stop");
    // One message of one token: 3 + 1 for the role + 1, and 3 before the answer.
    assert_eq!(body["usage"]["prompt_tokens"], 8);
    assert_eq!(body["usage"]["completion_tokens"], 16);
    assert_eq!(body["usage"]["total_tokens"], 24);
    assert_eq!(body["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
    assert_eq!(
        body["usage"]["completion_tokens_details"]["reasoning_tokens"],
        0
    );
}

#[tokio::test]
async fn streams_what_it_answers_whole() {
    let server = Server::start().await;
    for n in [1, 3] {
        let body = with(hello("gpt-4o"), "n", json!(n));
        let whole = server.post(PATH, &body).await.json();
        let body = with(body, "stream", json!(true));
        let body = with(body, "stream_options", json!({"include_usage": true}));
        let answer = server.post(PATH, &body).await;
        assert_eq!(
            answer.headers["content-type"],
            "text/event-stream; charset=utf-8"
        );
        assert_eq!(answer.end, End::Clean);
        for index in 0..n {
            assert_eq!(
                streamed(&answer, index),
                whole["choices"][index]["message"]["content"]
            );
        }
        let mut events = answer.events();
        assert_eq!(events.pop().unwrap(), "[DONE]");
        let last = events.pop().unwrap();
        assert_eq!(last["usage"], whole["usage"]);
        assert_eq!(last["choices"], json!([]));
        assert_eq!(
            events[0]["choices"][0]["delta"],
            json!({"role": "assistant", "content": "", "refusal": null})
        );
        assert!(events.iter().all(|event| event["usage"].is_null()
            && event.get("usage").is_some()
            && event["id"] == last["id"]
            && event["object"] == "chat.completion.chunk"));
        let ends = events
            .iter()
            .filter(|event| event["choices"][0]["finish_reason"] == "stop");
        assert_eq!(ends.count(), n);
    }
}

#[tokio::test]
async fn a_stream_without_usage_has_no_such_field() {
    let server = Server::start().await;
    let answer = server
        .post(PATH, &with(hello("gpt-4o"), "stream", json!(true)))
        .await;
    assert!(
        answer
            .events()
            .iter()
            .all(|event| event.get("usage").is_none())
    );
}

#[tokio::test]
async fn stops_at_the_token_limit() {
    let server = Server::start().await;
    for name in ["max_tokens", "max_completion_tokens"] {
        let body = server
            .post(PATH, &with(hello("gpt-4o"), name, json!(3)))
            .await
            .json();
        assert_eq!(body["choices"][0]["finish_reason"], "length", "{name}");
        assert_eq!(body["usage"]["completion_tokens"], 3);
    }
}

#[tokio::test]
async fn counts_reasoning_and_cached_tokens() {
    let server = Server::start().await;
    let body = with(hello("gpt-5"), "reasoning_effort", json!("low"));
    let usage = server.post(PATH, &body).await.json()["usage"].clone();
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 64);
    let long = "tokens in a row ".repeat(600);
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": long}]});
    let cached = |answer: Answer| {
        let body = answer.json();
        let details = &body["usage"]["prompt_tokens_details"];
        let tokens = |name: &str| details[name].as_u64().unwrap();
        (tokens("cached_tokens"), tokens("cache_write_tokens"))
    };
    let (read, written) = cached(server.post(PATH, &body).await);
    assert!(
        read == 0 && written >= 1024 && written % 128 == 0,
        "{read} {written}"
    );
    assert_eq!(cached(server.post(PATH, &body).await), (written, 0));
}

#[tokio::test]
async fn writes_json_in_the_form_asked_for() {
    let server = Server::start().await;
    let content = |answer: Answer| -> Value {
        let answer = answer.json();
        let content = answer["choices"][0]["message"]["content"].as_str().unwrap();
        serde_json::from_str(content).unwrap()
    };
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "json please"}],
        "response_format": {"type": "json_object"}});
    assert_eq!(
        content(server.post(PATH, &body).await)["you_said"],
        "json please"
    );
    let schema = json!({"type": "object", "properties": {"age": {"type": "integer"}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "p", "schema": schema}});
    let body = with(hello("gpt-4o"), "response_format", format);
    assert_eq!(content(server.post(PATH, &body).await), json!({"age": 1}));
}

#[tokio::test]
async fn reads_content_parts() {
    let server = Server::start().await;
    let body = json!({"model": "gpt-4o", "messages": [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": [
            {"type": "text", "text": "what is this"},
            {"type": "image_url", "image_url": {"url": "data:,"}}
        ]}
    ]});
    let answer = server.post(PATH, &body).await.json();
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.ends_with("You said: what is this"), "{text}");
    assert!(answer["usage"]["prompt_tokens"].as_u64().unwrap() > 85);
}

async fn rejects(server: &Server, body: &Value, param: &Value, code: &Value, needle: &str) {
    let answer = server.post(PATH, body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    let error = &answer.json()["error"];
    assert_eq!(names(error), ["message", "type", "param", "code"]);
    assert_eq!((&error["param"], &error["code"]), (param, code), "{error}");
    assert_eq!(error["type"], "invalid_request_error");
    assert!(
        error["message"].as_str().unwrap().contains(needle),
        "{error}"
    );
}

#[tokio::test]
async fn rejects_messages_that_openai_rejects() {
    let server = Server::start().await;
    let tool_first = json!([{"role": "tool", "content": "x", "tool_call_id": "c"}]);
    for (body, param, code, needle) in [
        (
            json!({"messages": []}),
            json!(null),
            json!(null),
            "you must provide a model parameter",
        ),
        (
            with(hello(""), "model", json!("  ")),
            json!(null),
            json!(null),
            "model parameter",
        ),
        (
            with(hello(""), "model", json!(7)),
            json!("model"),
            json!("invalid_type"),
            "'model'",
        ),
        (
            json!({"model": "m"}),
            json!("messages"),
            json!("missing_required_parameter"),
            "Missing",
        ),
        (
            json!({"model": "m", "messages": []}),
            json!("messages"),
            json!("empty_array"),
            "empty",
        ),
        (
            json!({"model": "m", "messages": [{"role": "bot", "content": "x"}]}),
            json!("messages[0].role"),
            json!("invalid_value"),
            "'developer'",
        ),
        (
            json!({"model": "m", "messages": [{"role": "user"}]}),
            json!("messages[0].content"),
            json!("missing_required_parameter"),
            "content",
        ),
        (
            json!({"model": "m", "messages": tool_first}),
            json!("messages[0].role"),
            json!(null),
            "tool_calls",
        ),
    ] {
        rejects(&server, &body, &param, &code, needle).await;
    }
}

#[tokio::test]
async fn rejects_parameters_that_openai_rejects() {
    let server = Server::start().await;
    for (body, param, code, needle) in [
        (
            with(hello("m"), "n", json!(0)),
            json!("n"),
            json!("integer_below_min_value"),
            ">= 1",
        ),
        (
            with(hello("m"), "temperature", json!(9)),
            json!("temperature"),
            json!("decimal_above_max_value"),
            "<= 2",
        ),
        (
            with(hello("m"), "stream_options", json!({"include_usage": true})),
            json!("stream_options"),
            json!(null),
            "only allowed when 'stream'",
        ),
        (
            with(hello("m"), "tool_choice", json!("required")),
            json!("tool_choice"),
            json!("invalid_value"),
            "'tools'",
        ),
        (
            with(
                hello("m"),
                "response_format",
                json!({"type": "json_object"}),
            ),
            json!("messages"),
            json!(null),
            "word 'json'",
        ),
    ] {
        rejects(&server, &body, &param, &code, needle).await;
    }
}

#[tokio::test]
async fn equal_seeds_give_equal_answers() {
    let (a, b) = (Server::start().await, Server::start().await);
    let (mut a, mut b) = (
        a.post(PATH, &hello("m")).await.json(),
        b.post(PATH, &hello("m")).await.json(),
    );
    a["created"] = json!(0);
    b["created"] = json!(0);
    assert_eq!(a, b);
}
