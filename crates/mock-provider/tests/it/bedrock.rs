//! Bedrock's Converse API.

mod signed;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use crate::server::{Answer, End, Server};

const MODEL: &str = "anthropic.claude-x-v1:0";

pub(super) fn path(verb: &str) -> String {
    format!("/model/anthropic.claude-x-v1%3A0/{verb}")
}

pub(super) fn hello() -> Value {
    json!({"messages": [{"role": "user", "content": [{"text": "hello"}]}]})
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

fn weather() -> Value {
    json!({"tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": {
        "type": "object", "properties": {"city": {"type": "string"}}}}}}]})
}

/// A message of an event stream: its headers and its payload.
struct Message {
    headers: Vec<(String, String)>,
    payload: Value,
}

impl Message {
    fn name(&self) -> &str {
        let named = |name: &str| self.headers.iter().find(|(given, _)| given == name);
        let found = named(":event-type").or_else(|| named(":exception-type"));
        &found.unwrap().1
    }
}

/// Takes a stream apart by the lengths in it.
fn messages(mut bytes: Bytes) -> Vec<Message> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let (total, head) = (number(0), number(4));
        let message = bytes.split_to(total);
        let mut rest = &message[12..12 + head];
        let mut headers = Vec::new();
        let take = |rest: &mut &[u8], count: usize| {
            let (taken, left) = rest.split_at(count);
            *rest = left;
            taken.to_vec()
        };
        while !rest.is_empty() {
            let length = take(&mut rest, 1)[0];
            let name = String::from_utf8(take(&mut rest, usize::from(length))).unwrap();
            assert_eq!(take(&mut rest, 1), [7], "a string");
            let length = take(&mut rest, 2);
            let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
            headers.push((name, String::from_utf8(take(&mut rest, length)).unwrap()));
        }
        let payload = serde_json::from_slice(&message[12 + head..total - 4]).unwrap();
        messages.push(Message { headers, payload });
    }
    messages
}

async fn faulty(server: &Server, fault: &str) -> Answer {
    server
        .post_with(
            &path("converse-stream"),
            &[("x-mock-fault", fault)],
            &hello(),
        )
        .await
}

#[tokio::test]
async fn answers_in_bedrocks_shape_with_the_text_that_openai_gets() {
    let server = Server::start().await;
    let answer = server.post(&path("converse"), &hello()).await;
    assert!(answer.headers.contains_key("x-amzn-requestid"));
    let body = answer.json();
    let text = format!("I am {MODEL}, a mock model. You said: hello");
    assert_eq!(
        body["output"],
        json!({"message": {"content": [{"text": text}], "role": "assistant"}})
    );
    assert_eq!(body["stopReason"], "end_turn");
    let openai = json!({"model": MODEL, "messages": [{"role": "user", "content": "hello"}]});
    let openai = server.post("/v1/chat/completions", &openai).await.json();
    assert_eq!(openai["choices"][0]["message"]["content"], text);
    assert_eq!(
        body["usage"]["inputTokens"],
        openai["usage"]["prompt_tokens"]
    );
    assert_eq!(
        body["usage"]["outputTokens"],
        openai["usage"]["completion_tokens"]
    );
    assert_eq!(
        body["usage"]["totalTokens"],
        openai["usage"]["total_tokens"]
    );
    let counted = json!({"input": {"converse": hello()}});
    let counted = server.post(&path("count-tokens"), &counted).await.json();
    assert_eq!(counted["inputTokens"], body["usage"]["inputTokens"]);
    let record = server.provider.requests().pop().unwrap();
    assert_eq!(record.model.as_deref(), Some(MODEL));
}

#[tokio::test]
async fn streams_what_it_answers_whole() {
    let server = Server::start().await;
    let whole = server.post(&path("converse"), &hello()).await.json();
    let answer = server.post(&path("converse-stream"), &hello()).await;
    assert_eq!(
        answer.headers["content-type"],
        "application/vnd.amazon.eventstream"
    );
    let messages = messages(answer.body);
    let mut names: Vec<&str> = messages.iter().map(Message::name).collect();
    names.dedup();
    assert_eq!(
        names,
        [
            "messageStart",
            "contentBlockDelta",
            "contentBlockStop",
            "messageStop",
            "metadata"
        ]
    );
    let said: String = messages
        .iter()
        .filter_map(|message| message.payload["delta"]["text"].as_str())
        .collect();
    assert_eq!(said, whole["output"]["message"]["content"][0]["text"]);
    assert_eq!(messages.last().unwrap().payload["usage"], whole["usage"]);
    let kind = (":message-type".to_owned(), "event".to_owned());
    assert!(
        messages
            .iter()
            .all(|message| message.headers.contains(&kind))
    );
}

#[tokio::test]
async fn calls_a_tool_thinks_and_answers_the_result() {
    let server = Server::start().await;
    let mut body = with(hello(), "toolConfig", weather());
    body["toolConfig"]["toolChoice"] = json!({"any": {}});
    body["additionalModelRequestFields"] =
        json!({"thinking": {"type": "enabled", "budget_tokens": 1024}});
    let answer = server.post(&path("converse"), &body).await.json();
    assert_eq!(answer["stopReason"], "tool_use");
    let content = answer["output"]["message"]["content"].clone();
    assert!(content[0]["reasoningContent"]["reasoningText"]["text"].is_string());
    let call = &content[1]["toolUse"];
    assert_eq!(call["input"], json!({"city": "mock city"}));
    let streamed = messages(server.post(&path("converse-stream"), &body).await.body);
    let start = streamed
        .iter()
        .find(|m| m.name() == "contentBlockStart")
        .unwrap();
    assert_eq!(start.payload["start"]["toolUse"]["name"], "get_weather");
    let input: String = streamed
        .iter()
        .filter_map(|message| message.payload["delta"]["toolUse"]["input"].as_str())
        .collect();
    assert_eq!(
        serde_json::from_str::<Value>(&input).unwrap(),
        call["input"]
    );
    let result =
        json!({"toolResult": {"toolUseId": call["toolUseId"], "content": [{"text": "sunny"}]}});
    body["messages"] = json!([
        {"role": "user", "content": [{"text": "hello"}]},
        {"role": "assistant", "content": content},
        {"role": "user", "content": [result]}
    ]);
    let answer = server.post(&path("converse"), &body).await.json();
    assert_eq!(
        answer["output"]["message"]["content"][1]["text"],
        format!("I am {MODEL}, a mock model. The tool returned: sunny")
    );
    body.as_object_mut().unwrap().remove("toolConfig");
    let refused = server.post(&path("converse"), &body).await;
    assert!(refused.text().contains("toolConfig field must be defined"));
}

#[tokio::test]
async fn refuses_in_its_words() {
    let server = Server::start().await;
    let user = json!({"role": "user", "content": [{"text": "x"}]});
    let asks = |messages: Value| with(hello(), "messages", messages);
    for (body, message) in [
        (
            asks(json!([])),
            "A conversation must start with a user message.",
        ),
        (
            asks(json!([user, user])),
            "A conversation must alternate between user and assistant roles.",
        ),
        (
            asks(json!([{"role": "user", "content": [{"text": " "}]}])),
            "The text field in the ContentBlock object at messages.0.content.0 is blank.",
        ),
        (
            asks(json!([{"role": "user", "content": []}])),
            "The content field in the Message object at messages.0 is empty.",
        ),
        (
            asks(
                json!([{"role": "user", "content": [{"text": "x", "cachePoint": {"type": "default"}}]}]),
            ),
            "Invalid number of members set in the union at messages.1.member.content.1.member.",
        ),
        (
            asks(
                json!([user, {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}]}, user]),
            ),
            "Expected toolResult blocks at messages.2.content for the following Ids: t",
        ),
        (
            with(hello(), "inferenceConfig", json!({"temperature": 1.5})),
            "1 validation error detected: Value at 'inferenceConfig.temperature' failed to satisfy constraint: Member must have value less than or equal to 1",
        ),
        (
            with(hello(), "max_tokens", json!(5)),
            "The field max_tokens is not a member",
        ),
        (
            with(hello(), "toolConfig", json!({})),
            "1 validation error detected: Value at 'toolConfig.tools'",
        ),
    ] {
        let answer = server.post(&path("converse"), &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer.headers["x-amzn-errortype"], "ValidationException");
        let said = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(said.starts_with(message), "{body}\n{said}");
    }
}

#[tokio::test]
async fn breaks_on_demand_in_its_own_form() {
    let server = Server::start().await;
    for (status, kind) in [
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
        (424, "ModelErrorException"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
        (503, "ServiceUnavailableException"),
    ] {
        let answer = faulty(&server, &format!("status={status}")).await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.headers["x-amzn-errortype"], kind);
        assert!(answer.json()["message"].is_string());
    }
    for count in [0, 3] {
        let answer = faulty(&server, &format!("error-in-200={count}")).await;
        assert_eq!((answer.status, answer.end), (StatusCode::OK, End::Clean));
        let messages = messages(answer.body);
        assert_eq!(messages.len(), count + 1);
        assert_eq!(messages[count].name(), "internalServerException");
        assert_eq!(messages[count].headers[2].1, "exception");
    }
    let cut = faulty(&server, "cut-after=3").await;
    assert_eq!((cut.end, messages(cut.body).len()), (End::Broken, 3));
    let empty = faulty(&server, "empty-stream").await;
    assert_eq!(messages(empty.body).len(), 1);
    let ended = faulty(&server, "end-after=2").await;
    assert_eq!((ended.end, messages(ended.body).len()), (End::Clean, 2));
    assert!(
        faulty(&server, "garbage")
            .await
            .body
            .starts_with(b"\x00\xff")
    );
}
