//! Reading a provider's stream of responses, each of which has more of the answer.

use std::fmt;

use super::finish::Ending;
use super::response::Answer;
use crate::chat::{AssistantPart, ChatEvent, Reasoning};
use crate::dialect::gemini::error;
use crate::format::{EventReader, Stamp};
use crate::json::Members;
use crate::sse::Event;

/// What has come so far.
pub(super) struct Reader {
    stamp: Stamp,
    started: bool,
    calls: usize,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("started", &self.started)
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

impl Reader {
    pub(super) fn new(stamp: &Stamp) -> Self {
        Self {
            stamp: stamp.clone(),
            started: false,
            calls: 0,
        }
    }

    fn answer(&mut self, answer: Answer, first_call: usize, out: &mut Vec<ChatEvent>) {
        if !self.started {
            self.started = true;
            out.push(ChatEvent::Started {
                id: answer.id.unwrap_or_default(),
                model: answer.model.unwrap_or_default(),
                created: None,
            });
        }
        let mut call = first_call as u64;
        for part in answer.parts {
            call += part_events(part, call, out);
        }
        out.extend(answer.usage.map(ChatEvent::Usage));
        match answer.ending {
            None => {}
            Some(Ending::Finished(finish)) => {
                out.push(ChatEvent::Finished(finish.with(self.calls)));
            }
            Some(Ending::Failed(error)) => out.push(ChatEvent::Failed(error)),
        }
    }
}

/// Appends what `part` says; returns how many calls it is.
fn part_events(part: AssistantPart, call: u64, out: &mut Vec<ChatEvent>) -> u64 {
    match part {
        AssistantPart::Text(text) => out.push(ChatEvent::Text(text)),
        AssistantPart::Refusal(text) => out.push(ChatEvent::Refusal(text)),
        AssistantPart::Reasoning(Reasoning::Hidden(data)) => {
            out.push(ChatEvent::HiddenReasoning(data));
        }
        AssistantPart::Reasoning(Reasoning::Shown { text, signature }) => {
            if !text.is_empty() {
                out.push(ChatEvent::Reasoning(text));
            }
            out.extend(signature.map(ChatEvent::Signature));
        }
        AssistantPart::Call(made) => {
            out.push(ChatEvent::CallStarted {
                call,
                id: made.id,
                name: made.name,
                signature: made.signature,
            });
            let json = made.arguments;
            out.push(ChatEvent::Arguments { call, json });
            return 1;
        }
    }
    0
}

impl EventReader for Reader {
    fn read(&mut self, event: &Event, out: &mut Vec<ChatEvent>) {
        let Some(Ok(data)) = event.data.as_deref().map(serde_json::from_slice) else {
            return;
        };
        let mut body = Members::lenient(data);
        if let Some(failure) = body.take("error") {
            let json = failure.to_string();
            out.push(ChatEvent::Failed(error::read(json.as_bytes())));
            return;
        }
        let first_call = self.calls;
        if let Some(answer) = Answer::read(body, &mut self.calls, &self.stamp) {
            self.answer(answer, first_call, out);
        }
    }
}
