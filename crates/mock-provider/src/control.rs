//! The control API under `/_mock/`: arm faults, read the journal. It is not journaled itself.

use http::{HeaderValue, Method, Response, StatusCode, header::CONTENT_TYPE, request::Parts};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::{
    dialect::Dialect,
    error::ApiError,
    fault::{FaultError, FaultRule, ModelSelector},
    openai::OpenAi,
    percent,
    provider::{MockProvider, read},
    reply::Reply,
    stream::{AnswerBody, Script},
};

const PREFIX: &str = "/_mock/";
/// Bytes of a control request.
const BODY_LIMIT: usize = 64 << 10;
/// The longest model name that can be armed.
const LONGEST_MODEL: usize = 256;

/// What can be asked for.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Health,
    Requests,
    Faults,
    Fault(ModelSelector),
}

/// Whether a path belongs to the control API.
pub(crate) fn owns(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// Answers a control request.
pub(crate) async fn answer(
    provider: &MockProvider,
    parts: &Parts,
    body: Incoming,
) -> Response<AnswerBody> {
    match execute(provider, parts, body).await {
        Ok(response) => response,
        Err(error) => Reply::refused(OpenAi.refusal(&error, "")).into_response(None),
    }
}

async fn execute(
    provider: &MockProvider,
    parts: &Parts,
    body: Incoming,
) -> Result<Response<AnswerBody>, ApiError> {
    let path = parts.uri.path();
    let target = Target::find(path).ok_or_else(|| ApiError::UnknownUrl {
        method: parts.method.clone(),
        path: path.to_owned(),
    })?;
    match (target, &parts.method) {
        (Target::Health, &Method::GET) => Ok(json_response(&json!({"status": "ok"}))),
        (Target::Requests, &Method::GET) => Ok(respond(provider.journal().to_json())),
        (Target::Requests, &Method::DELETE) => {
            provider.clear_requests();
            Ok(no_content())
        }
        (Target::Faults, &Method::GET) => Ok(json_response(&provider.faults().to_json())),
        (Target::Faults, &Method::DELETE) => {
            provider.clear_faults();
            Ok(no_content())
        }
        (Target::Fault(model), &Method::PUT) => {
            let body = read(body, BODY_LIMIT).await?;
            let body: Value = serde_json::from_slice(&body).map_err(|_| FaultError::NotAnObject)?;
            let rule = FaultRule::from_json(&body)?;
            let stored = rule.to_json();
            provider.set_fault(model, rule)?;
            Ok(json_response(&stored))
        }
        (Target::Fault(model), &Method::DELETE) => match provider.faults().remove(&model) {
            Some(_) => Ok(no_content()),
            None => Err(ApiError::NoSuchFault(model.to_string())),
        },
        (target, method) => Err(ApiError::MethodNotAllowed {
            method: method.clone(),
            path: path.to_owned(),
            allowed: target.methods(),
        }),
    }
}

// === impl Target ===

impl Target {
    fn find(path: &str) -> Option<Self> {
        match path.strip_prefix(PREFIX)? {
            "healthz" => Some(Self::Health),
            "requests" => Some(Self::Requests),
            "faults" => Some(Self::Faults),
            other => {
                let model = percent::decode(other.strip_prefix("faults/")?);
                (1..=LONGEST_MODEL)
                    .contains(&model.len())
                    .then(|| Self::Fault(ModelSelector::from(model.as_str())))
            }
        }
    }

    /// The value of `Allow`.
    fn methods(&self) -> &'static str {
        match self {
            Self::Health => "GET",
            Self::Requests | Self::Faults => "GET, DELETE",
            Self::Fault(_) => "PUT, DELETE",
        }
    }
}

fn json_response(value: &Value) -> Response<AnswerBody> {
    respond(value.to_string().into_bytes())
}

fn respond(body: Vec<u8>) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::new(Script::whole(body), None));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn no_content() -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::new(Script::whole(""), None));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_targets() {
        for (path, expected) in [
            ("/_mock/healthz", Some(Target::Health)),
            ("/_mock/faults", Some(Target::Faults)),
            ("/_mock/faults/*", Some(Target::Fault(ModelSelector::All))),
            (
                "/_mock/faults/_models",
                Some(Target::Fault(ModelSelector::ModelList)),
            ),
            (
                "/_mock/faults/Qwen%2FQwen3",
                Some(Target::Fault("Qwen/Qwen3".into())),
            ),
            (
                "/_mock/faults/Qwen/Qwen3",
                Some(Target::Fault("Qwen/Qwen3".into())),
            ),
            ("/_mock/faults/", None),
            ("/_mock/other", None),
        ] {
            assert_eq!(Target::find(path), expected, "{path}");
        }
    }
}
