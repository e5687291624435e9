//! Whole answers. They do not say which model gave them.

use serde_json::{Map, Value, json};

use super::finish;
use crate::chat::{AssistantPart, ChatResponse, Finish, Opaque, Reasoning, Text, ToolCall};
use crate::error::Error;
use crate::format::{Format, anthropic};
use crate::json::{Members, compact};
use crate::usage::Usage;

pub(super) fn read(body: Map<String, Value>) -> Result<ChatResponse, Error> {
    let mut body = Members::lenient(body.into());
    let mut output = Members::lenient(body.take("output").unwrap_or_default());
    let mut message = Members::lenient(output.take("message").unwrap_or_default());
    let Some(Value::Array(blocks)) = message.take("content") else {
        return Err(Error::NoAnswer);
    };
    let reason = body.text("stopReason").ok().flatten();
    let finish = match reason.as_deref().map(finish::read) {
        None => Finish::Stop,
        Some(Ok(finish)) => finish,
        Some(Err(_)) => return Err(Error::NoAnswer),
    };
    let parts: Vec<_> = blocks.into_iter().filter_map(part).collect();
    let is_call = |part: &&AssistantPart| matches!(part, AssistantPart::Call(_));
    let calls = parts.iter().filter(is_call).count();
    Ok(ChatResponse {
        id: String::new(),
        model: String::new(),
        created: None,
        parts,
        finish: finish.with(calls),
        usage: usage(body.take("usage")).unwrap_or_default(),
    })
}

pub(super) fn usage(value: Option<Value>) -> Option<Usage> {
    let usage: crate::usage::Wire = serde_json::from_value(value?).ok()?;
    Some(Usage::from(usage)).filter(|usage| !usage.is_empty())
}

/// What a block says; `None` for those of other kinds.
fn part(block: Value) -> Option<AssistantPart> {
    let mut block = Members::lenient(block);
    if let Some(text) = block.prose("text").ok().flatten() {
        return Some(AssistantPart::Text(text));
    }
    if let Some(call) = block.take("toolUse") {
        let mut call = Members::lenient(call);
        return Some(AssistantPart::Call(ToolCall {
            id: call.text("toolUseId").ok()??,
            name: call.text("name").ok()??,
            arguments: Text(match call.take("input") {
                Some(input) => input.to_string(),
                None => "{}".to_owned(),
            }),
            signature: None,
        }));
    }
    let mut thought = Members::lenient(block.take("reasoningContent")?);
    if let Some(data) = thought.text("redactedContent").ok().flatten() {
        return Some(AssistantPart::Reasoning(Reasoning::Hidden(hidden(data))));
    }
    let mut shown = Members::lenient(thought.take("reasoningText")?);
    Some(AssistantPart::Reasoning(Reasoning::Shown {
        text: shown.prose("text").ok().flatten().unwrap_or_default(),
        signature: shown.text("signature").ok().flatten().and_then(signature),
    }))
}

/// Anthropic's models are the ones that sign, and all platforms that have them take their
/// signatures.
pub(super) fn signature(data: String) -> Option<Opaque> {
    let opaque = Opaque::read(data, Format::AnthropicMessages);
    Some(opaque).filter(|opaque| !opaque.data.is_empty())
}

pub(super) fn hidden(data: String) -> Opaque {
    Opaque {
        origin: Format::BedrockConverse,
        data: Text(data),
    }
}

pub(super) fn write(response: ChatResponse) -> Map<String, Value> {
    let content: Vec<Value> = response.parts.into_iter().map(written).collect();
    compact([
        (
            "output",
            json!({"message": {"role": "assistant", "content": content}}),
        ),
        ("stopReason", finish::word(&response.finish).into()),
        ("usage", counts(&response.usage)),
    ])
}

/// A block of an assistant's message.
pub(super) fn written(part: AssistantPart) -> Value {
    match part {
        AssistantPart::Text(text) | AssistantPart::Refusal(text) => json!({"text": text}),
        AssistantPart::Reasoning(Reasoning::Hidden(data)) => {
            json!({"reasoningContent": {"redactedContent": data.data}})
        }
        AssistantPart::Reasoning(Reasoning::Shown { text, signature }) => {
            let signature = signature.map(|s| s.written_in(Format::AnthropicMessages));
            let shown = compact([("text", text.into()), ("signature", signature.into())]);
            json!({"reasoningContent": {"reasoningText": shown}})
        }
        AssistantPart::Call(call) => {
            let input = anthropic::input(&call.arguments);
            json!({"toolUse": {"toolUseId": call.id, "name": call.name, "input": input}})
        }
    }
}

/// What a cache took part in is counted beside `inputTokens`.
pub(super) fn counts(usage: &Usage) -> Value {
    let beside = usage
        .cached
        .unwrap_or(0)
        .saturating_add(usage.cache_write.unwrap_or(0));
    let (input, output) = (usage.input.unwrap_or(0), usage.output.unwrap_or(0));
    let members = compact([
        ("inputTokens", input.saturating_sub(beside).into()),
        ("outputTokens", output.into()),
        (
            "totalTokens",
            usage.total.unwrap_or(input.saturating_add(output)).into(),
        ),
        ("cacheReadInputTokens", usage.cached.into()),
        ("cacheWriteInputTokens", usage.cache_write.into()),
    ]);
    members.into()
}
