//! Reading a provider's stream of events.

use std::fmt;

use serde_json::Value;

use super::{finish, response, usage};
use crate::chat::{ChatEvent, Text};
use crate::dialect::openai::error;
use crate::format::EventReader;
use crate::json::Members;
use crate::sse::Event;

/// Tool calls that are open.
#[derive(Default)]
pub(super) struct Reader {
    calls: Vec<Call>,
}

struct Call {
    index: u64,
    /// Whether something of its arguments has come.
    said: bool,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("calls", &self.calls.len())
            .finish()
    }
}

impl Reader {
    fn block_started(&mut self, index: u64, mut block: Members<'_>, out: &mut Vec<ChatEvent>) {
        let input = block.take("input");
        let mut text = |key: &str| block.text(key).ok().flatten().filter(|t| !t.is_empty());
        match text("type").as_deref() {
            Some("text") => out.extend(text("text").map(|t| ChatEvent::Text(Text(t)))),
            Some("thinking") => {
                out.extend(text("thinking").map(|t| ChatEvent::Reasoning(Text(t))));
                out.extend(text("signature").map(|s| ChatEvent::Signature(response::ours(s))));
            }
            Some("redacted_thinking") => out
                .extend(text("data").map(|data| ChatEvent::HiddenReasoning(response::ours(data)))),
            Some("tool_use") => {
                out.push(ChatEvent::CallStarted {
                    call: index,
                    id: text("id").unwrap_or_default(),
                    name: text("name").unwrap_or_default(),
                    signature: None,
                });
                // Servers that do not stream arguments have them here.
                let whole = input.filter(|input| input.as_object().is_some_and(|m| !m.is_empty()));
                self.calls.push(Call {
                    index,
                    said: whole.is_some(),
                });
                out.extend(whole.map(|input| arguments(index, input.to_string())));
            }
            _ => {}
        }
    }

    fn block_delta(&mut self, index: u64, mut delta: Members<'_>, out: &mut Vec<ChatEvent>) {
        let mut text = |key: &str| block_text(&mut delta, key);
        match text("type").as_deref() {
            Some("text_delta") => out.extend(text("text").map(|t| ChatEvent::Text(Text(t)))),
            Some("thinking_delta") => {
                out.extend(text("thinking").map(|t| ChatEvent::Reasoning(Text(t))));
            }
            Some("signature_delta") => {
                out.extend(text("signature").map(|s| ChatEvent::Signature(response::ours(s))));
            }
            Some("input_json_delta") => {
                let Some(call) = self.calls.iter_mut().find(|call| call.index == index) else {
                    return;
                };
                if let Some(json) = text("partial_json") {
                    call.said = true;
                    out.push(arguments(index, json));
                }
            }
            _ => {}
        }
    }

    fn block_stopped(&mut self, index: u64, out: &mut Vec<ChatEvent>) {
        let Some(at) = self.calls.iter().position(|call| call.index == index) else {
            return;
        };
        if !self.calls.swap_remove(at).said {
            // No arguments are none of a function; other clients expect JSON.
            out.push(arguments(index, "{}".to_owned()));
        }
    }
}

fn block_text(members: &mut Members<'_>, key: &str) -> Option<String> {
    members
        .text(key)
        .ok()
        .flatten()
        .filter(|text| !text.is_empty())
}

fn arguments(call: u64, json: String) -> ChatEvent {
    let json = Text(json);
    ChatEvent::Arguments { call, json }
}

fn started(mut message: Members<'_>, out: &mut Vec<ChatEvent>) {
    out.push(ChatEvent::Started {
        id: block_text(&mut message, "id").unwrap_or_default(),
        model: block_text(&mut message, "model").unwrap_or_default(),
        created: None,
    });
    out.extend(usage::read(message.take("usage")).map(ChatEvent::Usage));
}

fn message_delta(mut event: Members<'_>, out: &mut Vec<ChatEvent>) {
    out.extend(usage::read(event.take("usage")).map(ChatEvent::Usage));
    let mut delta = Members::lenient(event.take("delta").unwrap_or_default());
    let sequence = block_text(&mut delta, "stop_sequence");
    let reason = block_text(&mut delta, "stop_reason");
    out.extend(reason.map(|reason| ChatEvent::Finished(finish::read(&reason, sequence))));
}

impl EventReader for Reader {
    fn read(&mut self, event: &Event, out: &mut Vec<ChatEvent>) {
        let Some(Ok(data)) = event.data.as_deref().map(serde_json::from_slice) else {
            return;
        };
        let mut event = Members::lenient(data);
        let index = event.count("index").ok().flatten().unwrap_or(0);
        let kind = block_text(&mut event, "type");
        let mut part = |key: &str| Members::lenient(event.take(key).unwrap_or_default());
        match kind.as_deref() {
            Some("message_start") => started(part("message"), out),
            Some("content_block_start") => self.block_started(index, part("content_block"), out),
            Some("content_block_delta") => self.block_delta(index, part("delta"), out),
            Some("content_block_stop") => self.block_stopped(index, out),
            Some("message_delta") => message_delta(event, out),
            Some("message_stop") => out.push(ChatEvent::Done),
            Some("error") => {
                let error = event.take("error").unwrap_or(Value::Null);
                out.push(ChatEvent::Failed(error::read(error.to_string().as_bytes())));
            }
            _ => {}
        }
    }
}
