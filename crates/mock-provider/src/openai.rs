//! OpenAI's API, and the many that copy it under paths of their own.

mod azure;
mod chat;
mod completions;
mod content;
mod embeddings;
mod error;
mod fields;
mod models;
mod responses;
mod tools;
mod usage;

pub(crate) use self::azure::Azure;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, request::Parts};
use serde_json::{Map, Value, json};

use self::fields::Fields;
use crate::{
    credential,
    dialect::{self, Context, Dialect, Endpoint, Framing, Intake, Payload, Refusal},
    error::ApiError,
    fault::ModelSelector,
    ids::Ids,
    percent,
    settings::{KeyCheck, Settings},
    wire::{data_event, named_event},
};

/// Where providers keep OpenAI's API.
const BASES: [&str; 7] = [
    "/v1/",
    // Azure, Groq
    "/openai/v1/",
    // Gemini
    "/v1beta/openai/",
    // OpenRouter
    "/api/v1/",
    // Cohere
    "/compatibility/v1/",
    // Fireworks
    "/inference/v1/",
    // DeepInfra
    "/v1/openai/",
];
/// Vertex AI keeps it after project and location.
const VERTEX: &str = "/endpoints/openapi/";

/// OpenAI's API.
#[derive(Debug)]
pub(crate) struct OpenAi;

/// What can be asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Operation {
    Chat,
    Responses,
    Embeddings,
    Completions,
    ModelList,
    Model(String),
}

// === impl OpenAi ===

impl Dialect for OpenAi {
    fn owns(&self, _parts: &Parts) -> bool {
        true
    }

    fn request_id(&self, ids: &Ids) -> String {
        ids.hex("req_", 32)
    }

    fn stamp(&self, headers: &mut HeaderMap, request_id: HeaderValue, elapsed_ms: u64) {
        headers.insert("openai-processing-ms", HeaderValue::from(elapsed_ms));
        headers.insert("openai-version", HeaderValue::from_static("2020-10-01"));
        headers.insert("x-request-id", request_id);
    }

    fn endpoint(&self, parts: &Parts) -> Result<Arc<dyn Endpoint>, ApiError> {
        Ok(Arc::new(Operation::find(&parts.method, parts.uri.path())?))
    }

    fn admit(
        &self,
        parts: &Parts,
        _body: Option<&[u8]>,
        settings: &Settings,
    ) -> Result<(), ApiError> {
        match settings.require_key {
            KeyCheck::Required if credential::bearer(&parts.headers).is_none() => {
                Err(ApiError::MissingKey)
            }
            _ => Ok(()),
        }
    }

    fn refusal(&self, error: &ApiError, _request_id: &str) -> Refusal {
        error::refusal(error)
    }
}

// === impl Operation ===

impl Operation {
    /// Finds the operation of a request line.
    fn find(method: &Method, path: &str) -> Result<Self, ApiError> {
        let vertex = path.starts_with("/v1").then(|| path.split_once(VERTEX));
        BASES
            .iter()
            .filter_map(|base| path.strip_prefix(base))
            .chain(vertex.flatten().map(|(_, rest)| rest))
            .find_map(Self::named)
            .ok_or_else(|| ApiError::UnknownUrl {
                method: method.clone(),
                path: path.to_owned(),
            })?
            .called_by(method, path)
    }

    /// The operation at the end of a path.
    fn named(rest: &str) -> Option<Self> {
        Some(match rest {
            "chat/completions" => Self::Chat,
            "responses" => Self::Responses,
            "embeddings" => Self::Embeddings,
            "completions" => Self::Completions,
            "models" => Self::ModelList,
            _ => match rest.strip_prefix("models/") {
                Some(id) if !id.is_empty() => Self::Model(percent::decode(id)),
                _ => return None,
            },
        })
    }

    fn called_by(self, method: &Method, path: &str) -> Result<Self, ApiError> {
        let (expected, allowed) = match self {
            Self::ModelList | Self::Model(_) => (Method::GET, "GET"),
            _ => (Method::POST, "POST"),
        };
        if expected == *method {
            return Ok(self);
        }
        Err(ApiError::MethodNotAllowed {
            method: method.clone(),
            path: path.to_owned(),
            allowed,
        })
    }
}

impl Endpoint for Operation {
    fn intake(&self) -> Intake {
        match self {
            Self::ModelList | Self::Model(_) => Intake::Nothing,
            _ => Intake::Json,
        }
    }

    fn selector(&self, document: Option<&Map<String, Value>>) -> Option<ModelSelector> {
        match self {
            Self::ModelList | Self::Model(_) => Some(ModelSelector::ModelList),
            _ => dialect::by_body(document),
        }
    }

    fn framing(&self, document: &Map<String, Value>) -> Option<Framing> {
        let streams = matches!(self, Self::Chat | Self::Responses | Self::Completions)
            && document.get("stream") == Some(&Value::Bool(true));
        streams.then_some(Framing::Sse)
    }

    fn answer(
        &self,
        document: &Map<String, Value>,
        context: &Context<'_>,
    ) -> Result<Payload, ApiError> {
        let body = Fields::root(document);
        match self {
            Self::Chat => chat::answer(body, context),
            Self::Responses => responses::answer(body, context),
            Self::Embeddings => embeddings::answer(body, context),
            Self::Completions => completions::answer(body, context),
            Self::ModelList => Ok(models::list(context)),
            Self::Model(id) => models::one(id, context),
        }
    }

    fn error_event(&self, error: &ApiError, position: u32, _request_id: &str) -> Bytes {
        match self {
            Self::Responses => named_event(
                "error",
                &json!({
                    "type": "error",
                    "code": error::code(error).unwrap_or("server_error"),
                    "message": error.to_string(),
                    "param": null,
                    "sequence_number": position,
                }),
            ),
            _ => data_event(&error::envelope(error)),
        }
    }
}

/// The `model` of a request, if it is one that may be asked for.
fn asked_model<'b>(body: &Fields<'b>, context: &Context<'_>) -> Result<&'b str, ApiError> {
    match body.string("model")? {
        Some(model) if !model.trim().is_empty() => {
            context.listed(model)?;
            Ok(model)
        }
        _ => Err(ApiError::MissingModel),
    }
}

/// What ends a stream of `data_event`s.
fn done_event() -> Bytes {
    Bytes::from_static(b"data: [DONE]\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_operations() {
        for (method, path, expected) in [
            (Method::POST, "/v1/chat/completions", Some(Operation::Chat)),
            (Method::POST, "/v1/responses", Some(Operation::Responses)),
            (
                Method::POST,
                "/openai/v1/responses",
                Some(Operation::Responses),
            ),
            (
                Method::POST,
                "/v1beta/openai/embeddings",
                Some(Operation::Embeddings),
            ),
            (
                Method::POST,
                "/v1/projects/p/locations/l/endpoints/openapi/chat/completions",
                Some(Operation::Chat),
            ),
            (Method::GET, "/v1/models", Some(Operation::ModelList)),
            (
                Method::GET,
                "/v1/models/a/b",
                Some(Operation::Model("a/b".to_owned())),
            ),
            (Method::GET, "/v1/models/", None),
            (Method::POST, "/chat/completions", None),
            (Method::POST, "/v1/chat/completions/completions", None),
        ] {
            assert_eq!(
                Operation::find(&method, path).ok(),
                expected,
                "{method} {path}"
            );
        }
        let error = Operation::find(&Method::GET, "/v1/embeddings").unwrap_err();
        assert_eq!(error.status(), http::StatusCode::METHOD_NOT_ALLOWED);
    }
}
