//! What is written in a format is read from it again.

mod fold;
mod say;
mod strategy;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::chat::{ChatResponse, UsageWish};
use crate::envelope::ErrorBody;
use crate::json;

use say::{SAYS, Says};

fn stamp() -> Stamp {
    Stamp {
        id: "t1".to_owned(),
        created: 7,
    }
}

fn asked(stream: Streaming) -> Asked {
    Asked {
        stamp: stamp(),
        model: "asked".to_owned(),
        stream,
        ..Asked::default()
    }
}

fn object(map: &Map<String, Value>) -> Map<String, Value> {
    json::object(&json::bytes(map)).unwrap()
}

/// The request as it comes out on the other side, and what was lost.
fn there_and_back(format: Format, request: &ChatRequest) -> (ChatRequest, Dropped) {
    let mut dropped = Dropped::default();
    let codec = format.codec();
    let path = codec.path(request);
    let body = codec.write_request(request.clone(), &mut dropped).unwrap();
    let read = codec
        .read_request(object(&body), &path, &mut dropped)
        .unwrap();
    (read, dropped)
}

fn events(format: Format, chunks: &[&[u8]]) -> Vec<ChatEvent> {
    let codec = format.codec();
    let mut frames = codec.frames(codec.event_limit());
    let mut reader = codec.event_reader(&stamp());
    let mut events = Vec::new();
    for chunk in chunks {
        frames.push(Bytes::copy_from_slice(chunk));
        while let Some(event) = frames.next_event().unwrap() {
            reader.read(&event, &mut events);
        }
    }
    if let Some(event) = frames.finish() {
        reader.read(&event, &mut events);
    }
    events
}

fn written(format: Format, response: &ChatResponse) -> Vec<u8> {
    let asked = asked(Streaming::Events(UsageWish::Asked));
    let mut writer = format.codec().event_writer(asked);
    let mut out = Vec::new();
    for event in response.clone().into_events() {
        writer.write(event, &mut out);
    }
    out
}

fn format() -> impl Strategy<Value = &'static Says> {
    prop::sample::select(SAYS.iter().collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn requests_come_back_as_they_were(says in format(), request in strategy::request()) {
        let request = says.request(request);
        let (read, dropped) = there_and_back(says.format, &request);
        prop_assert_eq!(bare(&read), bare(&request));
        prop_assert!(read == request, "equal but for content");
        prop_assert_eq!(dropped.to_string(), "");
    }

    #[test]
    fn answers_come_back_as_they_were(says in format(), response in strategy::response()) {
        let response = says.response(response);
        let codec = says.format.codec();
        let body = codec.write_response(response.clone(), &asked(Streaming::Whole));
        let read = codec.read_response(object(&body), &stamp()).unwrap();
        prop_assert_eq!(format!("{read:?}"), format!("{response:?}"));
        prop_assert!(read == response, "equal but for content");
    }

    #[test]
    fn streams_come_back_as_they_were_however_they_are_cut(
        says in format(),
        response in strategy::response(),
        size in 1usize..200,
    ) {
        let response = says.response(response);
        let bytes = written(says.format, &response);
        let chunks: Vec<_> = bytes.chunks(size).collect();
        let read = events(says.format, &chunks);
        let ended = match (says.format, read.last()) {
            // It has no mark that ends it.
            (Format::GeminiContent, last) => matches!(last, Some(ChatEvent::Finished(_))),
            (_, last) => last == Some(&ChatEvent::Done),
        };
        prop_assert!(ended, "{:?}", read.last());
        let read = fold::response(read);
        prop_assert_eq!(format!("{read:?}"), format!("{response:?}"));
        prop_assert!(read == response, "equal but for content");
    }

    #[test]
    fn any_request_is_translated_or_refused_by_name(
        to in format(),
        request in strategy::request(),
    ) {
        let codec = to.format.codec();
        let mut dropped = Dropped::default();
        match codec.write_request(request, &mut dropped) {
            Ok(body) => {
                let path = "/v1beta/models/m:generateContent";
                codec.read_request(object(&body), path, &mut dropped).unwrap();
            }
            Err(Error::Untranslatable { path, .. }) => prop_assert!(!path.is_empty()),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn no_input_is_too_odd(format in format(), text in odd(), cut in any::<prop::sample::Index>()) {
        let codec = format.format.codec();
        if let Ok(map) = json::object(text.as_bytes()) {
            let mut dropped = Dropped::default();
            let _ = codec.read_request(map.clone(), "/v1/x", &mut dropped);
            if let Ok(response) = codec.read_response(map, &stamp()) {
                codec.write_response(response, &asked(Streaming::Whole));
            }
        }
        codec.read_error(text.as_bytes());
        let stream = format!("event: message_start\ndata: {text}\n\ndata: {text}\n\n");
        let at = cut.index(stream.len());
        let mut writer = codec.event_writer(asked(Streaming::Events(UsageWish::Asked)));
        let mut out = Vec::new();
        for event in events(format.format, &[&stream.as_bytes()[..at], &stream.as_bytes()[at..]]) {
            if !matches!(event, ChatEvent::Arguments { .. }) {
                writer.write(event, &mut out);
            }
        }
        let error = ErrorBody::new(http::StatusCode::BAD_GATEWAY, &text);
        writer.cut(&error, &mut out);
        prop_assert!(!codec.write_error(&error).is_empty());
    }
}

/// Words of the formats in places where they do not belong.
fn odd() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "model",
        "messages",
        "role",
        "user",
        "assistant",
        "tool",
        "system",
        "content",
        "type",
        "text",
        "image_url",
        "url",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "id",
        "input",
        "output",
        "choices",
        "delta",
        "message",
        "usage",
        "tool_use",
        "tool_result",
        "thinking",
        "signature",
        "index",
        "content_block",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_start",
        "message_delta",
        "item",
        "response",
        "error",
        "response.created",
        "response.output_item.added",
        "response.output_item.done",
        "reasoning",
        "function_call",
        "function_call_output",
        "call_id",
        "summary",
        "source",
        "base64",
        "data",
        "output_index",
        "partial_json",
        "input_json_delta",
        "response.completed",
        "stop_reason",
    ];
    let word = || prop::sample::select(WORDS);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0u64..3).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
        ".{0,4}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(5, 40, 5, move |inner| {
        let member = (word().prop_map(str::to_owned), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            prop::collection::vec(member, 0..5)
                .prop_map(|members| { Value::Object(members.into_iter().collect()) }),
        ]
    });
    value.prop_map(|value| value.to_string())
}

/// What may be printed of a request.
fn bare(request: &ChatRequest) -> String {
    format!("{request:#?}")
}

#[test]
fn nothing_that_was_said_is_printed() {
    use crate::chat::{Input, Marked, Turn, UserPart};
    let said = "the secret word";
    let part = UserPart::Input(Input::Text(said.into()));
    let request = ChatRequest {
        turns: vec![Turn::User(vec![Marked::plain(part)])],
        user: Some(said.into()),
        ..ChatRequest::default()
    };
    let event = ChatEvent::Text(said.into());
    let text = format!("{request:?} {event:?}");
    assert!(!text.contains("secret"), "{text}");
}
