//! A response as its stream of named events.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Response, Status, part};
use crate::{dialect::Events, text::Content, wire::named_event};

/// Numbers events as they are written.
#[derive(Debug, Default)]
struct Writer {
    frames: Vec<Bytes>,
}

// === impl Writer ===

impl Writer {
    fn write(&mut self, name: &str, mut fields: Value) {
        if let Value::Object(fields) = &mut fields {
            let mut event = serde_json::Map::with_capacity(fields.len() + 2);
            event.insert("type".to_owned(), name.into());
            event.insert("sequence_number".to_owned(), self.frames.len().into());
            event.append(fields);
            self.frames.push(named_event(name, &event));
        }
    }
}

/// From `response.created` to `response.completed` (or `.incomplete`). There is no `[DONE]` in this API.
pub(super) fn events(response: &Response<'_>) -> Events {
    let mut writer = Writer::default();
    let started = response.object(Status::InProgress);
    writer.write("response.created", json!({"response": started.clone()}));
    writer.write("response.in_progress", json!({"response": started}));
    writer.write(
        "response.output_item.added",
        json!({"output_index": 0, "item": response.item(Status::InProgress)}),
    );
    let prelude = match response.choice.content {
        Content::Text => text(response, &mut writer),
        Content::Call { .. } => arguments(response, &mut writer),
    };
    let status = response.status();
    writer.write(
        "response.output_item.done",
        json!({"output_index": 0, "item": response.item(status)}),
    );
    writer.write(
        &format!("response.{}", status.as_str()),
        json!({"response": response.object(status)}),
    );
    Events {
        frames: writer.frames,
        prelude,
    }
}

/// Writes the text of a message; returns the number of events before it.
fn text(response: &Response<'_>, writer: &mut Writer) -> usize {
    let id = &response.item_id;
    let place = |field: &str, value: Value| {
        let mut place = json!({"item_id": id, "output_index": 0, "content_index": 0});
        place[field] = value;
        place
    };
    writer.write("response.content_part.added", place("part", part("")));
    let prelude = writer.frames.len();
    for piece in &response.choice.pieces {
        let mut delta = place("delta", json!(piece));
        delta["logprobs"] = json!([]);
        writer.write("response.output_text.delta", delta);
    }
    let whole = response.text();
    let mut done = place("text", json!(whole));
    done["logprobs"] = json!([]);
    writer.write("response.output_text.done", done);
    writer.write("response.content_part.done", place("part", part(&whole)));
    prelude
}

/// Writes the arguments of a call; returns the number of events before them.
fn arguments(response: &Response<'_>, writer: &mut Writer) -> usize {
    let prelude = writer.frames.len();
    let place = |field: &str, value: &str| {
        let mut place = json!({"item_id": response.item_id, "output_index": 0});
        place[field] = value.into();
        place
    };
    for piece in &response.choice.pieces {
        writer.write(
            "response.function_call_arguments.delta",
            place("delta", piece),
        );
    }
    writer.write(
        "response.function_call_arguments.done",
        place("arguments", &response.text()),
    );
    prelude
}
