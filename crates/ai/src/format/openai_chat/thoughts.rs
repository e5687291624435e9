//! What a model thought: `reasoning_content` (or `reasoning`), and `thinking_blocks` where thoughts
//! are signed.

use serde_json::{Map, Value, json};

use crate::chat::{Opaque, Reasoning, Text};
use crate::format::Format;
use crate::json::Members;

/// The form of the blocks is Anthropic's, and so are signatures that are not marked.
const NATIVE: Format = Format::AnthropicMessages;

pub(super) fn take_text(members: &mut Members<'_>) -> Option<Text> {
    ["reasoning_content", "reasoning"]
        .into_iter()
        .filter_map(|key| match members.take(key) {
            Some(Value::String(text)) => Some(Text(text)),
            _ => None,
        })
        .find(|text| !text.is_empty())
}

/// The signed form tells more, and is taken before the other.
pub(super) fn take(members: &mut Members<'_>) -> Vec<Reasoning> {
    let plain = take_text(members);
    let Some(Value::Array(blocks)) = members.take("thinking_blocks") else {
        return plain
            .into_iter()
            .map(|text| Reasoning::Shown {
                text,
                signature: None,
            })
            .collect();
    };
    blocks.into_iter().filter_map(block).collect()
}

pub(super) fn block(value: Value) -> Option<Reasoning> {
    let mut block = Members::lenient(value);
    let mut text = |key: &str| block.text(key).ok().flatten();
    match text("type")?.as_str() {
        "thinking" => Some(Reasoning::Shown {
            text: Text(text("thinking").unwrap_or_default()),
            signature: text("signature")
                .filter(|signature| !signature.is_empty())
                .map(|signature| Opaque::read(signature, NATIVE)),
        }),
        "redacted_thinking" => Some(Reasoning::Hidden(Opaque::read(text("data")?, NATIVE))),
        _ => None,
    }
}

/// Adds the members to a message.
pub(super) fn put(thoughts: Vec<Reasoning>, message: &mut Map<String, Value>) {
    let mut plain = String::new();
    let mut signed = false;
    let mut blocks = Vec::with_capacity(thoughts.len());
    for thought in thoughts {
        match thought {
            Reasoning::Shown { text, signature } => {
                plain += &text;
                signed |= signature.is_some();
                blocks.push(signed_block(text, signature));
            }
            Reasoning::Hidden(data) => {
                signed = true;
                blocks.push(hidden_block(data));
            }
        }
    }
    if !plain.is_empty() {
        message.insert("reasoning_content".to_owned(), plain.into());
    }
    if signed {
        message.insert("thinking_blocks".to_owned(), blocks.into());
    }
}

pub(super) fn signed_block(text: Text, signature: Option<Opaque>) -> Value {
    let signature = signature.map(|s| s.written_in(NATIVE)).unwrap_or_default();
    json!({"type": "thinking", "thinking": text, "signature": signature})
}

pub(super) fn hidden_block(data: Opaque) -> Value {
    json!({"type": "redacted_thinking", "data": data.written_in(NATIVE)})
}
