//! Writing a stream of frames.

use std::fmt;

use serde_json::{Value, json};

use super::{finish, response};
use crate::aws_stream::{Message, frame};
use crate::chat::{ChatEvent, Finish};
use crate::dialect::bedrock::error;
use crate::envelope::ErrorBody;
use crate::format::{EventWriter, Format};
use crate::usage::Usage;

/// The message so far. Its blocks come one after the other.
#[derive(Default)]
pub(super) struct Writer {
    started: bool,
    open: Option<Block>,
    /// Index of the open block, or of the next.
    index: u64,
    usage: Usage,
    finish: Option<Finish>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Text,
    Thought,
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
    fn start(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.started, true) {
            emit("messageStart", &json!({"role": "assistant"}), out);
        }
    }

    fn open(&mut self, block: Block, out: &mut Vec<u8>) {
        if self.open != Some(block) {
            self.close(out);
            self.start(out);
            self.open = Some(block);
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            emit(
                "contentBlockStop",
                &json!({"contentBlockIndex": self.index}),
                out,
            );
            self.index += 1;
        }
    }

    fn delta(&mut self, block: Block, delta: Value, out: &mut Vec<u8>) {
        self.open(block, out);
        let event = json!({"contentBlockIndex": self.index, "delta": delta});
        emit("contentBlockDelta", &event, out);
    }

    fn thought(&mut self, key: &str, value: String, out: &mut Vec<u8>) {
        self.delta(
            Block::Thought,
            json!({"reasoningContent": {key: value}}),
            out,
        );
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.start(out);
        self.close(out);
        let finish = self.finish.take().unwrap_or(Finish::Stop);
        emit(
            "messageStop",
            &json!({"stopReason": finish::word(&finish)}),
            out,
        );
        emit(
            "metadata",
            &json!({"usage": response::counts(&self.usage)}),
            out,
        );
    }
}

impl EventWriter for Writer {
    fn write(&mut self, event: ChatEvent, out: &mut Vec<u8>) {
        match event {
            ChatEvent::Started { .. } => self.start(out),
            ChatEvent::Text(text) | ChatEvent::Refusal(text) => {
                self.delta(Block::Text, json!({"text": text}), out);
            }
            ChatEvent::Reasoning(text) => self.thought("text", text.0, out),
            ChatEvent::Signature(signature) => {
                let signature = signature.written_in(Format::AnthropicMessages);
                self.thought("signature", signature, out);
                self.close(out);
            }
            ChatEvent::HiddenReasoning(data) => {
                self.close(out);
                self.thought("redactedContent", data.data.0, out);
                self.close(out);
            }
            ChatEvent::CallStarted { call, id, name, .. } => {
                self.open(Block::Call(call), out);
                let start = json!({"toolUse": {"toolUseId": id, "name": name}});
                let event = json!({"contentBlockIndex": self.index, "start": start});
                emit("contentBlockStart", &event, out);
            }
            ChatEvent::Arguments { call, json } => {
                self.delta(Block::Call(call), json!({"toolUse": {"input": json}}), out);
            }
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

fn emit(name: &str, payload: &Value, out: &mut Vec<u8>) {
    let payload = crate::json::bytes(payload);
    out.extend_from_slice(&frame(Message::Event, name, &payload));
}
