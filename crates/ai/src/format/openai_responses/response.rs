//! Reading a provider's whole answer.

use serde_json::{Map, Value};

use super::item;
use crate::chat::{AssistantPart, ChatResponse, Finish, Text};
use crate::error::Error;
use crate::format::openai_chat::read_usage;
use crate::json::Members;

pub(super) fn read(body: Map<String, Value>) -> Result<ChatResponse, Error> {
    let mut body = Members::lenient(body.into());
    let Some(Value::Array(items)) = body.take("output") else {
        return Err(Error::NoAnswer);
    };
    if body.text("status").ok().flatten().as_deref() == Some("failed") {
        return Err(Error::NoAnswer);
    }
    let mut parts = Vec::new();
    for item in items {
        parts_of(item, &mut parts);
    }
    let calls = parts
        .iter()
        .filter(|part| matches!(part, AssistantPart::Call(_)));
    let calls = calls.count();
    let details = Members::lenient(body.take("incomplete_details").unwrap_or_default());
    let text = |members: &mut Members<'_>, key: &str| members.text(key).ok().flatten();
    Ok(ChatResponse {
        id: text(&mut body, "id").unwrap_or_default(),
        model: text(&mut body, "model").unwrap_or_default(),
        created: body.count("created_at").ok().flatten(),
        parts,
        finish: finish(details).with(calls),
        usage: read_usage(body.take("usage")).unwrap_or_default(),
    })
}

/// Why the answer ended, by its `incomplete_details`.
pub(super) fn finish(mut details: Members<'_>) -> Finish {
    match details.text("reason").ok().flatten().as_deref() {
        Some("content_filter") => Finish::Filtered,
        Some(_) => Finish::Length,
        None => Finish::Stop,
    }
}

/// What an item says; nothing for those of tools that the provider runs itself.
fn parts_of(value: Value, parts: &mut Vec<AssistantPart>) {
    let mut members = Members::lenient(value);
    match members.text("type").ok().flatten().as_deref() {
        Some("message") => {
            for part in members.list("content").unwrap_or_default() {
                let mut part = Members::lenient(part);
                let text = |value: Option<String>| value.filter(|t| !t.is_empty()).map(Text);
                let said = text(part.text("text").ok().flatten());
                let refused = text(part.text("refusal").ok().flatten());
                parts.extend(said.map(AssistantPart::Text));
                parts.extend(refused.map(AssistantPart::Refusal));
            }
        }
        Some("reasoning") => {
            let thought = item::reasoning(&mut members).ok().flatten();
            parts.extend(thought.map(AssistantPart::Reasoning));
        }
        Some("function_call") => {
            parts.extend(item::call(&mut members).ok().map(AssistantPart::Call));
        }
        _ => {}
    }
}
