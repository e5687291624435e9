//! What the API refuses, in its words.

use http::StatusCode;
use serde_json::{Value, json};

use super::{ask, hello, weather, with};
use crate::server::Server;

async fn refuses(cases: &[(Value, &str)]) {
    let server = Server::start().await;
    for (body, message) in cases {
        let answer = ask(&server, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        let error = answer.json()["error"].clone();
        assert_eq!(error["type"], "invalid_request_error");
        let said = error["message"].as_str().unwrap();
        assert!(said.starts_with(message), "{body}\n{said}\n{message}");
    }
}

fn messages(messages: Value) -> Value {
    with(hello(), "messages", messages)
}

fn without(name: &str) -> Value {
    let mut body = hello();
    body.as_object_mut().unwrap().remove(name);
    body
}

#[tokio::test]
async fn fields_that_are_missing_strange_or_wrong() {
    let user = |block: Value| messages(json!([{"role": "user", "content": [block]}]));
    refuses(&[
        (without("max_tokens"), "max_tokens: Field required"),
        (without("model"), "model: Field required"),
        (without("messages"), "messages: Field required"),
        (with(hello(), "n", json!(1)), "n: Extra inputs are not permitted"),
        (
            with(hello(), "max_tokens", json!("9")),
            "max_tokens: Input should be a valid integer",
        ),
        (
            with(hello(), "max_tokens", json!(0)),
            "max_tokens: Input should be greater than or equal to 1",
        ),
        (with(hello(), "temperature", json!(1.5)), "temperature: range: 0..1"),
        (
            with(hello(), "system", json!([{"type": "text"}])),
            "system.0.text.text: Field required",
        ),
        (
            user(json!({"type": "text", "text": "x", "name": "y"})),
            "messages.0.content.0.text.name: Extra inputs are not permitted",
        ),
        (
            user(json!({"type": "image_url", "image_url": {"url": "data:,"}})),
            "messages.0.content.0: Input tag 'image_url' found using 'type' does not match any of the expected tags: 'text', 'image', ",
        ),
        (
            user(json!({"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": "AA=="}})),
            "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'",
        ),
        (
            user(json!({"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "2h"}})),
            "messages.0.content.0.text.cache_control.ephemeral.ttl: Input should be '5m' or '1h'",
        ),
        (
            with(hello(), "messages", json!([{"role": "user", "content": "x", "name": "bob"}])),
            "messages.0.name: Extra inputs are not permitted",
        ),
    ])
    .await;
}

#[tokio::test]
async fn messages_that_do_not_follow_each_other() {
    let call = json!({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}});
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "x"});
    let after = |content: Value| {
        messages(json!([
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": content}
        ]))
    };
    let open = "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.";
    refuses(&[
        (messages(json!([])), "messages: at least one message is required"),
        (
            messages(json!([{"role": "system", "content": "x"}])),
            "messages: Unexpected role \"system\".",
        ),
        (
            messages(json!([{"role": "assistant", "content": "x"}])),
            "messages: first message must use the \"user\" role",
        ),
        (
            messages(json!([{"role": "user", "content": ""}])),
            "messages.0: all messages must have non-empty content",
        ),
        (
            messages(json!([{"role": "user", "content": [{"type": "text", "text": ""}]}])),
            "messages: text content blocks must be non-empty",
        ),
        (
            messages(json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": "y "}])),
            "messages: final assistant content cannot end with trailing whitespace",
        ),
        (
            messages(json!([{"role": "user", "content": [result("toolu_9")]}])),
            "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_9.",
        ),
        (after(json!("no result")), open),
        (after(json!([{"type": "text", "text": "first"}, result("toolu_1")])), open),
        (
            after(json!([result("toolu_1"), result("toolu_1")])),
            "messages.2.content.1: each tool_use must have a single result.",
        ),
        (
            messages(json!([{"role": "user", "content": [call]}])),
            "messages.0: `tool_use` blocks can only be in `assistant` messages",
        ),
    ])
    .await;
}

#[tokio::test]
async fn tools_and_thoughts_that_do_not_fit() {
    let thinking = |budget: u64| {
        let body = with(hello(), "max_tokens", json!(2048));
        with(
            body,
            "thinking",
            json!({"type": "enabled", "budget_tokens": budget}),
        )
    };
    let tool = |tool: Value| with(hello(), "tools", json!([tool]));
    refuses(&[
        (
            tool(json!({"name": "f"})),
            "tools.0.custom.input_schema: Field required",
        ),
        (
            tool(json!({"name": "f g", "input_schema": {"type": "object"}})),
            "tools.0.custom.name: String should match pattern",
        ),
        (
            tool(json!({"type": "function", "function": {"name": "f"}})),
            "tools.0: Input tag 'function' found using 'type' does not match",
        ),
        (
            with(hello(), "tool_choice", json!({"type": "auto"})),
            "tool_choice may only be specified while providing tools",
        ),
        (
            with(with(hello(), "tools", weather()), "tool_choice", json!({"type": "tool", "name": "g"})),
            "Tool 'g' not found in provided tools",
        ),
        (
            thinking(1000),
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
        ),
        (thinking(2048), "`max_tokens` must be greater than `thinking.budget_tokens`"),
        (
            with(thinking(1024), "temperature", json!(0.5)),
            "`temperature` may only be set to 1 when thinking is enabled",
        ),
        (
            with(
                with(thinking(1024), "tools", weather()),
                "tool_choice",
                json!({"type": "any"}),
            ),
            "Thinking may not be enabled when tool_choice forces tool use.",
        ),
        (
            with(
                thinking(1024),
                "messages",
                json!([
                    {"role": "user", "content": "hi"},
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}
                ]),
            ),
            "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`.",
        ),
    ])
    .await;
}

#[tokio::test]
async fn takes_what_the_api_takes() {
    let server = Server::start().await;
    let blocks = json!([
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        {"type": "document", "title": "t", "source": {"type": "text", "media_type": "text/plain", "data": "d"}}
    ]);
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {}});
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "is_error": false});
    for body in [
        messages(json!([{"role": "user", "content": blocks}])),
        messages(json!([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}])),
        // Results of one turn may come in messages of their own, which are merged.
        messages(json!([
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": [call("t1"), call("t2")]},
            {"role": "user", "content": [result("t1")]},
            {"role": "user", "content": [result("t2")]}
        ])),
        messages(json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "so"}])),
        with(hello(), "metadata", json!({"user_id": "u"})),
        with(
            hello(),
            "tools",
            json!([{"type": "web_search_20250305", "name": "web_search"}]),
        ),
    ] {
        let answer = ask(&server, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{body}\n{}", answer.text());
    }
}
