//! What can be wrong with what a client sent, a provider answered or a manifest said.

use std::sync::Arc;

use agw_core::guard::Refusal;

/// An input that makes no sense. Its text is fit for the party at [`Error::fault`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the request body is empty; a JSON object is expected")]
    Empty,
    #[error("the request body is not valid JSON: unexpected character at byte {at}")]
    NotJson { at: usize },
    #[error("the request body is not valid JSON: it ends early, at byte {at}")]
    Truncated { at: usize },
    #[error("the request body must be a JSON object")]
    NotAnObject,
    #[error("the request body is nested deeper than {limit} levels")]
    TooDeep { limit: u32 },
    #[error("the request body has `{key}` more than once")]
    DuplicateKey { key: &'static str },
    #[error("`{key}` must be {expected}")]
    WrongType {
        key: &'static str,
        expected: &'static str,
    },
    #[error("`{path}` must be {expected}")]
    WrongMember {
        path: Box<str>,
        expected: &'static str,
    },
    #[error("`{path}` {why}")]
    Untranslatable { path: Box<str>, why: &'static str },
    #[error("the provider's response is no answer in its own format")]
    NoAnswer,
    #[error("`model` is longer than {limit} bytes")]
    ModelTooLong { limit: usize },
    #[error("an event of the provider's stream is larger than {limit} bytes")]
    EventTooLarge { limit: usize },
    #[error("the provider's stream is broken: {why}")]
    BrokenStream { why: &'static str },
    #[error("{}", .0.message)]
    Refused(Arc<Refusal>),
    #[error("`{name}` is a route type that is not served yet")]
    RouteTypeNotServed { name: &'static str },
    #[error("`{name}` is not a route type")]
    UnknownRouteType { name: String },
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Client,
    Provider,
    Configuration,
}

impl Error {
    pub fn fault(&self) -> Fault {
        match self {
            Self::EventTooLarge { .. } | Self::BrokenStream { .. } | Self::NoAnswer => {
                Fault::Provider
            }
            Self::RouteTypeNotServed { .. } | Self::UnknownRouteType { .. } => Fault::Configuration,
            _ => Fault::Client,
        }
    }

    /// Whether another provider may serve the same request.
    pub fn retryable(&self) -> bool {
        self.fault() == Fault::Provider
    }

    /// `code` of an OpenAI error object.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty | Self::NotJson { .. } | Self::Truncated { .. } => "invalid_json",
            Self::NotAnObject => "invalid_body",
            Self::TooDeep { .. } => "body_too_deep",
            Self::DuplicateKey { .. } => "duplicate_parameter",
            Self::WrongType { .. } | Self::WrongMember { .. } => "invalid_type",
            Self::Untranslatable { .. } => "unsupported_parameter",
            Self::NoAnswer => "no_answer",
            Self::ModelTooLong { .. } => "string_above_max_length",
            Self::EventTooLarge { .. } => "event_too_large",
            Self::BrokenStream { .. } => "broken_stream",
            Self::Refused(_) => "guardrail",
            Self::RouteTypeNotServed { .. } | Self::UnknownRouteType { .. } => "invalid_route_type",
        }
    }

    /// `param` of an OpenAI error object: the top-level key that is wrong.
    pub fn param(&self) -> Option<&'static str> {
        match self {
            Self::DuplicateKey { key } | Self::WrongType { key, .. } => Some(key),
            Self::ModelTooLong { .. } => Some("model"),
            Self::WrongMember { path, .. } | Self::Untranslatable { path, .. } => top(path),
            _ => None,
        }
    }
}

/// The top-level key of `path`.
fn top(path: &str) -> Option<&'static str> {
    const KEYS: [&str; 26] = [
        "dimensions",
        "documents",
        "encoding_format",
        "frequency_penalty",
        "input",
        "input_type",
        "instructions",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "modalities",
        "n",
        "output_config",
        "presence_penalty",
        "previous_response_id",
        "query",
        "reasoning_effort",
        "response_format",
        "stop",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_n",
        "top_p",
    ];
    let end = path.find(['.', '[']).unwrap_or(path.len());
    KEYS.into_iter().find(|key| *key == &path[..end])
}
