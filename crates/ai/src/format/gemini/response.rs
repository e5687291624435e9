//! Whole answers, and the bits that streams are made of: the two have one form.

use serde_json::{Map, Value, json};

use super::finish::{self, Ending};
use super::{signature, usage};
use crate::chat::{AssistantPart, ChatResponse, Finish, Opaque, Reasoning, Text, ToolCall};
use crate::error::Error;
use crate::format::{Asked, Stamp, anthropic};
use crate::json::{Members, compact};
use crate::usage::Usage;

/// What a response says, whole or in part.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) parts: Vec<AssistantPart>,
    pub(super) ending: Option<Ending>,
    pub(super) usage: Option<Usage>,
}

impl Answer {
    /// Reads a response in which `calls` calls have come before. `None` for what is no answer.
    pub(super) fn read(mut body: Members<'_>, calls: &mut usize, stamp: &Stamp) -> Option<Self> {
        let mut feedback = Members::lenient(body.take("promptFeedback").unwrap_or_default());
        let blocked = feedback.text("blockReason").ok().flatten();
        let candidate = body
            .list("candidates")
            .unwrap_or_default()
            .into_iter()
            .next();
        let counts = usage::read(body.take("usageMetadata"));
        if candidate.is_none() && blocked.is_none() && counts.is_none() {
            return None;
        }
        let mut candidate = Members::lenient(candidate.unwrap_or_default());
        let mut content = Members::lenient(candidate.take("content").unwrap_or_default());
        let mut parts = Vec::new();
        for value in content.list("parts").unwrap_or_default() {
            part(Members::lenient(value), calls, stamp, &mut parts);
        }
        let message = candidate.text("finishMessage").ok().flatten();
        let reason = candidate.text("finishReason").ok().flatten();
        let ending = reason.map(|reason| finish::read(&reason, message));
        Some(Self {
            id: body.text("responseId").ok().flatten(),
            model: body.text("modelVersion").ok().flatten(),
            parts,
            ending: ending.or(blocked.map(|_| Ending::Finished(Finish::Filtered))),
            usage: counts,
        })
    }
}

/// Appends what a part says. Code that the provider ran, images and the like say nothing here.
fn part(mut part: Members<'_>, calls: &mut usize, stamp: &Stamp, out: &mut Vec<AssistantPart>) {
    let signed = part
        .text("thoughtSignature")
        .ok()
        .flatten()
        .filter(|s| !s.is_empty());
    if let Some(call) = part.take("functionCall") {
        let mut call = Members::lenient(call);
        let id = call.text("id").ok().flatten().filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| format!("call_{}_{calls}", stamp.id));
        *calls += 1;
        out.push(AssistantPart::Call(ToolCall {
            id,
            name: call.text("name").ok().flatten().unwrap_or_default(),
            arguments: Text(match call.take("args") {
                Some(args @ Value::Object(_)) => args.to_string(),
                _ => "{}".to_owned(),
            }),
            signature: signed.map(signature::read),
        }));
        return;
    }
    let Some(text) = part.text("text").ok().flatten() else {
        return;
    };
    let thought = part.flag("thought").ok().flatten().unwrap_or(false);
    match (thought, signed) {
        (true, None) => out.push(AssistantPart::Reasoning(Reasoning::Shown {
            text: Text(text),
            signature: None,
        })),
        (true, Some(signed)) => {
            out.push(AssistantPart::Reasoning(signature::thought(text, signed)));
        }
        (false, signed) => {
            if !text.is_empty() {
                out.push(AssistantPart::Text(Text(text)));
            }
            let signed = signed.map(|signed| signature::thought(String::new(), signed));
            out.extend(signed.map(AssistantPart::Reasoning));
        }
    }
}

pub(super) fn read(body: Map<String, Value>, stamp: &Stamp) -> Result<ChatResponse, Error> {
    let mut calls = 0;
    let body = Members::lenient(body.into());
    let answer = Answer::read(body, &mut calls, stamp).ok_or(Error::NoAnswer)?;
    let finish = match answer.ending {
        Some(Ending::Finished(finish)) => finish,
        Some(Ending::Failed(_)) => return Err(Error::NoAnswer),
        None if answer.parts.is_empty() => return Err(Error::NoAnswer),
        None => Finish::Stop,
    };
    Ok(ChatResponse {
        id: answer.id.unwrap_or_default(),
        model: answer.model.unwrap_or_default(),
        created: None,
        parts: answer.parts,
        finish: finish.with(calls),
        usage: answer.usage.unwrap_or_default(),
    })
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
    let parts = parts.into_iter().map(written).collect();
    let mut body = envelope(parts, Some(&finish));
    body.extend(compact([
        ("usageMetadata", usage::write(&usage).into()),
        ("modelVersion", model_of(model, asked).into()),
        ("responseId", id_of(id, asked).into()),
    ]));
    body
}

/// A part of an answer as a client gets it.
pub(super) fn written(part: AssistantPart) -> Value {
    match part {
        AssistantPart::Text(text) | AssistantPart::Refusal(text) => json!({"text": text}),
        AssistantPart::Reasoning(Reasoning::Shown { text, signature }) => {
            thought(text, signature.map(signature::write))
        }
        AssistantPart::Reasoning(Reasoning::Hidden(data)) => {
            thought(Text::default(), Some(signature::write_hidden(data)))
        }
        AssistantPart::Call(call) => {
            function_call(call.id, call.name, &call.arguments, call.signature)
        }
    }
}

fn thought(text: Text, signature: Option<String>) -> Value {
    let members = compact([
        ("text", text.into()),
        ("thought", true.into()),
        ("thoughtSignature", signature.into()),
    ]);
    members.into()
}

fn function_call(id: String, name: String, json: &str, signature: Option<Opaque>) -> Value {
    let call = json!({"id": id, "name": name, "args": anthropic::input(json)});
    let signature = signature.map(signature::write);
    compact([
        ("functionCall", call),
        ("thoughtSignature", signature.into()),
    ])
    .into()
}

/// The members that hold `parts`, and why there are no more where that is known.
pub(super) fn envelope(parts: Vec<Value>, finish: Option<&Finish>) -> Map<String, Value> {
    let candidate = compact([
        ("content", json!({"parts": parts, "role": "model"})),
        ("finishReason", finish.map(finish::word).into()),
        ("index", 0.into()),
    ]);
    compact([("candidates", json!([candidate]))])
}

pub(super) fn id_of(id: String, asked: &Asked) -> String {
    match id.is_empty() {
        true => asked.stamp.id.clone(),
        false => id,
    }
}

pub(super) fn model_of(model: String, asked: &Asked) -> String {
    match model.is_empty() {
        true => asked.model.clone(),
        false => model,
    }
}
