//! What a model answers, at once or bit by bit.

use super::message::{AssistantPart, Reasoning};
use super::opaque::Opaque;
use super::text::Text;
use crate::dialect::{Class, ProviderError};
use crate::usage::Usage;

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatResponse {
    pub id: String,
    /// The model that answered.
    pub model: String,
    /// Seconds since 1970.
    pub created: Option<u64>,
    pub parts: Vec<AssistantPart>,
    pub finish: Finish,
    pub usage: Usage,
}

/// Why generation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    Stop,
    /// At one of the request's stop sequences.
    StopSequence(Option<Text>),
    Length,
    ToolCalls,
    /// By the provider's rules on content.
    Filtered,
    /// The provider interrupts a long turn: send the answer back to go on.
    Paused,
}

/// A step of an answer that comes bit by bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatEvent {
    /// Comes first, and tells nothing of the answer.
    Started {
        id: String,
        model: String,
        created: Option<u64>,
    },
    Text(Text),
    Refusal(Text),
    Reasoning(Text),
    /// Ends what was thought last.
    Signature(Opaque),
    HiddenReasoning(Opaque),
    /// A tool call begins. `call` tells it from others of the answer.
    CallStarted {
        call: u64,
        id: String,
        name: String,
        signature: Option<Opaque>,
    },
    /// More of the JSON of a call's arguments.
    Arguments {
        call: u64,
        json: Text,
    },
    Finished(Finish),
    /// Counts so far; later ones replace earlier ones.
    Usage(Usage),
    Failed(ProviderError),
    /// The proper end of the stream.
    Done,
}

impl ChatEvent {
    /// What the event means to the gateway. Counts alone are no content: some providers send them
    /// first of all.
    pub fn class(&self) -> Class {
        match self {
            Self::Started { .. } | Self::Usage(_) => Class::Empty,
            Self::Text(text) | Self::Refusal(text) | Self::Reasoning(text) if text.is_empty() => {
                Class::Empty
            }
            Self::Failed(error) => Class::Error(Box::new(error.clone())),
            Self::Done => Class::Done,
            _ => Class::Content,
        }
    }
}

impl Finish {
    /// In OpenAI's words, which logs have too.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Stop | Self::StopSequence(_) | Self::Paused => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::Filtered => "content_filter",
        }
    }

    /// A turn that calls tools ends for that reason, whatever its provider calls it.
    pub fn with(self, calls: usize) -> Self {
        match self {
            Self::Stop if calls > 0 => Self::ToolCalls,
            other => other,
        }
    }
}

impl ChatResponse {
    /// The steps in which the answer could have come.
    pub fn into_events(self) -> Vec<ChatEvent> {
        let Self {
            id,
            model,
            created,
            parts,
            finish,
            usage,
        } = self;
        let mut events = vec![ChatEvent::Started { id, model, created }];
        for (call, part) in (0..).zip(parts) {
            match part {
                AssistantPart::Text(text) => events.push(ChatEvent::Text(text)),
                AssistantPart::Refusal(text) => events.push(ChatEvent::Refusal(text)),
                AssistantPart::Reasoning(Reasoning::Hidden(data)) => {
                    events.push(ChatEvent::HiddenReasoning(data));
                }
                AssistantPart::Reasoning(Reasoning::Shown { text, signature }) => {
                    events.push(ChatEvent::Reasoning(text));
                    events.extend(signature.map(ChatEvent::Signature));
                }
                AssistantPart::Call(tool) => {
                    events.push(ChatEvent::CallStarted {
                        call,
                        id: tool.id,
                        name: tool.name,
                        signature: tool.signature,
                    });
                    let json = tool.arguments;
                    events.push(ChatEvent::Arguments { call, json });
                }
            }
        }
        events.push(ChatEvent::Finished(finish));
        events.push(ChatEvent::Usage(usage));
        events.push(ChatEvent::Done);
        events
    }
}
