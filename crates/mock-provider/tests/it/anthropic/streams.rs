//! Streams, and faults in Anthropic's form.

use http::StatusCode;
use serde_json::{Value, json};

use super::{PATH, ask, hello, weather, with};
use crate::server::{Answer, End, Server};

fn streamed(body: Value) -> Value {
    with(body, "stream", json!(true))
}

async fn faulty(server: &Server, fault: &str, body: &Value) -> Answer {
    let headers = [("anthropic-version", "2023-06-01"), ("x-mock-fault", fault)];
    server.post_with(PATH, &headers, body).await
}

/// The names after `event:`, each told once in a row.
fn events(answer: &Answer) -> Vec<String> {
    let mut names: Vec<String> = answer
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("event: ").map(str::to_owned))
        .collect();
    names.dedup();
    names
}

fn deltas(answer: &Answer, field: &str) -> String {
    answer
        .events()
        .iter()
        .filter_map(|event| event["delta"][field].as_str().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn streams_what_it_answers_whole() {
    let server = Server::start().await;
    let whole = ask(&server, &hello()).await.json();
    let answer = ask(&server, &streamed(hello())).await;
    assert_eq!(
        answer.headers["content-type"],
        "text/event-stream; charset=utf-8"
    );
    assert_eq!(
        events(&answer),
        [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    let events = answer.events();
    for (event, line) in events.iter().zip(answer.text().split("\n\n")) {
        let name = line.lines().next().unwrap();
        assert_eq!(name, format!("event: {}", event["type"].as_str().unwrap()));
    }
    assert_eq!(deltas(&answer, "text"), whole["content"][0]["text"]);
    let start = &events[0]["message"];
    assert_eq!(start["content"], json!([]));
    assert_eq!(
        start["usage"]["input_tokens"],
        whole["usage"]["input_tokens"]
    );
    let end = &events[events.len() - 2];
    assert_eq!(
        end["delta"],
        json!({"stop_reason": "end_turn", "stop_sequence": null})
    );
    assert_eq!(
        end["usage"]["output_tokens"],
        whole["usage"]["output_tokens"]
    );
}

#[tokio::test]
async fn streams_thoughts_and_arguments() {
    let server = Server::start().await;
    let mut body = with(streamed(hello()), "max_tokens", json!(2000));
    body["thinking"] = json!({"type": "enabled", "budget_tokens": 1024});
    body["tools"] = weather();
    body["messages"][0]["content"] = json!("use get_weather");
    let answer = ask(&server, &body).await;
    assert!(!deltas(&answer, "thinking").is_empty());
    assert!(!deltas(&answer, "signature").is_empty());
    let arguments: Value = serde_json::from_str(&deltas(&answer, "partial_json")).unwrap();
    assert_eq!(arguments, json!({"city": "mock city"}));
    let starts: Vec<Value> = answer
        .events()
        .into_iter()
        .filter(|event| event["type"] == "content_block_start")
        .collect();
    assert_eq!(starts[0]["content_block"]["type"], "thinking");
    assert_eq!(starts[1]["index"], 1);
    assert_eq!(starts[1]["content_block"]["input"], json!({}));
}

#[tokio::test]
async fn breaks_on_demand_in_its_own_form() {
    let server = Server::start().await;
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (529, "overloaded_error"),
    ] {
        let fault = format!("status={status};retry-after=2");
        let answer = faulty(&server, &fault, &streamed(hello())).await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.headers["retry-after"], "2");
        assert_eq!(answer.json()["error"]["type"], kind);
    }
    for count in [0, 4] {
        let fault = format!("error-in-200={count}");
        let answer = faulty(&server, &fault, &streamed(hello())).await;
        assert_eq!((answer.status, answer.end), (StatusCode::OK, End::Clean));
        assert_eq!(answer.events().len(), count + 1);
        assert!(
            answer
                .text()
                .contains("event: error\ndata: {\"type\":\"error\"")
        );
        assert_eq!(answer.events()[count]["error"]["type"], "api_error");
    }
    let whole = faulty(&server, "error-in-200", &hello()).await;
    assert_eq!(whole.json()["type"], "error");
    let cut = faulty(&server, "cut-after=5", &streamed(hello())).await;
    assert_eq!((cut.end, cut.events().len()), (End::Broken, 5));
    let empty = faulty(&server, "empty-stream", &streamed(hello())).await;
    assert_eq!(
        events(&empty),
        ["message_start", "content_block_start", "ping"]
    );
    let ended = faulty(&server, "end-after=4", &streamed(hello())).await;
    assert_eq!((ended.end, ended.events().len()), (End::Clean, 4));
    let garbage = faulty(&server, "garbage", &hello()).await;
    assert!(serde_json::from_slice::<Value>(&garbage.body).is_err());
}

#[tokio::test]
async fn a_model_is_armed_whatever_the_dialect() {
    let server = Server::start().await;
    server
        .arm("claude-sonnet-4-5", &json!({"status": 529, "times": 1}))
        .await;
    assert_eq!(ask(&server, &hello()).await.status.as_u16(), 529);
    assert_eq!(ask(&server, &hello()).await.status.as_u16(), 200);
}
