//! Errors as exceptions of the Bedrock runtime.

use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::{
    dialect::Refusal,
    error::ApiError,
    shape::{Kind, Problem, Step, Violation},
    wire::to_bytes,
};

/// The exception that a service of AWS answers a status with.
const EXCEPTIONS: [(u16, &str); 8] = [
    (400, "ValidationException"),
    (403, "AccessDeniedException"),
    (404, "ResourceNotFoundException"),
    (408, "ModelTimeoutException"),
    (424, "ModelErrorException"),
    (429, "ThrottlingException"),
    (500, "InternalServerException"),
    (503, "ServiceUnavailableException"),
];

/// `{"message"}`, with the exception's name in a header.
pub(super) fn refusal(error: &ApiError) -> Refusal {
    let mut headers = error.headers();
    headers.insert("x-amzn-errortype", HeaderValue::from_static(kind(error)));
    Refusal {
        status: status(error),
        headers,
        body: to_bytes(&json!({"message": message(error)})),
    }
}

fn status(error: &ApiError) -> StatusCode {
    match error {
        ApiError::MissingKey => StatusCode::FORBIDDEN,
        ApiError::UnknownModel(_) => StatusCode::BAD_REQUEST,
        error => error.status(),
    }
}

fn kind(error: &ApiError) -> &'static str {
    match error {
        ApiError::MissingKey => "MissingAuthenticationTokenException",
        ApiError::BadKey { kind, .. } => kind,
        ApiError::UnknownUrl { .. } => "UnknownOperationException",
        ApiError::BadJson => "SerializationException",
        error => named(status(error)),
    }
}

fn named(status: StatusCode) -> &'static str {
    let found = EXCEPTIONS
        .iter()
        .find(|(code, _)| *code == status.as_u16())
        .map(|(_, name)| *name);
    match found {
        Some(name) => name,
        None if status.is_server_error() => "InternalServerException",
        None => "ValidationException",
    }
}

/// The name of the exception inside a stream, of which there are fewer.
pub(super) fn stream_kind(error: &ApiError) -> &'static str {
    match status(error).as_u16() {
        400 => "validationException",
        424 => "modelStreamErrorException",
        429 => "throttlingException",
        503 => "serviceUnavailableException",
        _ => "internalServerException",
    }
}

pub(super) fn message(error: &ApiError) -> String {
    match error {
        ApiError::MissingKey => "Missing Authentication Token".to_owned(),
        ApiError::UnknownModel(_) => "The provided model identifier is invalid.".to_owned(),
        ApiError::BadJson => "The request body is not valid JSON.".to_owned(),
        ApiError::Injected { status, .. } => match status.as_u16() {
            403 => "You don't have access to the model with the specified model ID.",
            404 => "Could not resolve the foundation model from the provided model identifier.",
            408 => "The request took too long to process. Processing time exceeded the model timeout length.",
            424 => "The model returned an error while it was processed.",
            429 => "Too many requests, please wait before trying again.",
            503 => "Bedrock is unable to process your request.",
            500.. => "The system encountered an unexpected error during processing. Try your request again.",
            _ => "The mock provider was told to answer with this status.",
        }
        .to_owned(),
        error => error.to_string(),
    }
}

/// What is wrong, in the words of AWS's check of requests against the service's model. It counts list members from one.
pub(super) fn violated(violation: &Violation) -> ApiError {
    let mut place = String::new();
    for step in &violation.path {
        match step {
            Step::Field(name) if place.is_empty() => place.push_str(name),
            Step::Field(name) => place.push_str(&format!(".{name}")),
            Step::Index(index) => place.push_str(&format!(".{}.member", index + 1)),
            Step::Tag(_) => {}
        }
    }
    let constraint = match &violation.problem {
        Problem::Missing => "Member must not be null".to_owned(),
        Problem::Unknown => {
            return ApiError::refused(format!("The field {place} is not a member of the request."));
        }
        Problem::Type(kind) => {
            return ApiError::refused(format!(
                "Unexpected field type at {place}: expected {}.",
                described(*kind)
            ));
        }
        Problem::Word { allowed, .. } => format!(
            "Member must satisfy enum value set: [{}]",
            allowed.join(", ")
        ),
        Problem::Pattern { pattern, .. } => {
            format!("Member must satisfy regular expression pattern: {pattern}")
        }
        Problem::IntegerRange { got, range } if got < range.start() => {
            format!(
                "Member must have value greater than or equal to {}",
                range.start()
            )
        }
        Problem::IntegerRange { range, .. } => {
            format!(
                "Member must have value less than or equal to {}",
                range.end()
            )
        }
        Problem::NumberRange { got, range } if got < range.start() => {
            format!(
                "Member must have value greater than or equal to {}",
                range.start()
            )
        }
        Problem::NumberRange { range, .. } => {
            format!(
                "Member must have value less than or equal to {}",
                range.end()
            )
        }
        Problem::Union(_) | Problem::Tag { .. } => {
            return ApiError::refused(format!(
                "Invalid number of members set in the union at {place}. Exactly one must be set."
            ));
        }
    };
    ApiError::refused(format!(
        "1 validation error detected: Value at '{place}' failed to satisfy constraint: {constraint}"
    ))
}

fn described(kind: Kind) -> &'static str {
    match kind {
        Kind::Flag => "Boolean",
        Kind::Text => "String",
        Kind::Integer => "Integer",
        Kind::Number => "Float",
        Kind::List => "List",
        Kind::Object => "Structure",
    }
}
