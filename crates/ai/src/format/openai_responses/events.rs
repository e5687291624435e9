//! Reading a provider's stream of events.

use std::fmt;

use serde_json::Value;

use super::{item, response};
use crate::chat::{ChatEvent, Reasoning, Text};
use crate::dialect::openai::error;
use crate::format::EventReader;
use crate::format::openai_chat::read_usage;
use crate::json::Members;
use crate::sse::Event;

/// The calls that have come, by the place of their items.
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
    fn item_added(&mut self, index: u64, mut item: Members<'_>, out: &mut Vec<ChatEvent>) {
        if text(&mut item, "type").as_deref() != Some("function_call") {
            return;
        }
        out.push(ChatEvent::CallStarted {
            call: index,
            id: text(&mut item, "call_id").unwrap_or_default(),
            name: text(&mut item, "name").unwrap_or_default(),
            signature: None,
        });
        self.calls.push(Call { index, said: false });
        self.arguments(index, text(&mut item, "arguments"), out);
    }

    fn arguments(&mut self, index: u64, json: Option<String>, out: &mut Vec<ChatEvent>) {
        let call = self.calls.iter_mut().find(|call| call.index == index);
        if let (Some(call), Some(json)) = (call, json) {
            call.said = true;
            let json = Text(json);
            out.push(ChatEvent::Arguments { call: index, json });
        }
    }

    /// What the end of an item says and its pieces did not.
    fn item_done(&mut self, index: u64, mut item: Members<'_>, out: &mut Vec<ChatEvent>) {
        match text(&mut item, "type").as_deref() {
            Some("function_call") => {
                let said = |call: &Call| call.index == index && call.said;
                if !self.calls.iter().any(said) {
                    self.arguments(index, text(&mut item, "arguments"), out);
                }
            }
            Some("reasoning") => match item::reasoning(&mut item) {
                Ok(Some(Reasoning::Hidden(data))) => out.push(ChatEvent::HiddenReasoning(data)),
                Ok(Some(Reasoning::Shown { signature, .. })) => {
                    out.extend(signature.map(ChatEvent::Signature));
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn ended(&self, mut response: Members<'_>, out: &mut Vec<ChatEvent>) {
        let details = Members::lenient(response.take("incomplete_details").unwrap_or_default());
        let finish = response::finish(details).with(self.calls.len());
        out.push(ChatEvent::Finished(finish));
        out.extend(read_usage(response.take("usage")).map(ChatEvent::Usage));
        out.push(ChatEvent::Done);
    }
}

fn text(members: &mut Members<'_>, key: &str) -> Option<String> {
    members
        .text(key)
        .ok()
        .flatten()
        .filter(|text| !text.is_empty())
}

fn started(mut response: Members<'_>) -> ChatEvent {
    ChatEvent::Started {
        id: text(&mut response, "id").unwrap_or_default(),
        model: text(&mut response, "model").unwrap_or_default(),
        created: response.count("created_at").ok().flatten(),
    }
}

fn failed(error: Option<Value>) -> ChatEvent {
    let error = error.unwrap_or_default().to_string();
    ChatEvent::Failed(error::read(error.as_bytes()))
}

impl EventReader for Reader {
    fn read(&mut self, event: &Event, out: &mut Vec<ChatEvent>) {
        let Some(Ok(data)) = event.data.as_deref().map(serde_json::from_slice::<Value>) else {
            return;
        };
        let mut event = Members::lenient(data.clone());
        let index = event.count("output_index").ok().flatten().unwrap_or(0);
        let kind = text(&mut event, "type");
        let delta = text(&mut event, "delta");
        let mut part = |key: &str| Members::lenient(event.take(key).unwrap_or_default());
        match kind.as_deref() {
            Some("response.created") => out.push(started(part("response"))),
            Some("response.output_item.added") => self.item_added(index, part("item"), out),
            Some("response.output_item.done") => self.item_done(index, part("item"), out),
            Some("response.output_text.delta") => {
                out.extend(delta.map(|text| ChatEvent::Text(Text(text))));
            }
            Some("response.refusal.delta") => {
                out.extend(delta.map(|text| ChatEvent::Refusal(Text(text))));
            }
            Some("response.reasoning_summary_text.delta" | "response.reasoning_text.delta") => {
                out.extend(delta.map(|text| ChatEvent::Reasoning(Text(text))));
            }
            Some("response.function_call_arguments.delta") => self.arguments(index, delta, out),
            Some("response.completed" | "response.incomplete") => {
                self.ended(part("response"), out);
            }
            Some("response.failed" | "response.cancelled") => {
                out.push(failed(part("response").take("error")));
            }
            // Its members are either beside `type` or in an object of their own.
            Some("error") => out.push(failed(Some(event.take("error").unwrap_or(data)))),
            _ => {}
        }
    }
}
