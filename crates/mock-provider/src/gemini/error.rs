//! Errors in Google's envelope and words.

use http::StatusCode;
use serde_json::{Value, json};

use super::Google;
use crate::{
    dialect::Refusal,
    error::ApiError,
    shape::{Kind, Problem, Step, Violation, snake},
    wire::to_bytes,
};

pub(super) fn refusal(error: &ApiError, host: Google) -> Refusal {
    Refusal {
        status: status(error, host),
        headers: error.headers(),
        body: to_bytes(&envelope(error, host)),
    }
}

/// `{"error":{"code","message","status","details"?}}`.
pub(super) fn envelope(error: &ApiError, host: Google) -> Value {
    let status = status(error, host);
    let mut body = json!({
        "code": status.as_u16(),
        "message": message(error, host),
        "status": canonical(status),
    });
    if let Some(detail) = detail(error) {
        body["details"] = json!([detail]);
    }
    json!({"error": body})
}

fn status(error: &ApiError, host: Google) -> StatusCode {
    match (error, host) {
        (ApiError::MissingKey, Google::GeminiApi) => StatusCode::FORBIDDEN,
        (ApiError::BodyTooLarge { .. }, _) => StatusCode::BAD_REQUEST,
        (error, _) => error.status(),
    }
}

/// The name of gRPC's status code for an HTTP status.
fn canonical(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        500 => "INTERNAL",
        501 => "UNIMPLEMENTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        400..500 => "INVALID_ARGUMENT",
        _ => "UNKNOWN",
    }
}

fn message(error: &ApiError, host: Google) -> String {
    match (error, host) {
        (ApiError::MissingKey, Google::GeminiApi) => "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.".to_owned(),
        (ApiError::MissingKey, Google::VertexAi) => "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.".to_owned(),
        (ApiError::UnknownModel(model), _) => format!("models/{model} is not found for API version v1beta, or is not supported for generateContent. Call ListModels to see the list of available models and their supported methods."),
        (ApiError::BadJson, _) => "Invalid JSON payload received. Unable to parse.".to_owned(),
        (ApiError::UnknownUrl { .. }, _) => "Requested entity was not found.".to_owned(),
        (ApiError::BodyTooLarge { limit }, _) => format!("Request payload size exceeds the limit: {limit} bytes."),
        (ApiError::Injected { status, .. }, _) => match status.as_u16() {
            401 => "Request had invalid authentication credentials.",
            403 => "The caller does not have permission",
            404 => "Requested entity was not found.",
            429 => "Resource has been exhausted (e.g. check quota).",
            503 => "The model is overloaded. Please try again later.",
            504 => "Deadline expired before operation could complete.",
            500.. => "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
            _ => "The mock provider was told to answer with this status.",
        }.to_owned(),
        (error, _) => error.to_string(),
    }
}

fn detail(error: &ApiError) -> Option<Value> {
    match error {
        ApiError::Value {
            param: Some(field),
            message,
            ..
        } => Some(json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": field, "description": message}],
        })),
        ApiError::Injected {
            retry_after: Some(seconds),
            ..
        } => Some(json!({
            "@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": format!("{seconds}s"),
        })),
        _ => None,
    }
}

/// What is wrong, in the words of Google's reader of JSON, and where.
pub(super) fn violated(violation: &Violation) -> ApiError {
    let (last, inside) = match violation.path.split_last() {
        Some((Step::Field(name), inside)) => (name.as_str(), inside),
        _ => ("", violation.path.as_slice()),
    };
    let (place, whole) = (path(inside), path(&violation.path));
    let message = match &violation.problem {
        Problem::Unknown if place.is_empty() => {
            format!("Invalid JSON payload received. Unknown name \"{last}\": Cannot find field.")
        }
        Problem::Unknown => format!(
            "Invalid JSON payload received. Unknown name \"{last}\" at '{place}': Cannot find field."
        ),
        Problem::Missing => format!("* GenerateContentRequest.{whole}: {last} must be specified"),
        Problem::Type(kind) => format!("Invalid value at '{whole}' ({})", described(*kind)),
        Problem::Word { got, .. } | Problem::Pattern { got, .. } => {
            format!("Invalid value at '{whole}' (TYPE_ENUM), \"{got}\"")
        }
        Problem::IntegerRange { range, .. } => format!(
            "* GenerateContentRequest.{whole}: {last} must be in the range [{}, {}].",
            range.start(),
            range.end()
        ),
        Problem::NumberRange { range, .. } => format!(
            "* GenerateContentRequest.{whole}: {last} must be in the range [{:.1}, {:.1}].",
            range.start(),
            range.end()
        ),
        Problem::Union(_) | Problem::Tag { .. } => format!("Invalid value at '{whole}' (oneof)"),
    };
    let field = match violation.problem {
        Problem::Unknown => place,
        _ => whole,
    };
    ApiError::Value {
        param: Some(field),
        code: None,
        message,
    }
}

fn described(kind: Kind) -> &'static str {
    match kind {
        Kind::Flag => "TYPE_BOOL",
        Kind::Text => "TYPE_STRING",
        Kind::Integer => "TYPE_INT32",
        Kind::Number => "TYPE_FLOAT",
        Kind::List => "repeated field",
        Kind::Object => "TYPE_MESSAGE",
    }
}

/// `contents[0].parts[1].inline_data`.
fn path(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Field(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&snake(name));
            }
            Step::Index(index) => path.push_str(&format!("[{index}]")),
            Step::Tag(_) => {}
        }
    }
    path
}
