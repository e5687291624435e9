//! OpenAI's API: which endpoints there are, and what an answer is before it is paced or broken.

mod chat;
mod completions;
mod content;
mod embeddings;
pub(crate) mod error;
mod fields;
mod models;
mod responses;
mod tools;
mod usage;

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Method;
use serde::Serialize;
use serde_json::{Map, Value, json};

use self::{error::ApiError, fields::Fields};
use crate::{
    cache::PromptCache,
    ids::Ids,
    percent,
    settings::{ModelCheck, Settings},
};

/// An endpoint of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Chat,
    Responses,
    Embeddings,
    Completions,
    ModelList,
    Model(String),
}

/// What an endpoint draws on.
pub(crate) struct Context<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) ids: &'a Ids,
    pub(crate) cache: &'a PromptCache,
}

/// An answer as OpenAI gives it.
#[derive(Debug)]
pub(crate) enum Payload {
    Json(Bytes),
    Events(Events),
}

/// A stream of server-sent events.
#[derive(Debug)]
pub(crate) struct Events {
    /// Each is one event, ready to send.
    pub(crate) frames: Vec<Bytes>,
    /// How many of them come before the first content.
    pub(crate) prelude: usize,
}

// === impl Endpoint ===

impl Endpoint {
    /// Finds the endpoint of a request line.
    pub(crate) fn find(method: &Method, path: &str) -> Result<Self, ApiError> {
        let endpoint = match path {
            "/v1/chat/completions" => Self::Chat,
            "/v1/responses" => Self::Responses,
            "/v1/embeddings" => Self::Embeddings,
            "/v1/completions" => Self::Completions,
            "/v1/models" => Self::ModelList,
            _ => match path.strip_prefix("/v1/models/") {
                Some(id) if !id.is_empty() => Self::Model(percent::decode(id)),
                _ => {
                    return Err(ApiError::UnknownUrl {
                        method: method.clone(),
                        path: path.to_owned(),
                    });
                }
            },
        };
        if endpoint.method() == *method {
            Ok(endpoint)
        } else {
            Err(ApiError::MethodNotAllowed {
                method: method.clone(),
                path: path.to_owned(),
                allowed: if endpoint.method() == Method::GET {
                    "GET"
                } else {
                    "POST"
                },
            })
        }
    }

    fn method(&self) -> Method {
        match self {
            Self::ModelList | Self::Model(_) => Method::GET,
            _ => Method::POST,
        }
    }

    /// Answers a request that is to be answered well. `body` is the parsed body, where the endpoint takes one.
    pub(crate) fn answer(
        &self,
        body: &Map<String, Value>,
        context: &Context<'_>,
    ) -> Result<Payload, ApiError> {
        let body = Fields::root(body);
        match self {
            Self::Chat => chat::answer(body, context),
            Self::Responses => responses::answer(body, context),
            Self::Embeddings => embeddings::answer(body, context),
            Self::Completions => completions::answer(body, context),
            Self::ModelList => Ok(models::list(context)),
            Self::Model(id) => models::one(id, context),
        }
    }

    /// Whether an answer to this body is a stream.
    pub(crate) fn streams(&self, body: &Map<String, Value>) -> bool {
        matches!(self, Self::Chat | Self::Responses | Self::Completions)
            && body.get("stream") == Some(&Value::Bool(true))
    }

    /// The event by which a stream of this endpoint reports `error` after `position` other events.
    pub(crate) fn error_event(&self, error: &ApiError, position: u32) -> Bytes {
        match self {
            Self::Responses => named_event(
                "error",
                &json!({
                    "type": "error",
                    "code": error.code().unwrap_or("server_error"),
                    "message": error.to_string(),
                    "param": null,
                    "sequence_number": position,
                }),
            ),
            _ => data_event(&error.envelope()),
        }
    }
}

// === impl Context ===

impl Context<'_> {
    /// The `model` of a request, if it is one that may be asked for.
    fn model<'b>(&self, body: &Fields<'b>) -> Result<&'b str, ApiError> {
        let model = match body.string("model")? {
            Some(model) if !model.trim().is_empty() => model,
            _ => return Err(ApiError::MissingModel),
        };
        if self.settings.model_check == ModelCheck::Listed
            && !self.settings.models.iter().any(|listed| listed == model)
        {
            return Err(ApiError::UnknownModel(model.to_owned()));
        }
        Ok(model)
    }
}

// === impl Payload ===

impl Payload {
    fn json(value: &impl Serialize) -> Self {
        Self::Json(to_bytes(value))
    }
}

/// `data: …` alone, as chat and legacy completions stream.
fn data_event(value: &impl Serialize) -> Bytes {
    event(b"data: ", value)
}

/// `event: …` and `data: …`, as the Responses API streams.
fn named_event(name: &str, value: &impl Serialize) -> Bytes {
    event(format!("event: {name}\ndata: ").as_bytes(), value)
}

/// What ends a stream of `data_event`s.
fn done_event() -> Bytes {
    Bytes::from_static(b"data: [DONE]\n\n")
}

fn event(lead: &[u8], value: &impl Serialize) -> Bytes {
    let mut event = Vec::with_capacity(lead.len() + 320);
    event.extend_from_slice(lead);
    serde_json::to_writer(&mut event, value).expect("answers have string keys only");
    event.extend_from_slice(b"\n\n");
    event.into()
}

fn to_bytes(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value)
        .expect("answers have string keys only")
        .into()
}

/// `created`: seconds since the Unix epoch.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_endpoints() {
        for (method, path, expected) in [
            (Method::POST, "/v1/chat/completions", Some(Endpoint::Chat)),
            (Method::POST, "/v1/responses", Some(Endpoint::Responses)),
            (Method::GET, "/v1/models", Some(Endpoint::ModelList)),
            (
                Method::GET,
                "/v1/models/a/b",
                Some(Endpoint::Model("a/b".to_owned())),
            ),
            (Method::GET, "/v1/models/", None),
            (Method::POST, "/chat/completions", None),
            (Method::POST, "/v1/chat/completions/completions", None),
        ] {
            assert_eq!(
                Endpoint::find(&method, path).ok(),
                expected,
                "{method} {path}"
            );
        }
        let error = Endpoint::find(&Method::GET, "/v1/embeddings").unwrap_err();
        assert_eq!(error.status(), http::StatusCode::METHOD_NOT_ALLOWED);
    }
}
