//! Exchanges with providers that have an API of their own, whole and as streams.
//!
//! `UPDATE_GOLDEN=1 cargo test -p agw-ai --test native` writes the expectations anew; read the
//! difference.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "kept/cases.rs"]
mod cases;

use agw_ai::aws_stream::{Message, frame};
use agw_ai::format::{Format, Stamp};
use agw_ai::stream::Piece;
use agw_ai::translate::{Call, Exchange};
use bytes::Bytes;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const FOLDERS: [&str; 3] = ["bedrock", "gemini", "vertex"];

/// A request and what may come back for it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    client: String,
    provider: String,
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    request: Value,
    #[serde(default)]
    asked: Value,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    answers: Vec<Answer>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    streams: Vec<Stream>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    response: Value,
    #[serde(default)]
    expected: Value,
}

/// Events as a provider sends them, and as the client gets them. Those of an AWS stream have their
/// type as the name of their only member.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stream {
    events: Vec<Value>,
    #[serde(default)]
    expected: Vec<Value>,
    #[serde(default)]
    ending: String,
    #[serde(default)]
    usage: Value,
}

fn format(word: &str) -> Format {
    Format::of(word).unwrap()
}

fn stamp() -> Stamp {
    Stamp {
        id: "s1".to_owned(),
        created: 1_700_000_000,
    }
}

#[test]
fn exchanges_are_translated_as_kept() {
    cases::run_all(&FOLDERS, 12, run);
}

fn run(case: &mut Case) {
    let exchange = Exchange::new(format(&case.client), format(&case.provider));
    let body = serde_json::to_vec(&case.request).unwrap();
    let model = case.model.as_deref();
    let translated = match exchange.request(&body, &case.path, model, stamp()) {
        Ok(translated) => translated,
        Err(error) => {
            case.asked = json!({"error": error.to_string()});
            return;
        }
    };
    let sent: Value = serde_json::from_slice(&translated.body).unwrap();
    let dropped: Vec<&str> = translated.dropped.paths().collect();
    case.asked = json!({"path": translated.path, "body": sent, "dropped": dropped});
    for answer in &mut case.answers {
        let body = serde_json::to_vec(&answer.response).unwrap();
        answer.expected = match translated.call.response(&body) {
            Ok(response) => serde_json::from_slice(&response.body).unwrap(),
            Err(error) => json!({"error": error.to_string()}),
        };
    }
    for stream in &mut case.streams {
        run_stream(&translated.call, &case.provider, stream);
    }
}

fn run_stream(call: &Call, provider: &str, stream: &mut Stream) {
    let bytes: Vec<u8> = stream
        .events
        .iter()
        .flat_map(|event| match provider {
            "bedrock_converse" => framed(event),
            _ => format!("data: {event}\r\n\r\n").into_bytes(),
        })
        .collect();
    let whole = translate(call, [&bytes[..]]);
    for size in [1, 7, 64] {
        assert_eq!(
            translate(call, bytes.chunks(size)),
            whole,
            "in chunks of {size}"
        );
    }
    let (text, ending, usage) = whole;
    stream.expected = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap_or_else(|_| data.into()))
        .collect();
    stream.ending = ending;
    stream.usage = usage;
}

fn translate<'c>(
    call: &Call,
    chunks: impl IntoIterator<Item = &'c [u8]>,
) -> (String, String, Value) {
    let mut stream = call.stream().unwrap();
    let mut pieces = Vec::new();
    for chunk in chunks {
        stream
            .push(Bytes::copy_from_slice(chunk), &mut pieces)
            .unwrap();
    }
    let ending = stream.finish(&mut pieces);
    let bytes: Vec<u8> = pieces
        .iter()
        .flat_map(|Piece { raw, .. }| raw.to_vec())
        .collect();
    let usage = stream.usage();
    let usage = json!([
        usage.input,
        usage.output,
        usage.cached,
        usage.cache_write,
        usage.reasoning
    ]);
    let text = String::from_utf8(bytes).unwrap();
    (text, format!("{ending:?}"), usage)
}

fn framed(event: &Value) -> Vec<u8> {
    let (name, payload) = event.as_object().unwrap().iter().next().unwrap();
    let message = match name.ends_with("Exception") {
        true => Message::Exception,
        false => Message::Event,
    };
    frame(message, name, payload.to_string().as_bytes()).to_vec()
}

/// Words of the formats.
const WORDS: &[&str] = &[
    "contents",
    "parts",
    "role",
    "model",
    "user",
    "text",
    "thought",
    "thoughtSignature",
    "functionCall",
    "functionResponse",
    "name",
    "args",
    "response",
    "output",
    "id",
    "inlineData",
    "fileData",
    "mimeType",
    "tools",
    "functionDeclarations",
    "parameters",
    "type",
    "properties",
    "toolConfig",
    "generationConfig",
    "thinkingConfig",
    "candidates",
    "content",
    "finishReason",
    "STOP",
    "usageMetadata",
    "promptTokenCount",
    "error",
    "promptFeedback",
    "blockReason",
    "message",
    "stopReason",
    "toolUse",
    "toolUseId",
    "input",
    "reasoningContent",
    "reasoningText",
    "redactedContent",
    "delta",
    "start",
    "usage",
    "contentBlockIndex",
    "inputTokens",
    "system_instruction",
];

/// The words in places where they do not belong.
fn odd() -> impl Strategy<Value = Value> {
    let word = || proptest::sample::select(WORDS);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
        ".{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 5, move |inner| {
        let member = (word().prop_map(str::to_owned), inner.clone());
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Value::from),
            proptest::collection::vec(member, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn plain_call(client: Format, provider: Format) -> Call {
    let body = br#"{"model":"m","max_tokens":9,"stream":true,"messages":[]}"#;
    let exchange = Exchange::new(client, provider);
    exchange.request(body, "", None, stamp()).unwrap().call
}

proptest! {
    #[test]
    fn no_input_is_too_odd(value in odd(), name in 0..6_usize) {
        const NAMES: [&str; 6] = [
            "messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop",
            "messageStop", "metadata",
        ];
        let body = value.to_string().into_bytes();
        for other in [Format::OpenAiChat, Format::AnthropicMessages, Format::BedrockConverse] {
            let path = "/v1beta/models/m:generateContent";
            let exchange = Exchange::new(Format::GeminiContent, other);
            let _ = exchange.request(&body, path, None, stamp());
            let _ = exchange.error(http::StatusCode::BAD_GATEWAY, None, &body, "r-1");
        }
        for client in [Format::OpenAiChat, Format::AnthropicMessages] {
            let call = plain_call(client, Format::GeminiContent);
            let _ = call.response(&body);
            let events = format!("data: {value}\n\ndata: {value}\n\n");
            let whole = translate(&call, [events.as_bytes()]);
            prop_assert_eq!(translate(&call, events.as_bytes().chunks(3)), whole);
            let call = plain_call(client, Format::BedrockConverse);
            let _ = call.response(&body);
            let frames = frame(Message::Event, NAMES[name], &body).repeat(2);
            let whole = translate(&call, [&frames[..]]);
            prop_assert_eq!(translate(&call, frames.chunks(3)), whole);
        }
    }
}
