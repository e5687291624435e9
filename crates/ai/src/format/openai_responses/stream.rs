//! Writing a client's stream of events.

use std::fmt;

use serde_json::{Map, Value, json};

use super::echo::{State, response};
use super::request_out;
use crate::chat::{ChatEvent, Finish, Opaque, Reasoning, Text, ToolCall};
use crate::dialect::openai::responses::error_event;
use crate::envelope::ErrorBody;
use crate::format::{Asked, EventWriter};
use crate::usage::Usage;

/// The response so far: its last event repeats all of it.
pub(super) struct Writer {
    asked: Asked,
    id: String,
    model: String,
    created: u64,
    sequence: u64,
    started: bool,
    open: Option<Open>,
    output: Vec<Value>,
    held: usize,
    usage: Usage,
    finish: Option<Finish>,
}

/// The item that is being written; its text so far.
struct Open {
    kind: Kind,
    text: String,
}

#[derive(PartialEq, Eq)]
enum Kind {
    Text,
    Refusal,
    Thought,
    Call { call: u64, id: String, name: String },
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("items", &self.output.len())
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

impl Kind {
    fn prefix(&self) -> &'static str {
        match self {
            Self::Text | Self::Refusal => "msg",
            Self::Thought => "rs",
            Self::Call { .. } => "fc",
        }
    }

    /// The event that brings more of the item's text, and the one that ends it, and the member
    /// that has all of it there.
    fn events(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Text => (
                "response.output_text.delta",
                "response.output_text.done",
                "text",
            ),
            Self::Refusal => ("response.refusal.delta", "response.refusal.done", "refusal"),
            Self::Thought => (
                "response.reasoning_summary_text.delta",
                "response.reasoning_summary_text.done",
                "text",
            ),
            Self::Call { .. } => (
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
                "arguments",
            ),
        }
    }

    /// The events around the part that the text is in, and the member with its place.
    fn part_events(&self) -> Option<(&'static str, &'static str, &'static str)> {
        match self {
            Self::Text | Self::Refusal => Some((
                "response.content_part.added",
                "response.content_part.done",
                "content_index",
            )),
            Self::Thought => Some((
                "response.reasoning_summary_part.added",
                "response.reasoning_summary_part.done",
                "summary_index",
            )),
            Self::Call { .. } => None,
        }
    }

    fn part(&self, text: &str) -> Value {
        match self {
            Self::Text => {
                json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
            }
            Self::Refusal => json!({"type": "refusal", "refusal": text}),
            Self::Thought | Self::Call { .. } => json!({"type": "summary_text", "text": text}),
        }
    }
}

impl Writer {
    pub(super) fn new(asked: Asked) -> Self {
        Self {
            id: format!("resp_{}", asked.stamp.id),
            model: asked.model.clone(),
            created: asked.stamp.created,
            sequence: 0,
            started: false,
            open: None,
            output: Vec::new(),
            held: 0,
            usage: Usage::default(),
            finish: None,
            asked,
        }
    }

    /// The response as it stands.
    pub(super) fn response(&self) -> Map<String, Value> {
        let ended = self.finish.is_some();
        let state = State {
            id: &self.id,
            model: &self.model,
            created: self.created,
            output: &self.output,
            finish: self.finish.as_ref(),
            usage: ended.then_some(&self.usage),
        };
        response(&state, &self.asked)
    }

    fn emit(&mut self, kind: &str, members: Value, out: &mut Vec<u8>) {
        let mut event = Map::new();
        event.insert("type".to_owned(), kind.into());
        event.insert("sequence_number".to_owned(), self.sequence.into());
        if let Value::Object(members) = members {
            event.extend(members);
        }
        self.sequence += 1;
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        out.extend_from_slice(&crate::json::bytes(&event));
        out.extend_from_slice(b"\n\n");
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if self.started {
            return;
        }
        self.started = true;
        let response = json!({"response": self.response()});
        self.emit("response.created", response.clone(), out);
        self.emit("response.in_progress", response, out);
    }

    fn item_id(&self, kind: &Kind) -> String {
        format!(
            "{}_{}_{}",
            kind.prefix(),
            self.asked.stamp.id,
            self.output.len()
        )
    }

    /// The members that say where something is.
    fn place(&self, kind: &Kind, index: Option<&str>) -> Map<String, Value> {
        let mut place = Map::new();
        place.insert("item_id".to_owned(), self.item_id(kind).into());
        place.insert("output_index".to_owned(), self.output.len().into());
        if let Some(index) = index {
            place.insert(index.to_owned(), 0.into());
        }
        place
    }

    fn open(&mut self, kind: Kind, out: &mut Vec<u8>) {
        if self.open.as_ref().is_some_and(|open| open.kind == kind) {
            return;
        }
        self.close(None, out);
        self.start(out);
        let item = self.item(&kind, None, "in_progress", None);
        let added = json!({"output_index": self.output.len(), "item": item});
        self.emit("response.output_item.added", added, out);
        if let Some((added, _, index)) = kind.part_events() {
            let mut place = self.place(&kind, Some(index));
            place.insert("part".to_owned(), kind.part(""));
            self.emit(added, place.into(), out);
        }
        let text = String::new();
        self.open = Some(Open { kind, text });
    }

    /// More of the open item.
    fn more(&mut self, text: &str, out: &mut Vec<u8>) {
        let Some(mut open) = self.open.take() else {
            return;
        };
        self.held += text.len();
        open.text += text;
        let index = open.kind.part_events().map(|(_, _, index)| index);
        let mut place = self.place(&open.kind, index);
        place.insert("delta".to_owned(), text.into());
        if open.kind == Kind::Text {
            place.insert("logprobs".to_owned(), json!([]));
        }
        self.emit(open.kind.events().0, place.into(), out);
        self.open = Some(open);
    }

    fn close(&mut self, signature: Option<Opaque>, out: &mut Vec<u8>) {
        let Some(Open { kind, text }) = self.open.take() else {
            return;
        };
        let (_, done, member) = kind.events();
        let part = kind.part_events();
        let mut place = self.place(&kind, part.map(|(_, _, index)| index));
        place.insert(member.to_owned(), text.as_str().into());
        if kind == Kind::Text {
            place.insert("logprobs".to_owned(), json!([]));
        }
        if let Kind::Call { name, .. } = &kind {
            place.insert("name".to_owned(), name.as_str().into());
        }
        self.emit(done, place.into(), out);
        if let Some((_, done, index)) = part {
            let mut place = self.place(&kind, Some(index));
            place.insert("part".to_owned(), kind.part(&text));
            self.emit(done, place.into(), out);
        }
        let item = self.item(&kind, Some(text), "completed", signature);
        self.item_done(item, out);
    }

    fn item_done(&mut self, item: Value, out: &mut Vec<u8>) {
        let done = json!({"output_index": self.output.len(), "item": item});
        self.emit("response.output_item.done", done, out);
        self.output.push(item);
    }

    /// The item; `None` for its text when it has only begun.
    fn item(
        &self,
        kind: &Kind,
        text: Option<String>,
        status: &str,
        signature: Option<Opaque>,
    ) -> Value {
        let begun = text.is_none();
        let text = text.unwrap_or_default();
        let mut members = match kind {
            Kind::Text | Kind::Refusal => {
                let content = match begun {
                    true => json!([]),
                    false => json!([kind.part(&text)]),
                };
                let message = json!({"type": "message", "role": "assistant", "content": content});
                message.as_object().cloned().unwrap_or_default()
            }
            Kind::Thought => {
                let mut item = request_out::reasoning(Reasoning::Shown {
                    text: Text(text),
                    signature,
                });
                if begun {
                    item.insert("summary".to_owned(), json!([]));
                }
                item
            }
            Kind::Call { id, name, .. } => {
                let mut item = request_out::function_call(ToolCall {
                    id: id.clone(),
                    name: name.clone(),
                    arguments: Text(text),
                    signature: None,
                });
                if begun {
                    item.insert("arguments".to_owned(), "".into());
                }
                item
            }
        };
        members.insert("id".to_owned(), self.item_id(kind).into());
        members.insert("status".to_owned(), status.into());
        members.into()
    }

    fn hidden(&mut self, data: Opaque, out: &mut Vec<u8>) {
        self.close(None, out);
        self.start(out);
        self.held += data.data.len();
        let mut item = request_out::reasoning(Reasoning::Hidden(data));
        item.insert("id".to_owned(), self.item_id(&Kind::Thought).into());
        let added = json!({"output_index": self.output.len(), "item": item});
        self.emit("response.output_item.added", added, out);
        self.item_done(item.into(), out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close(None, out);
        self.start(out);
        let finish = self.finish.get_or_insert(Finish::Stop);
        let kind = match finish {
            Finish::Length | Finish::Filtered => "response.incomplete",
            _ => "response.completed",
        };
        let response = json!({"response": self.response()});
        self.emit(kind, response, out);
    }
}

impl EventWriter for Writer {
    fn write(&mut self, event: ChatEvent, out: &mut Vec<u8>) {
        match event {
            ChatEvent::Started { id, model, created } => {
                if !id.is_empty() {
                    self.id = id;
                }
                if !model.is_empty() {
                    self.model = model;
                }
                self.created = created.unwrap_or(self.created);
                self.start(out);
            }
            ChatEvent::Text(text) => {
                self.open(Kind::Text, out);
                self.more(&text, out);
            }
            ChatEvent::Refusal(text) => {
                self.open(Kind::Refusal, out);
                self.more(&text, out);
            }
            ChatEvent::Reasoning(text) => {
                self.open(Kind::Thought, out);
                self.more(&text, out);
            }
            ChatEvent::Signature(signature) => {
                self.open(Kind::Thought, out);
                self.close(Some(signature), out);
            }
            ChatEvent::HiddenReasoning(data) => self.hidden(data, out),
            ChatEvent::CallStarted { call, id, name, .. } => {
                self.open(Kind::Call { call, id, name }, out);
            }
            ChatEvent::Arguments { json, .. } => self.more(&json, out),
            ChatEvent::Finished(finish) => {
                // The response that ends the stream says why.
                self.close(None, out);
                self.finish = Some(finish);
            }
            ChatEvent::Usage(usage) => self.usage.update(usage),
            ChatEvent::Failed(failure) => self.cut(&ErrorBody::of(&failure), out),
            ChatEvent::Done => self.end(out),
        }
    }

    fn cut(&mut self, error: &ErrorBody<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&error_event(error, self.sequence));
        self.sequence += 1;
    }

    fn held(&self) -> usize {
        self.held
    }
}
