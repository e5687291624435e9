//! Bedrock's Converse API, and the models that are asked in their own words.

mod conversation;
mod converse;
mod error;
mod frame;
mod invoke;
mod request;
mod shapes;
mod sign;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, request::Parts};
use serde_json::{Map, Value};

use crate::{
    dialect::{self, Context, Dialect, Endpoint, Framing, Intake, Payload, Refusal},
    error::ApiError,
    fault::ModelSelector,
    ids::Ids,
    percent,
    settings::Settings,
};

/// Amazon Bedrock's runtime.
#[derive(Debug)]
pub(crate) struct Bedrock;

/// An operation on a model.
#[derive(Debug)]
struct Operation {
    model: String,
    verb: Verb,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Converse,
    ConverseStream,
    CountTokens,
    Invoke,
}

// === impl Bedrock ===

impl Dialect for Bedrock {
    fn owns(&self, parts: &Parts) -> bool {
        parts.uri.path().starts_with("/model/")
    }

    fn request_id(&self, ids: &Ids) -> String {
        ids.uuid()
    }

    fn stamp(&self, headers: &mut HeaderMap, request_id: HeaderValue, _elapsed_ms: u64) {
        headers.insert("x-amzn-requestid", request_id);
    }

    fn endpoint(&self, parts: &Parts) -> Result<Arc<dyn Endpoint>, ApiError> {
        let path = parts.uri.path();
        let unknown = || ApiError::UnknownUrl {
            method: parts.method.clone(),
            path: path.to_owned(),
        };
        let (model, verb) = path
            .strip_prefix("/model/")
            .and_then(|rest| rest.rsplit_once('/'))
            .ok_or_else(unknown)?;
        let verb = match verb {
            "converse" => Verb::Converse,
            "converse-stream" => Verb::ConverseStream,
            "count-tokens" => Verb::CountTokens,
            "invoke" => Verb::Invoke,
            _ => return Err(unknown()),
        };
        if parts.method != Method::POST {
            return Err(unknown());
        }
        Ok(Arc::new(Operation {
            model: percent::decode(model),
            verb,
        }))
    }

    fn admit(
        &self,
        parts: &Parts,
        body: Option<&[u8]>,
        settings: &Settings,
    ) -> Result<(), ApiError> {
        sign::admit(parts, body, settings)
    }

    fn refusal(&self, error: &ApiError, _request_id: &str) -> Refusal {
        error::refusal(error)
    }
}

// === impl Operation ===

impl Endpoint for Operation {
    fn intake(&self) -> Intake {
        Intake::Json
    }

    fn selector(&self, _document: Option<&Map<String, Value>>) -> Option<ModelSelector> {
        dialect::by_model(&self.model)
    }

    fn framing(&self, _document: &Map<String, Value>) -> Option<Framing> {
        (self.verb == Verb::ConverseStream).then_some(Framing::AwsEvents)
    }

    fn answer(
        &self,
        document: &Map<String, Value>,
        context: &Context<'_>,
    ) -> Result<Payload, ApiError> {
        match self.verb {
            Verb::Converse | Verb::ConverseStream => {
                converse::answer(document, &self.model, self.verb, context)
            }
            Verb::CountTokens => converse::count(document, &self.model, context),
            Verb::Invoke => invoke::answer(document, &self.model, context),
        }
    }

    fn error_event(&self, error: &ApiError, _position: u32, _request_id: &str) -> Bytes {
        frame::exception(error)
    }
}
