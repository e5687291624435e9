//! Reading a provider's stream of frames.

use std::fmt;

use serde_json::Value;

use super::{finish, response};
use crate::aws_stream::FAILURE;
use crate::chat::{ChatEvent, Text};
use crate::dialect::bedrock::error;
use crate::format::EventReader;
use crate::json::Members;
use crate::sse::Event;

/// Tool calls that are open, and whether the reason of the end has come.
#[derive(Default)]
pub(super) struct Reader {
    calls: Vec<Call>,
    finished: bool,
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
            .field("finished", &self.finished)
            .finish()
    }
}

impl Reader {
    fn block_started(&mut self, index: u64, mut start: Members<'_>, out: &mut Vec<ChatEvent>) {
        let Some(call) = start.take("toolUse") else {
            return;
        };
        let mut call = Members::lenient(call);
        self.calls.push(Call { index, said: false });
        out.push(ChatEvent::CallStarted {
            call: index,
            id: text(&mut call, "toolUseId").unwrap_or_default(),
            name: text(&mut call, "name").unwrap_or_default(),
            signature: None,
        });
    }

    fn block_delta(&mut self, index: u64, mut delta: Members<'_>, out: &mut Vec<ChatEvent>) {
        out.extend(text(&mut delta, "text").map(|text| ChatEvent::Text(Text(text))));
        if let Some(mut thought) = delta.take("reasoningContent").map(Members::lenient) {
            out.extend(text(&mut thought, "text").map(|text| ChatEvent::Reasoning(Text(text))));
            let signature = text(&mut thought, "signature").and_then(response::signature);
            out.extend(signature.map(ChatEvent::Signature));
            let hidden = text(&mut thought, "redactedContent").map(response::hidden);
            out.extend(hidden.map(ChatEvent::HiddenReasoning));
        }
        if let Some(mut call) = delta.take("toolUse").map(Members::lenient)
            && let Some(open) = self.calls.iter_mut().find(|call| call.index == index)
            && let Some(json) = text(&mut call, "input")
        {
            open.said = true;
            out.push(arguments(index, json));
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

    fn stopped(&mut self, mut event: Members<'_>, out: &mut Vec<ChatEvent>) {
        self.finished = true;
        let reason = text(&mut event, "stopReason").unwrap_or_default();
        out.push(match finish::read(&reason) {
            Ok(finish) => ChatEvent::Finished(finish),
            Err(error) => ChatEvent::Failed(error),
        });
    }
}

fn text(members: &mut Members<'_>, key: &str) -> Option<String> {
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

impl EventReader for Reader {
    fn read(&mut self, event: &Event, out: &mut Vec<ChatEvent>) {
        let name = event.name.as_deref().unwrap_or_default();
        let data = event.data.as_deref().unwrap_or_default();
        if let Some(kind) = name.strip_prefix(FAILURE.as_bytes()) {
            let kind = String::from_utf8_lossy(kind).into_owned();
            let kind = Some(kind).filter(|kind| !kind.is_empty());
            let error = error::read(data);
            out.push(ChatEvent::Failed(crate::dialect::ProviderError {
                kind: kind.or(error.kind),
                ..error
            }));
            return;
        }
        let Ok(data) = serde_json::from_slice::<Value>(data) else {
            return;
        };
        let mut event = Members::lenient(data);
        let index = event.count("contentBlockIndex").ok().flatten().unwrap_or(0);
        let mut part = |key: &str| Members::lenient(event.take(key).unwrap_or_default());
        match name {
            b"messageStart" => out.push(ChatEvent::Started {
                id: String::new(),
                model: String::new(),
                created: None,
            }),
            b"contentBlockStart" => self.block_started(index, part("start"), out),
            b"contentBlockDelta" => self.block_delta(index, part("delta"), out),
            b"contentBlockStop" => self.block_stopped(index, out),
            b"messageStop" => self.stopped(event, out),
            b"metadata" => {
                out.extend(response::usage(event.take("usage")).map(ChatEvent::Usage));
                if self.finished {
                    out.push(ChatEvent::Done);
                }
            }
            _ => {}
        }
    }
}
