//! Writing a client's stream of responses.

use std::fmt;

use serde_json::{Value, json};

use super::{response, signature, usage};
use crate::chat::{AssistantPart, ChatEvent, Finish, Opaque, Reasoning, Text, ToolCall};
use crate::dialect::gemini::error;
use crate::envelope::ErrorBody;
use crate::format::{Asked, EventWriter};
use crate::usage::Usage;

/// Bound on the arguments of one call, which the format has no way to say in bits.
const ARGUMENTS: usize = 8 << 20;

/// What the responses say of themselves, and what is held back.
pub(super) struct Writer {
    asked: Asked,
    id: String,
    model: String,
    /// The call whose arguments come.
    open: Option<(u64, ToolCall)>,
    finish: Option<Finish>,
    usage: Usage,
    broken: bool,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("open", &self.open.is_some())
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn new(asked: Asked) -> Self {
        Self {
            id: response::id_of(String::new(), &asked),
            model: asked.model.clone(),
            open: None,
            finish: None,
            usage: Usage::default(),
            broken: false,
            asked,
        }
    }

    fn part(&mut self, part: Value, out: &mut Vec<u8>) {
        self.close(out);
        self.emit(vec![part], None, out);
    }

    fn emit(&self, parts: Vec<Value>, finish: Option<&Finish>, out: &mut Vec<u8>) {
        let mut body = response::envelope(parts, finish);
        if finish.is_some() {
            body.insert("usageMetadata".to_owned(), usage::write(&self.usage).into());
        }
        body.insert("modelVersion".to_owned(), self.model.as_str().into());
        body.insert("responseId".to_owned(), self.id.as_str().into());
        out.extend_from_slice(&error::data(&crate::json::bytes(&body)));
    }

    /// Says the call that is open.
    fn close(&mut self, out: &mut Vec<u8>) {
        if let Some((_, call)) = self.open.take() {
            let part = response::written(AssistantPart::Call(call));
            self.emit(vec![part], None, out);
        }
    }

    fn arguments(&mut self, call: u64, json: &str, out: &mut Vec<u8>) {
        let Some((_, open)) = self.open.as_mut().filter(|(known, _)| *known == call) else {
            return;
        };
        if open.arguments.len() + json.len() > ARGUMENTS {
            let message = "the arguments of a tool call are too large";
            self.cut(
                &ErrorBody {
                    message,
                    ..ErrorBody::new(http::StatusCode::BAD_GATEWAY, "")
                },
                out,
            );
            return;
        }
        open.arguments.0.push_str(json);
    }

    fn signed(&mut self, signature: Opaque, out: &mut Vec<u8>) {
        let part = AssistantPart::Reasoning(Reasoning::Shown {
            text: Text::default(),
            signature: Some(signature),
        });
        self.part(response::written(part), out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        let finish = self.finish.take().unwrap_or(Finish::Stop);
        // Clients take a response without parts for a broken one.
        self.emit(vec![json!({"text": ""})], Some(&finish), out);
    }
}

impl EventWriter for Writer {
    fn write(&mut self, event: ChatEvent, out: &mut Vec<u8>) {
        if self.broken {
            return;
        }
        match event {
            ChatEvent::Started { id, model, .. } => {
                self.id = response::id_of(id, &self.asked);
                self.model = response::model_of(model, &self.asked);
            }
            ChatEvent::Text(text) | ChatEvent::Refusal(text) => {
                if !text.is_empty() {
                    self.part(json!({"text": text}), out);
                }
            }
            ChatEvent::Reasoning(text) => self.part(json!({"text": text, "thought": true}), out),
            ChatEvent::Signature(signature) => self.signed(signature, out),
            ChatEvent::HiddenReasoning(data) => {
                let signature = signature::write_hidden(data);
                let part = json!({"text": "", "thought": true, "thoughtSignature": signature});
                self.part(part, out);
            }
            ChatEvent::CallStarted {
                call,
                id,
                name,
                signature,
            } => {
                self.close(out);
                let arguments = Text::default();
                let made = ToolCall {
                    id,
                    name,
                    arguments,
                    signature,
                };
                self.open = Some((call, made));
            }
            ChatEvent::Arguments { call, json } => self.arguments(call, &json, out),
            ChatEvent::Finished(finish) => {
                self.close(out);
                self.finish = Some(finish);
            }
            ChatEvent::Usage(usage) => self.usage.update(usage),
            ChatEvent::Failed(failure) => self.cut(&ErrorBody::of(&failure), out),
            ChatEvent::Done => self.end(out),
        }
    }

    fn cut(&mut self, body: &ErrorBody<'_>, out: &mut Vec<u8>) {
        self.broken = true;
        out.extend_from_slice(&error::data(&error::envelope(body)));
    }
}
