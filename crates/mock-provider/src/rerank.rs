//! Cohere's rerank API, which others copy, and its embeddings.

mod answer;
mod embed;
mod error;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, request::Parts};
use serde_json::{Map, Value};

use crate::{
    credential,
    dialect::{self, Context, Dialect, Endpoint, Framing, Intake, Payload, Refusal},
    error::ApiError,
    fault::ModelSelector,
    ids::Ids,
    settings::{KeyCheck, Settings},
};

pub(crate) use answer::rank;

/// Cohere's API, of which rerank and embeddings are served.
#[derive(Debug)]
pub(crate) struct Rerank;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// `POST /v1/rerank`: documents may be objects, and come back when asked for.
    V1,
    /// `POST /v2/rerank`
    V2,
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Rerank(Version),
    /// `POST /v2/embed`
    Embed,
}

// === impl Rerank ===

impl Dialect for Rerank {
    fn owns(&self, parts: &Parts) -> bool {
        Operation::of(parts.uri.path()).is_some()
    }

    fn request_id(&self, ids: &Ids) -> String {
        ids.uuid()
    }

    fn stamp(&self, headers: &mut HeaderMap, request_id: HeaderValue, _elapsed_ms: u64) {
        headers.insert("x-debug-trace-id", request_id);
    }

    fn endpoint(&self, parts: &Parts) -> Result<Arc<dyn Endpoint>, ApiError> {
        let path = parts.uri.path();
        match Operation::of(path) {
            Some(operation) if parts.method == Method::POST => Ok(Arc::new(operation)),
            Some(_) => Err(ApiError::MethodNotAllowed {
                method: parts.method.clone(),
                path: path.to_owned(),
                allowed: "POST",
            }),
            None => Err(ApiError::UnknownUrl {
                method: parts.method.clone(),
                path: path.to_owned(),
            }),
        }
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

    fn refusal(&self, error: &ApiError, request_id: &str) -> Refusal {
        error::refusal(error, request_id)
    }
}

// === impl Operation ===

impl Operation {
    fn of(path: &str) -> Option<Self> {
        match path {
            "/v1/rerank" => Some(Self::Rerank(Version::V1)),
            "/v2/rerank" => Some(Self::Rerank(Version::V2)),
            "/v2/embed" => Some(Self::Embed),
            _ => None,
        }
    }
}

impl Endpoint for Operation {
    fn intake(&self) -> Intake {
        Intake::Json
    }

    fn selector(&self, document: Option<&Map<String, Value>>) -> Option<ModelSelector> {
        dialect::by_body(document)
    }

    fn framing(&self, _document: &Map<String, Value>) -> Option<Framing> {
        None
    }

    fn answer(
        &self,
        document: &Map<String, Value>,
        context: &Context<'_>,
    ) -> Result<Payload, ApiError> {
        match self {
            Self::Rerank(version) => answer::answer(document, *version, context),
            Self::Embed => embed::answer(document, context),
        }
    }

    /// Never asked for: nothing is streamed.
    fn error_event(&self, error: &ApiError, _position: u32, request_id: &str) -> Bytes {
        error::refusal(error, request_id).body
    }
}
