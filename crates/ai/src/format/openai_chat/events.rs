//! Reading a provider's stream of chunks.

use std::fmt;

use serde_json::Value;

use super::{finish, response, thoughts, usage};
use crate::chat::{ChatEvent, Opaque, Reasoning, Text};
use crate::dialect::openai::error;
use crate::format::{EventReader, Stamp};
use crate::json::Members;
use crate::sse::Event;

/// What has come so far.
pub(super) struct Reader {
    stamp: Stamp,
    started: bool,
    calls: Vec<Call>,
}

/// A tool call of the answer; its place in the list tells it from others.
struct Call {
    /// The place that the provider says it has.
    index: Option<u64>,
    id: Option<String>,
    /// Arguments that came before the name: what is held back until it is known whose they are.
    early: String,
    named: bool,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("started", &self.started)
            .field("calls", &self.calls.len())
            .finish_non_exhaustive()
    }
}

impl Reader {
    pub(super) fn new(stamp: &Stamp) -> Self {
        Self {
            stamp: stamp.clone(),
            started: false,
            calls: Vec::new(),
        }
    }

    fn start(&mut self, chunk: &mut Members<'_>, out: &mut Vec<ChatEvent>) {
        let id = chunk.text("id").ok().flatten();
        let model = chunk.text("model").ok().flatten().filter(|m| !m.is_empty());
        let created = chunk.count("created").ok().flatten();
        // Some send a first chunk that names no model; it is known by the second.
        if self.started || (model.is_none() && id.is_none()) {
            return;
        }
        self.started = true;
        out.push(ChatEvent::Started {
            id: id.unwrap_or_default(),
            model: model.unwrap_or_default(),
            created,
        });
    }

    fn delta(&mut self, mut delta: Members<'_>, out: &mut Vec<ChatEvent>) {
        match delta.take("thinking_blocks") {
            Some(Value::Array(blocks)) => {
                thoughts::take_text(&mut delta);
                let blocks = blocks.into_iter().filter_map(thoughts::block);
                blocks.for_each(|thought| thought_events(thought, out));
            }
            _ => out.extend(thoughts::take_text(&mut delta).map(ChatEvent::Reasoning)),
        }
        out.extend(response::text_of(delta.take("content")).map(ChatEvent::Text));
        let refusal = delta.prose("refusal").ok().flatten();
        out.extend(
            refusal
                .filter(|text| !text.is_empty())
                .map(ChatEvent::Refusal),
        );
        for call in delta.list("tool_calls").unwrap_or_default() {
            self.call(Members::lenient(call), out);
        }
    }

    fn call(&mut self, mut call: Members<'_>, out: &mut Vec<ChatEvent>) {
        let index = call.count("index").ok().flatten();
        let id = call.text("id").ok().flatten().filter(|id| !id.is_empty());
        let signature = response::signature(&mut call);
        let mut function = Members::lenient(call.take("function").unwrap_or_default());
        let name = function
            .text("name")
            .ok()
            .flatten()
            .filter(|n| !n.is_empty());
        let more = match function.take("arguments") {
            Some(Value::String(text)) => text,
            Some(Value::Object(map)) => Value::Object(map).to_string(),
            _ => String::new(),
        };
        let at = self.place(index, id.as_deref(), name.is_some());
        let known = &mut self.calls[at];
        known.id = known.id.take().or(id);
        let key = at as u64;
        if known.named {
            push_arguments(key, more, out);
            return;
        }
        known.early += &more;
        if let Some(name) = name {
            known.named = true;
            let early = std::mem::take(&mut known.early);
            out.push(started(key, known.id.clone(), name, signature, &self.stamp));
            push_arguments(key, early, out);
        }
    }

    /// Which call a delta belongs to. Some servers give all calls the same index, and some none.
    fn place(&mut self, index: Option<u64>, id: Option<&str>, named: bool) -> usize {
        let known = |call: &Call| match (id, call.id.as_deref()) {
            (Some(id), Some(known)) => id == known && call.index == index,
            (Some(_), None) => call.index == index && !call.named,
            (None, _) => call.index == index && (index.is_some() || !named),
        };
        if let Some(at) = self.calls.iter().rposition(known) {
            return at;
        }
        self.calls.push(Call {
            index,
            id: None,
            early: String::new(),
            named: false,
        });
        self.calls.len() - 1
    }
}

fn started(
    call: u64,
    id: Option<String>,
    name: String,
    signature: Option<Opaque>,
    stamp: &Stamp,
) -> ChatEvent {
    ChatEvent::CallStarted {
        call,
        id: response::call_id(id, usize::try_from(call).unwrap_or(usize::MAX), stamp),
        name,
        signature,
    }
}

fn push_arguments(call: u64, json: String, out: &mut Vec<ChatEvent>) {
    if !json.is_empty() {
        let json = Text(json);
        out.push(ChatEvent::Arguments { call, json });
    }
}

fn thought_events(thought: Reasoning, out: &mut Vec<ChatEvent>) {
    match thought {
        Reasoning::Hidden(data) => out.push(ChatEvent::HiddenReasoning(data)),
        Reasoning::Shown { text, signature } => {
            if !text.is_empty() {
                out.push(ChatEvent::Reasoning(text));
            }
            out.extend(signature.map(ChatEvent::Signature));
        }
    }
}

impl EventReader for Reader {
    fn read(&mut self, event: &Event, out: &mut Vec<ChatEvent>) {
        let Some(data) = event.data.as_deref() else {
            return;
        };
        if data.trim_ascii() == b"[DONE]" {
            out.push(ChatEvent::Done);
            return;
        }
        let Ok(chunk) = serde_json::from_slice(data) else {
            return;
        };
        let mut chunk = Members::lenient(chunk);
        if let Some(found) = chunk.take("error") {
            out.push(ChatEvent::Failed(error::read(found.to_string().as_bytes())));
            return;
        }
        self.start(&mut chunk, out);
        // Only the first of several answers was asked for.
        if let Some(choice) = chunk.list("choices").unwrap_or_default().into_iter().next() {
            let mut choice = Members::lenient(choice);
            self.delta(
                Members::lenient(choice.take("delta").unwrap_or_default()),
                out,
            );
            let reason = choice.text("finish_reason").ok().flatten();
            if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
                let finish = finish::read(&reason).with(self.calls.len());
                out.push(ChatEvent::Finished(finish));
            }
        }
        out.extend(usage::read(chunk.take("usage")).map(ChatEvent::Usage));
    }
}
