//! Errors in Anthropic's envelope and words.

use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    dialect::Refusal,
    error::ApiError,
    shape::{Kind, Problem, Step, Violation},
    wire::to_bytes,
};

pub(super) fn refusal(error: &ApiError, request_id: &str) -> Refusal {
    Refusal {
        status: error.status(),
        headers: error.headers(),
        body: to_bytes(&envelope(error, request_id)),
    }
}

/// `{"type":"error","error":{"type","message"},"request_id"}`.
pub(super) fn envelope(error: &ApiError, request_id: &str) -> Value {
    json!({
        "type": "error",
        "error": {"type": kind(error.status()), "message": message(error)},
        "request_id": request_id,
    })
}

fn kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

fn message(error: &ApiError) -> String {
    match error {
        ApiError::MissingKey => "x-api-key header is required".to_owned(),
        ApiError::BadJson => "The request body is not valid JSON".to_owned(),
        ApiError::UnknownModel(model) => format!("model: {model}"),
        ApiError::UnknownUrl { .. } => "Not Found".to_owned(),
        ApiError::MethodNotAllowed { .. } => "Method Not Allowed".to_owned(),
        ApiError::BodyTooLarge { .. } => "Request exceeds the maximum size".to_owned(),
        ApiError::Crashed => "Internal server error".to_owned(),
        ApiError::Injected { status, .. } => match status.as_u16() {
            401 => "invalid x-api-key",
            403 => "Request not allowed",
            404 => "model: not found",
            429 => {
                "This request would exceed your organization's rate limit. Please try again later."
            }
            529 => "Overloaded",
            500.. => "Internal server error",
            _ => "The mock provider was told to answer with this status.",
        }
        .to_owned(),
        error => error.to_string(),
    }
}

/// What is wrong, after where it is: `messages.0.content.0.text.text: Field required`.
pub(super) fn violated(violation: &Violation, inside: &[&str]) -> ApiError {
    let mut path: Vec<String> = inside.iter().map(|step| (*step).to_owned()).collect();
    path.extend(violation.path.iter().map(|step| match step {
        Step::Field(name) => name.clone(),
        Step::Index(index) => index.to_string(),
        Step::Tag(tag) => (*tag).to_owned(),
    }));
    let said = match &violation.problem {
        Problem::Missing => "Field required".to_owned(),
        Problem::Unknown => "Extra inputs are not permitted".to_owned(),
        Problem::Type(kind) => format!("Input should be {}", described(*kind)),
        Problem::Word { allowed, .. } => format!("Input should be {}", either(allowed, " or ")),
        Problem::Tag { got: None, .. } => {
            path.push("type".to_owned());
            "Field required".to_owned()
        }
        Problem::Tag {
            got: Some(got),
            allowed,
        } => format!(
            "Input tag '{got}' found using 'type' does not match any of the expected tags: {}",
            either(allowed, ", ")
        ),
        Problem::Pattern { pattern, .. } => format!("String should match pattern '{pattern}'"),
        Problem::IntegerRange { got, range } if got < range.start() => {
            format!("Input should be greater than or equal to {}", range.start())
        }
        Problem::IntegerRange { range, .. } => {
            format!("Input should be less than or equal to {}", range.end())
        }
        Problem::NumberRange { range, .. } => format!("range: {}..{}", range.start(), range.end()),
        Problem::Union(given) => format!("Exactly one field should be given, not {given}"),
    };
    ApiError::refused(format!("{}: {said}", path.join(".")))
}

fn described(kind: Kind) -> &'static str {
    match kind {
        Kind::Flag => "a valid boolean",
        Kind::Text => "a valid string",
        Kind::Integer => "a valid integer",
        Kind::Number => "a valid number",
        Kind::List => "a valid list",
        Kind::Object => "an object",
    }
}

/// `'a', 'b' or 'c'`.
fn either(words: &[&str], last: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    match quoted.split_last() {
        Some((end, rest)) if !rest.is_empty() => format!("{}{last}{end}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
