//! Whole answers.

use serde_json::{Map, Value, json};

use super::{finish, request_out, thoughts, usage};
use crate::chat::{AssistantPart, ChatResponse, Finish, Opaque, Text, ToolCall};
use crate::error::Error;
use crate::format::{Asked, Format, Stamp};
use crate::json::{Members, compact};

pub(super) fn read(body: Map<String, Value>, stamp: &Stamp) -> Result<ChatResponse, Error> {
    let mut body = Members::lenient(body.into());
    let choices = body.list("choices").unwrap_or_default();
    let choice = choices.into_iter().next().ok_or(Error::NoAnswer)?;
    let mut choice = Members::lenient(choice);
    let mut message = Members::lenient(choice.take("message").ok_or(Error::NoAnswer)?);
    let thoughts = thoughts::take(&mut message).into_iter();
    let mut parts: Vec<_> = thoughts.map(AssistantPart::Reasoning).collect();
    parts.extend(text_of(message.take("content")).map(AssistantPart::Text));
    let refusal = message.prose("refusal").ok().flatten();
    parts.extend(
        refusal
            .filter(|text| !text.is_empty())
            .map(AssistantPart::Refusal),
    );
    let calls = message.list("tool_calls").unwrap_or_default();
    let count = calls.len();
    let calls = calls.into_iter().enumerate();
    parts.extend(calls.map(|(at, call)| AssistantPart::Call(tool_call(call, at, stamp))));
    let reason = choice.text("finish_reason").ok().flatten();
    let text = |value: Result<Option<String>, Error>| value.ok().flatten().unwrap_or_default();
    Ok(ChatResponse {
        id: text(body.text("id")),
        model: text(body.text("model")),
        created: body.count("created").ok().flatten(),
        parts,
        finish: reason
            .map_or(Finish::Stop, |reason| finish::read(&reason))
            .with(count),
        usage: usage::read(body.take("usage")).unwrap_or_default(),
    })
}

/// A text, or the texts of a list of parts, which some servers answer with.
pub(super) fn text_of(content: Option<Value>) -> Option<Text> {
    let text = match content? {
        Value::String(text) => text,
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => return None,
    };
    Some(Text(text)).filter(|text| !text.is_empty())
}

fn tool_call(call: Value, at: usize, stamp: &Stamp) -> ToolCall {
    let mut call = Members::lenient(call);
    let mut function = Members::lenient(call.take("function").unwrap_or_default());
    let arguments = match function.take("arguments") {
        Some(Value::String(text)) => text,
        // Some servers do not write the JSON as a text.
        Some(Value::Object(map)) => Value::Object(map).to_string(),
        _ => String::new(),
    };
    ToolCall {
        id: call_id(call.text("id").ok().flatten(), at, stamp),
        name: function.text("name").ok().flatten().unwrap_or_default(),
        arguments: Text(arguments),
        signature: signature(&mut call),
    }
}

/// An id for a call that has none.
pub(super) fn call_id(id: Option<String>, at: usize, stamp: &Stamp) -> String {
    id.filter(|id| !id.is_empty())
        .unwrap_or_else(|| format!("call_{}_{at}", stamp.id))
}

/// The signature of a call, where Google's server of this API has it.
pub(super) fn signature(call: &mut Members<'_>) -> Option<Opaque> {
    let extra = call.take("extra_content")?;
    let signature = extra["google"]["thought_signature"].as_str()?;
    Some(Opaque::read(signature.to_owned(), Format::OpenAiChat))
}

pub(super) fn put_signature(signature: Option<Opaque>, call: &mut Map<String, Value>) {
    if let Some(signature) = signature {
        let signature = signature.written_in(Format::OpenAiChat);
        let extra = json!({"google": {"thought_signature": signature}});
        call.insert("extra_content".to_owned(), extra);
    }
}

pub(super) fn write(response: ChatResponse, asked: &Asked) -> Map<String, Value> {
    let ChatResponse {
        id,
        model,
        created,
        parts,
        finish,
        usage,
    } = response;
    let mut message = request_out::message(parts.into_iter());
    // Clients' types require both.
    message.entry("refusal").or_insert(Value::Null);
    let choice = json!({
        "index": 0,
        "message": message,
        "logprobs": null,
        "finish_reason": finish.word(),
    });
    compact([
        ("id", id_of(id, asked).into()),
        ("object", "chat.completion".into()),
        ("created", created.unwrap_or(asked.stamp.created).into()),
        ("model", model_of(model, asked).into()),
        ("choices", json!([choice])),
        ("usage", usage::write(&usage).into()),
    ])
}

pub(super) fn id_of(id: String, asked: &Asked) -> String {
    match id.is_empty() {
        true => format!("chatcmpl-{}", asked.stamp.id),
        false => id,
    }
}

pub(super) fn model_of(model: String, asked: &Asked) -> String {
    match model.is_empty() {
        true => asked.model.clone(),
        false => model,
    }
}
