//! What a provider's API is to the mock: which requests it owns, and how it answers and refuses them.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, request::Parts};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    anthropic::Anthropic,
    bedrock::Bedrock,
    cache::PromptCache,
    error::ApiError,
    fault::ModelSelector,
    gemini::Google,
    ids::Ids,
    openai::{Azure, OpenAi},
    rerank::Rerank,
    settings::{ModelCheck, Settings},
    wire::to_bytes,
};

/// The first that owns a request answers it; OpenAI's owns all.
static DIALECTS: [&dyn Dialect; 7] = [
    &Anthropic,
    &Google::GeminiApi,
    &Google::VertexAi,
    &Bedrock,
    &Rerank,
    &Azure,
    &OpenAi,
];

/// The longest model name taken.
const LONGEST_MODEL: usize = 256;

/// A provider's API.
pub(crate) trait Dialect: fmt::Debug + Send + Sync {
    /// Whether a request is in this dialect, by its path and, where two share one, its headers.
    fn owns(&self, parts: &Parts) -> bool;

    /// An id for an answer.
    fn request_id(&self, ids: &Ids) -> String;

    /// Adds the headers that every answer has.
    fn stamp(&self, headers: &mut HeaderMap, request_id: HeaderValue, elapsed_ms: u64);

    /// The endpoint of a request line.
    fn endpoint(&self, parts: &Parts) -> Result<Arc<dyn Endpoint>, ApiError>;

    /// Checks what goes before the body: credentials and required headers. `body` is what could be read of it, for
    /// signatures.
    fn admit(
        &self,
        parts: &Parts,
        body: Option<&[u8]>,
        settings: &Settings,
    ) -> Result<(), ApiError>;

    /// Words an error.
    fn refusal(&self, error: &ApiError, request_id: &str) -> Refusal;
}

/// One endpoint of a dialect, as a request named it.
pub(crate) trait Endpoint: fmt::Debug + Send + Sync {
    /// Whether requests have a body that counts.
    fn intake(&self) -> Intake;

    /// What faults select a request by, `document` being its body if that could be parsed.
    fn selector(&self, document: Option<&Map<String, Value>>) -> Option<ModelSelector>;

    /// How an answer to this body is streamed, if it is.
    fn framing(&self, document: &Map<String, Value>) -> Option<Framing>;

    /// Answers a request that is to be answered well.
    fn answer(
        &self,
        document: &Map<String, Value>,
        context: &Context<'_>,
    ) -> Result<Payload, ApiError>;

    /// What a stream of this endpoint reports `error` by after `position` other events.
    fn error_event(&self, error: &ApiError, position: u32, request_id: &str) -> Bytes;
}

/// Whether an endpoint takes a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intake {
    Json,
    Nothing,
}

/// An error answer.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// How the parts of a stream are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events.
    Sse,
    /// The elements of a JSON array, as Google streams to who does not ask for events.
    JsonArray,
    /// AWS's event stream.
    AwsEvents,
}

/// What an endpoint draws on.
pub(crate) struct Context<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) ids: &'a Ids,
    pub(crate) cache: &'a PromptCache,
}

/// An answer before it is paced or broken.
#[derive(Debug)]
pub(crate) enum Payload {
    Json(Bytes),
    /// The same, and the tokens of the request for a header.
    Counted {
        body: Bytes,
        input_tokens: usize,
    },
    Events(Events),
}

/// A stream.
#[derive(Debug)]
pub(crate) struct Events {
    /// Each is one event, ready to send.
    pub(crate) frames: Vec<Bytes>,
    /// How many of them come before the first content.
    pub(crate) prelude: usize,
}

/// The dialect of a request.
pub(crate) fn of(parts: &Parts) -> &'static dyn Dialect {
    DIALECTS
        .into_iter()
        .find(|dialect| dialect.owns(parts))
        .unwrap_or(&OpenAi)
}

/// Selects by a model's name.
pub(crate) fn by_model(name: &str) -> Option<ModelSelector> {
    (name.len() <= LONGEST_MODEL).then(|| ModelSelector::Model(name.into()))
}

/// Selects by the `model` of a body.
pub(crate) fn by_body(document: Option<&Map<String, Value>>) -> Option<ModelSelector> {
    by_model(document?.get("model")?.as_str()?)
}

// === impl Framing ===

impl Framing {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream; charset=utf-8",
            Self::JsonArray => "application/json; charset=UTF-8",
            Self::AwsEvents => "application/vnd.amazon.eventstream",
        }
    }

    /// Puts bytes where a reader expects an event.
    pub(crate) fn wrap(self, bytes: &[u8]) -> Bytes {
        match self {
            Self::Sse => [b"data: ", bytes, b"\n\n"].concat().into(),
            Self::JsonArray | Self::AwsEvents => Bytes::copy_from_slice(bytes),
        }
    }
}

// === impl Context ===

impl Context<'_> {
    /// Refuses a model that may not be asked for.
    pub(crate) fn listed(&self, model: &str) -> Result<(), ApiError> {
        if self.settings.model_check == ModelCheck::Listed
            && !self.settings.models.iter().any(|listed| listed == model)
        {
            return Err(ApiError::UnknownModel(model.to_owned()));
        }
        Ok(())
    }
}

// === impl Payload ===

impl Payload {
    pub(crate) fn json(value: &impl Serialize) -> Self {
        Self::Json(to_bytes(value))
    }
}
