//! Writing a client's stream of chunks.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{response, thoughts, usage};
use crate::chat::{ChatEvent, Streaming, UsageWish};
use crate::dialect::openai::error;
use crate::envelope::ErrorBody;
use crate::format::{Asked, EventWriter};
use crate::usage::Usage;

/// What the chunks say of themselves, and what has been said.
pub(super) struct Writer {
    asked: Asked,
    id: String,
    model: String,
    created: u64,
    started: bool,
    usage: Usage,
    /// Calls in the order in which they came: clients count them from zero.
    calls: Vec<u64>,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [Choice<'a>],
    /// Null but for the last, and only where the client asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Value>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: Value,
    logprobs: Option<()>,
    finish_reason: Option<&'a str>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("started", &self.started)
            .field("calls", &self.calls.len())
            .finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn new(asked: Asked) -> Self {
        Self {
            id: response::id_of(String::new(), &asked),
            model: asked.model.clone(),
            created: asked.stamp.created,
            started: false,
            usage: Usage::default(),
            calls: Vec::new(),
            asked,
        }
    }

    fn wants_usage(&self) -> bool {
        self.asked.stream == Streaming::Events(UsageWish::Asked)
    }

    fn chunk(&self, choices: &[Choice<'_>], usage: Option<Value>, out: &mut Vec<u8>) {
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: &self.model,
            choices,
            usage: usage.or_else(|| self.wants_usage().then_some(Value::Null)),
        };
        data(&crate::json::bytes(&chunk), out);
    }

    fn delta(&mut self, delta: Value, out: &mut Vec<u8>) {
        self.start(out);
        self.choice(delta, None, out);
    }

    fn choice(&self, delta: Value, finish_reason: Option<&str>, out: &mut Vec<u8>) {
        let choice = Choice {
            index: 0,
            delta,
            logprobs: None,
            finish_reason,
        };
        self.chunk(&[choice], None, out);
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if !self.started {
            self.started = true;
            self.choice(json!({"role": "assistant", "content": ""}), None, out);
        }
    }

    fn call(&mut self, call: u64) -> usize {
        let known = self.calls.iter().position(|known| *known == call);
        known.unwrap_or_else(|| {
            self.calls.push(call);
            self.calls.len() - 1
        })
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.wants_usage() {
            let usage = usage::write(&self.usage).into();
            self.chunk(&[], Some(usage), out);
        }
        data(b"[DONE]", out);
    }
}

impl EventWriter for Writer {
    fn write(&mut self, event: ChatEvent, out: &mut Vec<u8>) {
        match event {
            ChatEvent::Started { id, model, created } => {
                self.id = response::id_of(id, &self.asked);
                self.model = response::model_of(model, &self.asked);
                self.created = created.unwrap_or(self.created);
                self.start(out);
            }
            ChatEvent::Text(text) => self.delta(json!({"content": text}), out),
            ChatEvent::Refusal(text) => self.delta(json!({"refusal": text}), out),
            ChatEvent::Reasoning(text) => self.delta(json!({"reasoning_content": text}), out),
            ChatEvent::Signature(signature) => {
                let block = thoughts::signed_block(Default::default(), Some(signature));
                self.delta(json!({"thinking_blocks": [block]}), out);
            }
            ChatEvent::HiddenReasoning(data) => {
                let block = thoughts::hidden_block(data);
                self.delta(json!({"thinking_blocks": [block]}), out);
            }
            ChatEvent::CallStarted {
                call,
                id,
                name,
                signature,
            } => {
                let mut members = Map::new();
                members.insert("index".to_owned(), self.call(call).into());
                members.insert("id".to_owned(), id.into());
                members.insert("type".to_owned(), "function".into());
                let function = json!({"name": name, "arguments": ""});
                members.insert("function".to_owned(), function);
                response::put_signature(signature, &mut members);
                self.delta(json!({"tool_calls": [members]}), out);
            }
            ChatEvent::Arguments { call, json } => {
                let function = json!({"arguments": json});
                let call = json!({"index": self.call(call), "function": function});
                self.delta(json!({"tool_calls": [call]}), out);
            }
            ChatEvent::Finished(reason) => {
                self.start(out);
                self.choice(json!({}), Some(reason.word()), out);
            }
            ChatEvent::Usage(usage) => self.usage.update(usage),
            ChatEvent::Failed(failure) => {
                let body = ErrorBody::of(&failure);
                data(&error::envelope(&body), out);
            }
            ChatEvent::Done => self.end(out),
        }
    }

    fn cut(&mut self, body: &ErrorBody<'_>, out: &mut Vec<u8>) {
        data(&error::envelope(body), out);
    }
}

fn data(json: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(json);
    out.extend_from_slice(b"\n\n");
}
