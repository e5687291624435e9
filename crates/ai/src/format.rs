//! The formats of chat APIs, each read into and written from the neutral model of [`crate::chat`].
//!
//! A format is one folder here that implements [`Codec`], and one row in [`Format`] with its
//! [`Format::codec`]. No format knows another: `n` formats are `n` folders, not `n²`.
//!
//! To add one:
//! 1. `format/new_api.rs` with `struct NewApi; impl Codec for NewApi`, and beside it a folder with a
//!    file each for reading and writing requests, responses and events. Read objects with
//!    [`crate::json::Members`]: it remembers what was not read, which goes into
//!    [`Dropped`] with `rest`. Requests are read strictly, for a client can correct itself;
//!    answers forgivingly, for nobody there can.
//! 2. A row in `Format` and an arm in `codec`. A client's API has an arm in [`Format::of_operation`].
//! 3. The name in `Dialect::formats` of the providers that speak it.
//! 4. Fixtures in `tests/golden`, and a row in `format/tests/say.rs` that says what it can say.
//!
//! A stream that is not one of server-sent events brings its own [`Frames`].

pub(crate) mod anthropic;
mod anthropic_vertex;
pub(crate) mod bedrock;
pub(crate) mod gemini;
pub(crate) mod openai_chat;
pub(crate) mod openai_responses;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::chat::{
    ChatEvent, ChatRequest, ChatResponse, Dropped, Sampling, Streaming, Tool, ToolChoice, words,
};
use crate::dialect::ProviderError;
use crate::envelope::ErrorBody;
use crate::error::Error;
use crate::operation::Operation;
use crate::sse::{Event, Splitter};

words! {
    /// A chat API's own words.
    pub enum Format {
        OpenAiChat = "openai_chat",
        OpenAiResponses = "openai_responses",
        AnthropicMessages = "anthropic_messages",
        GeminiContent = "gemini_content",
        BedrockConverse = "bedrock_converse",
        AnthropicVertex = "anthropic_vertex",
    }
}

/// What a gateway knows of an answer that the provider may not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Unique; letters, digits, `-` and `_`. Ids that a provider leaves out are made from it.
    pub id: String,
    /// Seconds since 1970.
    pub created: u64,
}

/// What an answer says of the request that it answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Asked {
    pub stamp: Stamp,
    /// The model that the provider was asked for.
    pub model: String,
    pub stream: Streaming,
    pub tools: Vec<Tool>,
    pub tool_choice: Option<ToolChoice>,
    pub parallel_tools: Option<bool>,
    pub sampling: Sampling,
}

/// One format. Requests are taken by value: what they hold is moved, not copied.
pub(crate) trait Codec: fmt::Debug + Send + Sync {
    /// What its requests ask for.
    fn operation(&self) -> Operation;

    /// Where a provider takes `request`.
    fn path(&self, request: &ChatRequest) -> Cow<'static, str>;

    /// Reads a client's request to `path`. What it says and the neutral model does not is dropped.
    fn read_request(
        &self,
        body: Map<String, Value>,
        path: &str,
        dropped: &mut Dropped,
    ) -> Result<ChatRequest, Error>;

    /// What the format cannot say of the request is dropped, or an error where the answer would
    /// be one to another question.
    fn write_request(
        &self,
        request: ChatRequest,
        dropped: &mut Dropped,
    ) -> Result<Map<String, Value>, Error>;

    /// Reads a provider's answer. Fails only on what is no answer at all.
    fn read_response(&self, body: Map<String, Value>, stamp: &Stamp)
    -> Result<ChatResponse, Error>;

    fn write_response(&self, response: ChatResponse, asked: &Asked) -> Map<String, Value>;

    /// Reads the body of a provider's error response.
    fn read_error(&self, body: &[u8]) -> ProviderError;

    fn write_error(&self, error: &ErrorBody<'_>) -> Bytes;

    fn event_reader(&self, stamp: &Stamp) -> Box<dyn EventReader>;

    fn event_writer(&self, asked: Asked) -> Box<dyn EventWriter>;

    /// How the provider's stream is cut into events.
    fn frames(&self, limit: usize) -> Box<dyn Frames> {
        Box::new(Splitter::new(limit))
    }

    /// Bound on one event of a provider's stream, in bytes.
    fn event_limit(&self) -> usize {
        crate::sse::EVENT_LIMIT
    }
}

/// Reads the events of one provider's stream.
pub(crate) trait EventReader: fmt::Debug + Send {
    /// Appends what `event` says to `out`.
    fn read(&mut self, event: &Event, out: &mut Vec<ChatEvent>);
}

/// Writes the events of one client's stream.
pub(crate) trait EventWriter: fmt::Debug + Send {
    /// Appends to `out` what is to be said now. [`ChatEvent::Done`] ends the stream properly.
    fn write(&mut self, event: ChatEvent, out: &mut Vec<u8>);

    /// Bytes that the writer keeps of what it has written.
    fn held(&self) -> usize {
        0
    }

    /// Appends an event that tells the client that the stream broke; never an end mark.
    fn cut(&mut self, error: &ErrorBody<'_>, out: &mut Vec<u8>);
}

/// Cuts bytes into events.
pub(crate) trait Frames: fmt::Debug + Send {
    fn push(&mut self, chunk: Bytes);

    /// The next complete event; `None` until more input comes.
    fn next_event(&mut self) -> Result<Option<Event>, Error>;

    /// What is left at the end of the input.
    fn finish(self: Box<Self>) -> Option<Event>;
}

impl Frames for Splitter {
    fn push(&mut self, chunk: Bytes) {
        Self::push(self, chunk);
    }

    fn next_event(&mut self) -> Result<Option<Event>, Error> {
        Self::next_event(self)
    }

    fn finish(self: Box<Self>) -> Option<Event> {
        Self::finish(*self)
    }
}

impl Format {
    pub(crate) fn codec(self) -> &'static dyn Codec {
        match self {
            Self::OpenAiChat => &openai_chat::OpenAiChat,
            Self::OpenAiResponses => &openai_responses::OpenAiResponses,
            Self::AnthropicMessages => &anthropic::AnthropicMessages,
            Self::GeminiContent => &gemini::GeminiContent,
            Self::BedrockConverse => &bedrock::BedrockConverse,
            Self::AnthropicVertex => &anthropic_vertex::AnthropicVertex,
        }
    }

    /// What a client speaks that asks for `operation`; `None` when that is no chat.
    pub fn of_operation(operation: Operation) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|format| format.operation() == operation)
    }

    /// What a request in this format asks for.
    pub fn operation(self) -> Operation {
        self.codec().operation()
    }
}

impl Asked {
    /// What an answer to `request` will say of it.
    pub(crate) fn of(request: &ChatRequest, stamp: Stamp) -> Self {
        Self {
            stamp,
            model: request.model.clone(),
            stream: request.stream,
            tools: request.tools.clone(),
            tool_choice: request.tool_choice.clone(),
            parallel_tools: request.parallel_tools,
            sampling: request.sampling.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
