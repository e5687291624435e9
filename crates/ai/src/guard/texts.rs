//! Where the texts of a message are.

use std::fmt;
use std::ops::Range;

use agw_core::guard::{Form, Scope, Scopes};
use bytes::Bytes;

use super::object;
use super::walk::{Place, Walk, is_no_text};
use crate::error::Error;
use crate::operation::Operation;
use crate::shape::outline::{List, Object};

/// Who says a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    System,
    User,
    Assistant,
    Tool,
}

/// A text of a body. What it says never prints.
#[derive(Clone)]
pub struct Text {
    /// Of the value in the body, quotes included.
    pub place: Range<usize>,
    pub said: String,
    pub scope: Scope,
    pub speaker: Speaker,
    pub form: Form,
}

/// The texts of a body in their order.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    pub all: Vec<Text>,
    /// Places that say the same once more in another way, and what stands there instead.
    pub(super) blanks: Vec<(Range<usize>, &'static str)>,
}

impl Speaker {
    /// As OpenAI's messages say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Text")
            .field("place", &self.place)
            .field("scope", &self.scope)
            .field("speaker", &self.speaker)
            .finish_non_exhaustive()
    }
}

impl Texts {
    /// Of a client's request. `None` where nobody knows what is a text: the body is no JSON object
    /// and its API is not known either.
    pub fn of_request(operation: Operation, body: &Bytes) -> Result<Option<Self>, Error> {
        if operation == Operation::Models || body.is_empty() {
            return Ok(Some(Self::default()));
        }
        let object = match (object(body), operation) {
            (Ok(object), _) => object,
            (Err(_), Operation::Passthrough) => return Ok(None),
            (Err(error), _) => return Err(error),
        };
        let mut walk = Walk::of_request();
        walk.request(operation, &object)?;
        Ok(Some(walk.texts))
    }

    /// Of a whole answer to a client, or of a list of its parts.
    pub fn of_response(operation: Operation, body: &Bytes) -> Result<Self, Error> {
        let mut walk = Walk::answer();
        match List::of_body(body) {
            Some(list) => {
                for object in list.items.iter().filter_map(|item| item.object()) {
                    walk.response(operation, &object)?;
                }
            }
            None => walk.response(operation, &object(body)?)?,
        }
        Ok(walk.texts)
    }

    /// What others are shown of it.
    pub fn shown(&self, scopes: Scopes) -> impl Iterator<Item = &Text> {
        self.all.iter().filter(move |text| scopes.has(text.scope))
    }
}

/// Members of an answer that say something.
pub(super) fn answers(operation: Operation) -> &'static [&'static str] {
    match operation {
        Operation::Chat | Operation::Completions => &["choices"],
        Operation::Messages => &["content"],
        Operation::Responses | Operation::Converse => &["output"],
        Operation::GenerateContent => &["candidates"],
        Operation::CountTokens
        | Operation::GeminiCountTokens
        | Operation::Embeddings
        | Operation::Rerank
        | Operation::Models
        | Operation::Passthrough => &[],
    }
}

impl Walk {
    fn response(&mut self, operation: Operation, object: &Object<'_>) -> Result<(), Error> {
        for (key, part) in object.members() {
            if answers(operation).contains(&key.as_str()) {
                self.value(key, *part, Place::answer())?;
            }
        }
        Ok(())
    }

    fn request(&mut self, operation: Operation, object: &Object<'_>) -> Result<(), Error> {
        let (system, user) = (Place::system(), Place::user());
        for (key, part) in object.members() {
            let place = match (operation, key.as_str()) {
                (Operation::Chat, "messages" | "prediction")
                | (Operation::Completions, "prompt" | "suffix")
                | (Operation::Responses, "input" | "prompt")
                | (Operation::Messages | Operation::CountTokens, "messages")
                | (Operation::Converse, "messages")
                | (Operation::GenerateContent | Operation::GeminiCountTokens, "contents")
                | (Operation::Embeddings, "input")
                | (Operation::Rerank, "query" | "documents") => user,
                (Operation::Passthrough, key) if !is_no_text(key) => user,
                (Operation::Responses, "instructions")
                | (Operation::Messages | Operation::CountTokens, "system")
                | (Operation::Converse, "system")
                | (
                    Operation::GenerateContent | Operation::GeminiCountTokens,
                    "systemInstruction" | "system_instruction",
                ) => system,
                (
                    Operation::GeminiCountTokens,
                    "generateContentRequest" | "generate_content_request",
                ) => {
                    if let Some(inner) = part.object() {
                        self.request(operation, &inner)?;
                    }
                    continue;
                }
                _ => continue,
            };
            self.value(key, *part, place)?;
        }
        Ok(())
    }
}
