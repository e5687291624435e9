//! Events of a stream of messages: named and typed, ended by `message_stop`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::openai::error;
use crate::dialect::{Class, Reading, Started};
use crate::sse::Event;
use crate::usage::Wire;

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(borrow, default)]
    content_block: Option<Block<'a>>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(default)]
    usage: Option<Wire>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    #[serde(default)]
    usage: Option<Wire>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    stop_reason: Option<Cow<'a, str>>,
}

pub(super) fn read(event: &Event, started: Started) -> Reading<'_> {
    let Some(data) = event.data.as_deref() else {
        return Reading::of(Class::Empty);
    };
    if started == Started::Yes && event.name.as_deref() == Some(b"content_block_delta") {
        return Reading::of(Class::Content);
    }
    let Ok(event) = serde_json::from_slice::<Typed<'_>>(data) else {
        return Reading::of(Class::Empty);
    };
    let class = match &*event.kind {
        "error" => {
            let object = event
                .error
                .map_or(&b"{}"[..], |error| error.get().as_bytes());
            Class::Error(Box::new(error::read(object)))
        }
        "message_stop" => Class::Done,
        "content_block_delta" | "message_delta" => Class::Content,
        "content_block_start" => match &event.content_block {
            // What they hold comes in their deltas.
            Some(block) if matches!(&*block.kind, "text" | "thinking") => Class::Empty,
            _ => Class::Content,
        },
        _ => Class::Empty,
    };
    let (model, begun) = match event.message {
        Some(message) => (message.model, message.usage),
        None => (None, None),
    };
    Reading {
        class,
        usage: event
            .usage
            .or(begun)
            .map(Wire::partial)
            .filter(|usage| !usage.is_empty()),
        model: model.filter(|model| !model.is_empty()),
        finish_reason: event.delta.and_then(|delta| delta.stop_reason),
        usage_only: false,
    }
}
