//! Which API a request speaks, told by its path.

mod model_path;
mod route;

use std::borrow::Cow;

use agw_core::backend::Api;

use crate::request::RequestFacts;

pub use model_path::{ModelMethod, ModelPath, StreamForm};
pub(crate) use model_path::{decode, encode};
pub use route::{RouteTable, RouteType};

/// What a request asks a provider to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `POST /v1/chat/completions`
    Chat,
    /// `POST /v1/completions`, the older text completion
    Completions,
    /// `POST /v1/responses`
    Responses,
    /// `POST /v1/messages`
    Messages,
    /// `POST /v1/messages/count_tokens`
    CountTokens,
    /// `POST /v1beta/models/{model}:generateContent` and `…:streamGenerateContent`; see [`ModelPath`]
    GenerateContent,
    /// `POST /v1beta/models/{model}:countTokens`
    GeminiCountTokens,
    /// `POST /model/{model}/converse` and `…/converse-stream`, which only providers are asked by
    Converse,
    /// `POST /v1/embeddings`
    Embeddings,
    /// `POST /v1/rerank`, Cohere's, which others copy
    Rerank,
    /// `GET /v1/models` and `GET /v1/models/{id}`
    Models,
    /// Anything else: sent on without looking into it.
    Passthrough,
}

/// An operation, and the path that providers know it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected<'p> {
    pub operation: Operation,
    /// Starts with `/v1` except for [`Operation::Passthrough`], whose path is the client's.
    pub path: Cow<'p, str>,
}

impl Operation {
    /// `gen_ai.operation.name`: the well-known values of the OpenTelemetry GenAI conventions.
    /// Those count the Responses API as `chat`; for the two operations without a well-known value
    /// they ask for a custom one.
    pub fn otel_name(self) -> &'static str {
        match self {
            Self::Chat | Self::Responses | Self::Messages => "chat",
            Self::GenerateContent => "generate_content",
            Self::Converse => "chat",
            Self::CountTokens | Self::GeminiCountTokens => "count_tokens",
            Self::Completions => "text_completion",
            Self::Embeddings => "embeddings",
            Self::Rerank => "rerank",
            Self::Models => "models",
            Self::Passthrough => "passthrough",
        }
    }

    /// Whether requests have a JSON body that names a model.
    pub fn names_model(self) -> bool {
        matches!(
            self,
            Self::Chat
                | Self::Completions
                | Self::Responses
                | Self::Messages
                | Self::CountTokens
                | Self::Embeddings
                | Self::Rerank
        )
    }

    /// The API's own path; `None` for [`Operation::Passthrough`], and where the path names the
    /// model.
    pub fn canonical_path(self) -> Option<&'static str> {
        match self {
            Self::Chat => Some("/v1/chat/completions"),
            Self::Completions => Some("/v1/completions"),
            Self::Responses => Some("/v1/responses"),
            Self::Messages => Some("/v1/messages"),
            Self::CountTokens => Some("/v1/messages/count_tokens"),
            Self::Embeddings => Some("/v1/embeddings"),
            Self::Rerank => Some("/v1/rerank"),
            Self::Models => Some("/v1/models"),
            Self::GenerateContent
            | Self::GeminiCountTokens
            | Self::Converse
            | Self::Passthrough => None,
        }
    }
}

impl From<Api> for Operation {
    fn from(api: Api) -> Self {
        match api {
            Api::ChatCompletions => Self::Chat,
            Api::Completions => Self::Completions,
            Api::Responses => Self::Responses,
            Api::Embeddings => Self::Embeddings,
            Api::Rerank => Self::Rerank,
            Api::Messages => Self::Messages,
            Api::CountTokens => Self::CountTokens,
            Api::GenerateContent => Self::GenerateContent,
            Api::GeminiCountTokens => Self::GeminiCountTokens,
            Api::Models => Self::Models,
            Api::Passthrough => Self::Passthrough,
        }
    }
}

/// Infers the operation from the end of `path` (without query). `None` when the end is no known
/// API: such a request goes on as [`Operation::Passthrough`], or see [`infer`].
///
/// What a prefix rewrite leaves behind an API's path is dropped: `/v1/chat/completions/completions`
/// is chat. Objects below an API (`/v1/responses/resp_1`) are not that API.
pub fn detect(path: &str) -> Option<Detected<'_>> {
    if let Some(detected) = model_path::detect(path) {
        return Some(detected);
    }
    let mut tail = path.rsplit('/').filter(|segment| !segment.is_empty());
    let operation = match tail.next()? {
        "rerank" => {
            let newer = tail.next() == Some("v2");
            let path = if newer { "/v2/rerank" } else { "/v1/rerank" };
            return Some(Detected {
                operation: Operation::Rerank,
                path: Cow::Borrowed(path),
            });
        }
        "completions" => match tail.next() {
            Some("chat") => Operation::Chat,
            Some("completions") if tail.next() == Some("chat") => Operation::Chat,
            _ => Operation::Completions,
        },
        "responses" => Operation::Responses,
        "messages" if matches!(tail.next(), Some("v1") | None) => Operation::Messages,
        "count_tokens" if tail.next() == Some("messages") => Operation::CountTokens,
        "embeddings" => Operation::Embeddings,
        "models" => Operation::Models,
        _ => return one_model(path),
    };
    let path = Cow::Borrowed(operation.canonical_path()?);
    Some(Detected { operation, path })
}

/// Guesses the operation of a request whose path [`detect`] does not know from its body: a route
/// such as `/openai` with a chat request. A path that names an API version is taken at its word.
pub fn infer(path: &str, facts: &RequestFacts) -> Option<Detected<'static>> {
    let versioned = path
        .split('/')
        .any(|segment| matches!(segment, "v1" | "v1beta" | "v2"));
    if versioned || !facts.has_messages {
        return None;
    }
    let operation = Operation::Chat;
    Some(Detected {
        operation,
        path: Cow::Borrowed(operation.canonical_path()?),
    })
}

/// `…/v1/models/{id}`, where an id may hold slashes.
fn one_model(path: &str) -> Option<Detected<'_>> {
    const LIST: &str = "/v1/models/";
    let at = path.find(LIST)?;
    let id = path[at + LIST.len()..].trim_matches('/');
    let path = match path.strip_prefix(LIST) {
        Some(rest) if rest == id => Cow::Borrowed(path),
        _ => Cow::Owned(format!("{LIST}{id}")),
    };
    Some(Detected {
        operation: Operation::Models,
        path,
    })
}

#[cfg(test)]
mod tests;
