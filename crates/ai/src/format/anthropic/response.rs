//! Whole answers.

use serde_json::{Map, Value};

use super::{finish, request_in, request_out, usage};
use crate::chat::{AssistantPart, ChatResponse, Finish, Opaque, Reasoning, Text, ToolCall};
use crate::error::Error;
use crate::format::{Asked, Format};
use crate::json::{Members, compact};

pub(super) fn read(body: Map<String, Value>) -> Result<ChatResponse, Error> {
    let mut body = Members::lenient(body.into());
    let Some(Value::Array(blocks)) = body.take("content") else {
        return Err(Error::NoAnswer);
    };
    let mut text = |key: &str| body.text(key).ok().flatten();
    let (id, model) = (text("id"), text("model"));
    let (reason, sequence) = (text("stop_reason"), text("stop_sequence"));
    let mut counts = usage::read(body.take("usage")).unwrap_or_default();
    counts.sum_up();
    Ok(ChatResponse {
        id: id.unwrap_or_default(),
        model: model.unwrap_or_default(),
        created: None,
        parts: blocks.into_iter().filter_map(part).collect(),
        finish: reason.map_or(Finish::Stop, |reason| finish::read(&reason, sequence)),
        usage: counts,
    })
}

/// What a block says; `None` for those of tools that the provider runs itself.
fn part(block: Value) -> Option<AssistantPart> {
    let mut block = Members::lenient(block);
    let input = block.take("input");
    let mut text = |key: &str| block.text(key).ok().flatten();
    Some(match text("type")?.as_str() {
        "text" => AssistantPart::Text(Text(text("text")?)),
        "thinking" => AssistantPart::Reasoning(Reasoning::Shown {
            text: Text(text("thinking")?),
            signature: text("signature")
                .filter(|signature| !signature.is_empty())
                .map(ours),
        }),
        "redacted_thinking" => AssistantPart::Reasoning(Reasoning::Hidden(ours(text("data")?))),
        "tool_use" => AssistantPart::Call(ToolCall {
            id: text("id")?,
            name: text("name")?,
            arguments: request_in::arguments(input),
            signature: None,
        }),
        _ => return None,
    })
}

pub(super) fn ours(data: String) -> Opaque {
    Opaque::read(data, Format::AnthropicMessages)
}

pub(super) fn write(response: ChatResponse, asked: &Asked) -> Map<String, Value> {
    let ChatResponse {
        id,
        model,
        created: _,
        parts,
        finish,
        usage,
    } = response;
    let (reason, sequence) = finish::words(finish);
    let blocks: Vec<Value> = parts
        .into_iter()
        .map(|part| request_out::block(part).into())
        .collect();
    let mut message = envelope(id, model, asked);
    message.insert("content".to_owned(), blocks.into());
    message.insert("stop_reason".to_owned(), reason.into());
    message.insert("stop_sequence".to_owned(), sequence.map(Value::from).into());
    message.insert("usage".to_owned(), usage::write(&usage).into());
    message
}

/// A message's members, those of its content left out.
pub(super) fn envelope(id: String, model: String, asked: &Asked) -> Map<String, Value> {
    let id = match id.is_empty() {
        true => format!("msg_{}", asked.stamp.id),
        false => id,
    };
    let model = match model.is_empty() {
        true => asked.model.clone(),
        false => model,
    };
    compact([
        ("id", id.into()),
        ("type", "message".into()),
        ("role", "assistant".into()),
        ("model", model.into()),
    ])
}
