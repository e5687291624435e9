//! Writing a client's stream of events.

use std::fmt;

use serde_json::{Map, Value, json};

use super::{finish, response, usage};
use crate::chat::{ChatEvent, Finish, Opaque};
use crate::dialect::anthropic::error;
use crate::envelope::ErrorBody;
use crate::format::{Asked, EventWriter, Format};
use crate::usage::Usage;

/// The message so far. Its blocks come one after the other.
pub(super) struct Writer {
    asked: Asked,
    started: bool,
    /// What the open block is for.
    open: Option<Block>,
    /// Index of the open block, or of the next.
    index: u64,
    usage: Usage,
    finish: Option<Finish>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Text,
    Thinking,
    Call(u64),
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("open", &self.open)
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn new(asked: Asked) -> Self {
        Self {
            asked,
            started: false,
            open: None,
            index: 0,
            usage: Usage::default(),
            finish: None,
        }
    }

    fn start(&mut self, id: String, model: String, out: &mut Vec<u8>) {
        if self.started {
            return;
        }
        self.started = true;
        let mut message = response::envelope(id, model, &self.asked);
        message.insert("content".to_owned(), json!([]));
        message.insert("stop_reason".to_owned(), Value::Null);
        message.insert("stop_sequence".to_owned(), Value::Null);
        message.insert("usage".to_owned(), usage::write(&self.usage).into());
        emit("message_start", json!({"message": message}), out);
    }

    /// Opens `block` unless it is open.
    fn open(&mut self, block: Block, start: impl FnOnce() -> Value, out: &mut Vec<u8>) {
        if self.open == Some(block) {
            return;
        }
        self.close(out);
        self.start(String::new(), String::new(), out);
        self.open = Some(block);
        let members = json!({"index": self.index, "content_block": start()});
        emit("content_block_start", members, out);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            emit("content_block_stop", json!({"index": self.index}), out);
            self.index += 1;
        }
    }

    fn delta(&self, delta: Value, out: &mut Vec<u8>) {
        let members = json!({"index": self.index, "delta": delta});
        emit("content_block_delta", members, out);
    }

    fn text(&mut self, text: Value, out: &mut Vec<u8>) {
        let start = || json!({"type": "text", "text": ""});
        self.open(Block::Text, start, out);
        self.delta(json!({"type": "text_delta", "text": text}), out);
    }

    fn think(&mut self, out: &mut Vec<u8>) {
        let start = || json!({"type": "thinking", "thinking": "", "signature": ""});
        self.open(Block::Thinking, start, out);
    }

    fn sign(&mut self, signature: Opaque, out: &mut Vec<u8>) {
        self.think(out);
        let signature = signature.written_in(Format::AnthropicMessages);
        self.delta(
            json!({"type": "signature_delta", "signature": signature}),
            out,
        );
        // What is thought next has a signature of its own.
        self.close(out);
    }

    fn hidden(&mut self, data: Opaque, out: &mut Vec<u8>) {
        self.close(out);
        let data = data.written_in(Format::AnthropicMessages);
        let start = || json!({"type": "redacted_thinking", "data": data});
        self.open(Block::Thinking, start, out);
        self.close(out);
    }

    fn arguments(&mut self, call: u64, json: Value, out: &mut Vec<u8>) {
        debug_assert_eq!(
            self.open,
            Some(Block::Call(call)),
            "calls come one after the other"
        );
        self.delta(
            json!({"type": "input_json_delta", "partial_json": json}),
            out,
        );
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.start(String::new(), String::new(), out);
        self.close(out);
        let (reason, sequence) = finish::words(self.finish.take().unwrap_or(Finish::Stop));
        let delta = json!({"stop_reason": reason, "stop_sequence": sequence});
        let usage = usage::write(&self.usage);
        emit(
            "message_delta",
            json!({"delta": delta, "usage": usage}),
            out,
        );
        emit("message_stop", json!({}), out);
    }
}

impl EventWriter for Writer {
    fn write(&mut self, event: ChatEvent, out: &mut Vec<u8>) {
        match event {
            ChatEvent::Started { id, model, .. } => self.start(id, model, out),
            ChatEvent::Text(text) | ChatEvent::Refusal(text) => self.text(text.into(), out),
            ChatEvent::Reasoning(text) => {
                self.think(out);
                self.delta(json!({"type": "thinking_delta", "thinking": text}), out);
            }
            ChatEvent::Signature(signature) => self.sign(signature, out),
            ChatEvent::HiddenReasoning(data) => self.hidden(data, out),
            ChatEvent::CallStarted { call, id, name, .. } => {
                let start = || json!({"type": "tool_use", "id": id, "name": name, "input": {}});
                self.open(Block::Call(call), start, out);
            }
            ChatEvent::Arguments { call, json } => self.arguments(call, json.into(), out),
            ChatEvent::Finished(finish) => self.finish = Some(finish),
            ChatEvent::Usage(usage) => self.usage.update(usage),
            ChatEvent::Failed(failure) => self.cut(&ErrorBody::of(&failure), out),
            ChatEvent::Done => self.end(out),
        }
    }

    fn cut(&mut self, body: &ErrorBody<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&error::event(body));
    }
}

fn emit(name: &str, members: Value, out: &mut Vec<u8>) {
    let mut event = Map::new();
    event.insert("type".to_owned(), name.into());
    if let Value::Object(members) = members {
        event.extend(members);
    }
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    out.extend_from_slice(&crate::json::bytes(&event));
    out.extend_from_slice(b"\n\n");
}
