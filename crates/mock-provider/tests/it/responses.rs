use http::StatusCode;
use serde_json::{Value, json};

use crate::server::{End, Server, names};

const PATH: &str = "/v1/responses";

#[tokio::test]
async fn answers_in_openais_shape() {
    let server = Server::start().await;
    let body = json!({"model": "gpt-4o", "input": "hello", "instructions": "be kind"});
    let body = server.post(PATH, &body).await.json();
    assert!(body["id"].as_str().unwrap().starts_with("resp_"));
    assert_eq!(names(&body)[..4], ["id", "object", "created_at", "status"]);
    assert_eq!(
        (&body["object"], &body["status"]),
        (&json!("response"), &json!("completed"))
    );
    assert_eq!(body["instructions"], "be kind");
    let item = &body["output"][0];
    assert_eq!(names(item), ["id", "type", "status", "content", "role"]);
    assert_eq!(
        item["content"][0]["text"],
        "I am gpt-4o, a mock model. You said: hello"
    );
    let usage = &body["usage"];
    assert_eq!(
        names(usage),
        [
            "input_tokens",
            "input_tokens_details",
            "output_tokens",
            "output_tokens_details",
            "total_tokens"
        ]
    );
    assert_eq!(usage["output_tokens"], 16);
}

#[tokio::test]
async fn streams_its_events_in_order() {
    let server = Server::start().await;
    let body = json!({"model": "gpt-4o", "stream": true, "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "hello"}]}
    ]});
    let answer = server.post(PATH, &body).await;
    assert_eq!(answer.end, End::Clean);
    let events = answer.events();
    let mut kinds: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed"
        ]
    );
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], index);
    }
    for (block, event) in answer.text().split_terminator("\n\n").zip(&events) {
        let name = block
            .lines()
            .next()
            .unwrap()
            .strip_prefix("event: ")
            .unwrap();
        assert_eq!(event["type"], name);
    }
    let text: String = events
        .iter()
        .filter(|event| event["type"] == "response.output_text.delta")
        .map(|event| event["delta"].as_str().unwrap())
        .collect();
    let done = &events[events.len() - 1]["response"];
    assert_eq!(done["output"][0]["content"][0]["text"], text);
    assert_eq!(done["usage"]["output_tokens"], 16);
    assert_eq!(events[0]["response"]["usage"], Value::Null);
    assert_eq!(events[0]["response"]["status"], "in_progress");
}

#[tokio::test]
async fn is_incomplete_at_the_token_limit() {
    let server = Server::start().await;
    let said = "word ".repeat(40);
    let body = json!({"model": "gpt-4o", "input": said, "max_output_tokens": 16});
    let answer = server.post(PATH, &body).await.json();
    assert_eq!(answer["status"], "incomplete");
    assert_eq!(answer["incomplete_details"]["reason"], "max_output_tokens");
    assert_eq!(answer["usage"]["output_tokens"], 16);
}

#[tokio::test]
async fn calls_functions_and_answers_their_output() {
    let server = Server::start().await;
    let tools = json!([{"type": "function", "name": "get_weather", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}}}}]);
    let choice = json!({"type": "function", "name": "get_weather"});
    let body = json!({"model": "gpt-4o", "input": "hi", "tools": tools, "tool_choice": choice});
    let item = server.post(PATH, &body).await.json()["output"][0].clone();
    assert_eq!(
        (&item["type"], &item["name"]),
        (&json!("function_call"), &json!("get_weather"))
    );
    assert_eq!(item["arguments"], r#"{"city":"mock city"}"#);
    let mut streamed = body.clone();
    streamed["stream"] = json!(true);
    let events = server.post(PATH, &streamed).await.events();
    let arguments: String = events
        .iter()
        .filter(|event| event["type"] == "response.function_call_arguments.delta")
        .map(|event| event["delta"].as_str().unwrap())
        .collect();
    assert_eq!(arguments, r#"{"city":"mock city"}"#);
    let mut follow = body;
    follow["input"] = json!([
        {"role": "user", "content": "hi"},
        {"type": "function_call", "call_id": "c", "name": "get_weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "sunny"}
    ]);
    let answer = server.post(PATH, &follow).await.json();
    let text = answer["output"][0]["content"][0]["text"].as_str().unwrap();
    assert!(text.ends_with("The tool returned: sunny"), "{text}");
}

#[tokio::test]
async fn writes_json_for_a_schema() {
    let server = Server::start().await;
    let schema = json!({"type": "object", "properties": {"ok": {"type": "boolean"}}});
    let format = json!({"type": "json_schema", "name": "s", "schema": schema});
    let body = json!({"model": "gpt-4o", "input": "x", "text": {"format": format}});
    let answer = server.post(PATH, &body).await.json();
    assert_eq!(answer["output"][0]["content"][0]["text"], r#"{"ok":true}"#);
    assert_eq!(answer["text"]["verbosity"], "medium");
}

#[tokio::test]
async fn rejects_missing_parameters() {
    let server = Server::start().await;
    for (body, param) in [
        (json!({"input": "x"}), "model"),
        (json!({"model": "m"}), "input"),
    ] {
        let answer = server.post(PATH, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.json()["error"]["param"], param);
        assert_eq!(answer.json()["error"]["code"], "missing_required_parameter");
    }
}
