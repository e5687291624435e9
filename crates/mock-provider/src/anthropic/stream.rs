//! A message as its stream of named events.

use bytes::Bytes;
use serde_json::{Value, json};

use super::message::{Block, Message};
use crate::{dialect::Events, wire::named_event};

/// From `message_start` to `message_stop`.
pub(super) fn events(message: &Message<'_>) -> Events {
    let mut frames = vec![started(message)];
    let mut prelude = None;
    for (index, block) in message.blocks.iter().enumerate() {
        frames.push(event(
            "content_block_start",
            json!({"index": index, "content_block": block.opening()}),
        ));
        if index == 0 {
            frames.push(event("ping", json!({})));
        }
        prelude.get_or_insert(frames.len());
        frames.extend(block.deltas().into_iter().map(|delta| {
            event(
                "content_block_delta",
                json!({"index": index, "delta": delta}),
            )
        }));
        frames.push(event("content_block_stop", json!({"index": index})));
    }
    let prelude = prelude.unwrap_or(frames.len());
    let output = message.answered.output_tokens();
    frames.push(event(
        "message_delta",
        json!({
            "delta": {
                "stop_reason": message.stop_reason,
                "stop_sequence": message.stop_sequence,
            },
            "usage": {
                "input_tokens": message.answered.uncached_tokens(),
                "cache_creation_input_tokens": message.answered.cache.written,
                "cache_read_input_tokens": message.answered.cache.read,
                "output_tokens": output,
            },
        }),
    ));
    frames.push(event("message_stop", json!({})));
    Events { frames, prelude }
}

/// The message before its content; of its usage, the input is known.
fn started(message: &Message<'_>) -> Bytes {
    event(
        "message_start",
        json!({"message": {
            "id": message.id,
            "type": "message",
            "role": "assistant",
            "model": message.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": message.usage(1),
        }}),
    )
}

fn event(name: &str, fields: Value) -> Bytes {
    let mut data = json!({"type": name});
    if let (Value::Object(data), Value::Object(fields)) = (&mut data, fields) {
        data.extend(fields);
    }
    named_event(name, &data)
}

// === impl Block ===

impl Block {
    fn opening(&self) -> Value {
        match self {
            Self::Thinking { .. } => json!({"type": "thinking", "thinking": "", "signature": ""}),
            Self::Text(_) => json!({"type": "text", "text": ""}),
            Self::ToolUse { id, name, .. } => {
                json!({"type": "tool_use", "id": id, "name": name, "input": {}})
            }
        }
    }

    fn deltas(&self) -> Vec<Value> {
        match self {
            Self::Thinking { pieces, signature } => {
                let thought = pieces
                    .iter()
                    .map(|piece| json!({"type": "thinking_delta", "thinking": piece}));
                let signed = json!({"type": "signature_delta", "signature": signature});
                thought.chain([signed]).collect()
            }
            Self::Text(pieces) => pieces
                .iter()
                .map(|piece| json!({"type": "text_delta", "text": piece}))
                .collect(),
            Self::ToolUse { pieces, .. } => [""]
                .into_iter()
                .chain(pieces.iter().map(String::as_str))
                .map(|piece| json!({"type": "input_json_delta", "partial_json": piece}))
                .collect(),
        }
    }
}
