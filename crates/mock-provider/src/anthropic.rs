//! Anthropic's Messages API, at Anthropic's own paths and at Vertex AI's.

mod conversation;
mod error;
mod message;
mod models;
mod request;
mod shapes;
mod stream;

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
    percent,
    settings::{KeyCheck, Settings},
    wire::named_event,
};

const VERSION: &str = "anthropic-version";
/// Where Anthropic's API is kept: by itself, and by Azure.
const BASES: [&str; 2] = ["/v1/", "/anthropic/v1/"];
/// What Vertex AI has in its paths before a model of Anthropic's.
const VERTEX: &str = "/publishers/anthropic/models/";

/// Anthropic's API.
#[derive(Debug)]
pub(crate) struct Anthropic;

/// What can be asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Operation {
    Messages(Place),
    CountTokens(Place),
    ModelList,
    Model(String),
}

/// Where a request came in, which decides what its body says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// The body names the model.
    Own,
    /// The path names it; the body has `anthropic_version`.
    Vertex { model: String },
}

// === impl Anthropic ===

impl Dialect for Anthropic {
    fn owns(&self, parts: &Parts) -> bool {
        let path = parts.uri.path();
        let own = BASES.iter().any(|base| {
            path.strip_prefix(base).is_some_and(|rest| {
                let models = rest == "models" || rest.starts_with("models/");
                rest == "messages"
                    || rest.starts_with("messages/")
                    || (models && parts.headers.contains_key(VERSION))
            })
        });
        own || vertex(path).is_some()
    }

    fn request_id(&self, ids: &Ids) -> String {
        ids.alphanumeric("req_01", 22)
    }

    fn stamp(&self, headers: &mut HeaderMap, request_id: HeaderValue, _elapsed_ms: u64) {
        headers.insert("request-id", request_id);
        let organization = HeaderValue::from_static("00000000-0000-4000-8000-000000000000");
        headers.insert("anthropic-organization-id", organization);
    }

    fn endpoint(&self, parts: &Parts) -> Result<Arc<dyn Endpoint>, ApiError> {
        let path = parts.uri.path();
        let operation = Operation::find(path).ok_or_else(|| ApiError::UnknownUrl {
            method: parts.method.clone(),
            path: path.to_owned(),
        })?;
        let (expected, allowed) = match operation {
            Operation::Messages(_) | Operation::CountTokens(_) => (Method::POST, "POST"),
            Operation::ModelList | Operation::Model(_) => (Method::GET, "GET"),
        };
        if parts.method != expected {
            return Err(ApiError::MethodNotAllowed {
                method: parts.method.clone(),
                path: path.to_owned(),
                allowed,
            });
        }
        Ok(Arc::new(operation))
    }

    fn admit(
        &self,
        parts: &Parts,
        _body: Option<&[u8]>,
        settings: &Settings,
    ) -> Result<(), ApiError> {
        let headers = &parts.headers;
        let on_vertex = vertex(parts.uri.path()).is_some();
        let keyed = credential::bearer(headers).is_some()
            || (!on_vertex && credential::header(headers, "x-api-key").is_some());
        if settings.require_key == KeyCheck::Required && !keyed {
            return Err(ApiError::MissingKey);
        }
        if on_vertex {
            return Ok(());
        }
        match headers.get(VERSION) {
            None => Err(ApiError::refused("anthropic-version: header is required")),
            Some(version) if is_date(version.as_bytes()) => Ok(()),
            Some(version) => Err(ApiError::refused(format!(
                "anthropic-version: \"{}\" is not a valid version",
                String::from_utf8_lossy(version.as_bytes())
            ))),
        }
    }

    fn refusal(&self, error: &ApiError, request_id: &str) -> Refusal {
        error::refusal(error, request_id)
    }
}

/// Versions are dates; clients of any age are served.
fn is_date(version: &[u8]) -> bool {
    let shape = |(at, byte): (usize, &u8)| match at {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    version.len() == 10 && version.iter().enumerate().all(shape)
}

/// The model and the verb of a Vertex path.
fn vertex(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/v1")?;
    let (_, target) = rest.split_once(VERTEX)?;
    target.rsplit_once(':')
}

// === impl Operation ===

impl Operation {
    fn find(path: &str) -> Option<Self> {
        if let Some((model, verb)) = vertex(path) {
            return match (model, verb) {
                ("count-tokens", "rawPredict") => Some(Self::CountTokens(Place::Own)),
                (model, "rawPredict" | "streamRawPredict") => Some(Self::Messages(Place::Vertex {
                    model: percent::decode(model),
                })),
                _ => None,
            };
        }
        let rest = BASES.iter().find_map(|base| path.strip_prefix(base))?;
        match rest {
            "messages" => Some(Self::Messages(Place::Own)),
            "messages/count_tokens" => Some(Self::CountTokens(Place::Own)),
            "models" => Some(Self::ModelList),
            _ => {
                let id = rest.strip_prefix("models/").filter(|id| !id.is_empty())?;
                Some(Self::Model(percent::decode(id)))
            }
        }
    }
}

impl Endpoint for Operation {
    fn intake(&self) -> Intake {
        match self {
            Self::Messages(_) | Self::CountTokens(_) => Intake::Json,
            Self::ModelList | Self::Model(_) => Intake::Nothing,
        }
    }

    fn selector(&self, document: Option<&Map<String, Value>>) -> Option<ModelSelector> {
        match self {
            Self::Messages(Place::Vertex { model })
            | Self::CountTokens(Place::Vertex { model }) => dialect::by_model(model),
            Self::Messages(Place::Own) | Self::CountTokens(Place::Own) => {
                dialect::by_body(document)
            }
            Self::ModelList | Self::Model(_) => Some(ModelSelector::ModelList),
        }
    }

    fn framing(&self, document: &Map<String, Value>) -> Option<Framing> {
        let streams =
            matches!(self, Self::Messages(_)) && document.get("stream") == Some(&Value::Bool(true));
        streams.then_some(Framing::Sse)
    }

    fn answer(
        &self,
        document: &Map<String, Value>,
        context: &Context<'_>,
    ) -> Result<Payload, ApiError> {
        match self {
            Self::Messages(place) => message::answer(document, place, context),
            Self::CountTokens(place) => message::count(document, place, context),
            Self::ModelList => Ok(models::list(context)),
            Self::Model(id) => models::one(id, context),
        }
    }

    fn error_event(&self, error: &ApiError, _position: u32, request_id: &str) -> Bytes {
        named_event("error", &error::envelope(error, request_id))
    }
}
