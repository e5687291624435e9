//! Reading who said what: `systemInstruction` and `contents`.

use serde_json::{Map, Value};

use super::calls::Calls;
use super::{media, names, signature};
use crate::chat::{
    AssistantPart, Dropped, Input, Marked, Outcome, Reasoning, Text, ToolCall, ToolResult, Turn,
    UserPart,
};
use crate::error::Error;
use crate::json::{Members, Path};

/// The API takes a text in place of a content here.
pub(super) fn system(
    system: Option<Value>,
    path: Path<'_>,
    dropped: &mut Dropped,
) -> Result<Option<Turn>, Error> {
    let mut content = match system {
        None => return Ok(None),
        Some(Value::String(text)) => {
            return Ok(Some(Turn::System(vec![Marked::plain(Text(text))])));
        }
        Some(value) => names::members(value, path)?,
    };
    let mut texts = Vec::new();
    let at = path.key("parts");
    for (index, part) in content.list("parts")?.into_iter().enumerate() {
        let mut part = names::members(part, at.item(index))?;
        texts.extend(part.prose("text")?.map(Marked::plain));
        part.rest(dropped);
    }
    content.skip(&["role"]);
    content.rest(dropped);
    Ok(Some(texts)
        .filter(|texts| !texts.is_empty())
        .map(Turn::System))
}

pub(super) fn contents(
    items: Vec<Value>,
    turns: &mut Vec<Turn>,
    dropped: &mut Dropped,
) -> Result<(), Error> {
    let root = Path::Root;
    let path = root.key("contents");
    let mut calls = Calls::default();
    for (at, item) in items.into_iter().enumerate() {
        let at = path.item(at);
        let mut content = names::members(item, at)?;
        let role = content.text("role")?;
        let parts = content.list("parts")?;
        content.rest(dropped);
        let place = at.key("parts");
        match role.as_deref() {
            Some("model") => {
                let parts = assistant(parts, place, &mut calls, dropped)?;
                turns.push(Turn::Assistant(parts));
            }
            None | Some("" | "user" | "function") => {
                turns.push(Turn::User(user(parts, place, &mut calls, dropped)?));
            }
            Some(_) => return Err(at.key("role").wrong("user or model")),
        }
    }
    Ok(())
}

fn user(
    items: Vec<Value>,
    path: Path<'_>,
    calls: &mut Calls,
    dropped: &mut Dropped,
) -> Result<Vec<Marked<UserPart>>, Error> {
    let mut parts = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let at = path.item(index);
        let mut part = names::members(item, at)?;
        let place = at.key("functionResponse");
        let read = if let Some(text) = part.prose("text")? {
            UserPart::Input(Input::Text(text))
        } else if let Some(input) = media::read(&mut part, dropped)? {
            UserPart::Input(input)
        } else if let Some(response) = names::inner(&mut part, "functionResponse", place)? {
            UserPart::Result(result(response, calls, dropped)?)
        } else {
            dropped.add(&at);
            continue;
        };
        part.skip(&["thoughtSignature"]);
        part.rest(dropped);
        parts.push(Marked::plain(read));
    }
    Ok(parts)
}

fn result(
    mut members: Members<'_>,
    calls: &mut Calls,
    dropped: &mut Dropped,
) -> Result<ToolResult, Error> {
    let path = members.path();
    let name = members.required("name")?;
    let call = calls.answered(members.text("id")?, &name).ok_or_else(|| {
        path.key("name")
            .untranslatable("is of no function call before it")
    })?;
    let (outcome, text) = outcome(members.map("response")?.unwrap_or_default());
    let mut parts = vec![Marked::plain(Input::Text(text))];
    let at = path.key("parts");
    for (index, item) in members.list("parts")?.into_iter().enumerate() {
        let at = at.item(index);
        let mut part = names::members(item, at)?;
        match media::read(&mut part, dropped)? {
            Some(input) => parts.push(Marked::plain(input)),
            None => dropped.add(&at),
        }
    }
    members.rest(dropped);
    Ok(ToolResult {
        call,
        parts,
        outcome,
    })
}

/// A lone `output`, `result` or `error` is what the tool said; other objects are it themselves.
fn outcome(mut response: Map<String, Value>) -> (Outcome, Text) {
    let text = |value: Value| match value {
        Value::String(text) => Text(text),
        other => Text(other.to_string()),
    };
    if response.len() == 1 {
        for (key, outcome) in [
            ("output", Outcome::Good),
            ("result", Outcome::Good),
            ("error", Outcome::Failed),
        ] {
            if let Some(value) = response.remove(key) {
                return (outcome, text(value));
            }
        }
    }
    (Outcome::Good, text(response.into()))
}

fn assistant(
    items: Vec<Value>,
    path: Path<'_>,
    calls: &mut Calls,
    dropped: &mut Dropped,
) -> Result<Vec<Marked<AssistantPart>>, Error> {
    let mut parts = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let at = path.item(index);
        let mut part = names::members(item, at)?;
        let place = at.key("functionCall");
        let signed = part.text("thoughtSignature")?.filter(|s| !s.is_empty());
        let thought = part.flag("thought")?.unwrap_or(false);
        if let Some(mut call) = names::inner(&mut part, "functionCall", place)? {
            let name = call.required("name")?;
            let arguments = call.map("args")?.unwrap_or_default();
            let made = ToolCall {
                id: calls.called(call.text("id")?, &name),
                name,
                arguments: Text(Value::from(arguments).to_string()),
                signature: signed.map(signature::read),
            };
            call.rest(dropped);
            parts.push(Marked::plain(AssistantPart::Call(made)));
        } else if let Some(text) = part.text("text")? {
            said(text, thought, signed, &mut parts);
        } else {
            // Images, code that the provider ran, and the like.
            dropped.add(&at);
            continue;
        }
        part.rest(dropped);
    }
    Ok(parts)
}

/// Bits of one thought, of which the last is signed, are one.
fn said(
    text: String,
    thought: bool,
    signed: Option<String>,
    parts: &mut Vec<Marked<AssistantPart>>,
) {
    if !thought {
        if !text.is_empty() {
            parts.push(Marked::plain(AssistantPart::Text(Text(text))));
        }
        let signed = signed.map(|signed| signature::thought(String::new(), signed));
        parts.extend(signed.map(AssistantPart::Reasoning).map(Marked::plain));
        return;
    }
    let new = match signed {
        Some(signed) => signature::thought(text, signed),
        None => Reasoning::Shown {
            text: Text(text),
            signature: None,
        },
    };
    let last = parts.last_mut().map(|last| &mut last.part);
    match (last, new) {
        (
            Some(AssistantPart::Reasoning(Reasoning::Shown {
                text: before,
                signature: open @ None,
            })),
            Reasoning::Shown { text, signature },
        ) => {
            before.0.push_str(&text);
            *open = signature;
        }
        (_, new) => parts.push(Marked::plain(AssistantPart::Reasoning(new))),
    }
}
