//! Errors in Cohere's envelope and words.

use serde_json::json;

use crate::{
    dialect::Refusal,
    error::ApiError,
    shape::{Problem, Step, Violation},
    wire::to_bytes,
};

/// `{"id","message"}`.
pub(super) fn refusal(error: &ApiError, request_id: &str) -> Refusal {
    Refusal {
        status: error.status(),
        headers: error.headers(),
        body: to_bytes(&json!({"id": request_id, "message": message(error)})),
    }
}

fn message(error: &ApiError) -> String {
    match error {
        ApiError::MissingKey => "no api key supplied".to_owned(),
        ApiError::BadJson => "invalid request: request body is not valid JSON".to_owned(),
        ApiError::UnknownModel(model) => format!(
            "model '{model}' not found, make sure the correct model ID was used and that you have access to the model."
        ),
        ApiError::Injected { status, .. } => match status.as_u16() {
            401 => "invalid api token",
            429 => "You have exceeded your rate limit. Please wait and try again later.",
            500.. => "internal server error, this has been reported to our developers.",
            _ => "The mock provider was told to answer with this status.",
        }
        .to_owned(),
        error => error.to_string(),
    }
}

pub(super) fn violated(violation: &Violation) -> ApiError {
    let path: Vec<String> = violation
        .path
        .iter()
        .map(|step| match step {
            Step::Field(name) => name.clone(),
            Step::Index(index) => index.to_string(),
            Step::Tag(tag) => (*tag).to_owned(),
        })
        .collect();
    let said = match &violation.problem {
        Problem::Missing => "is required".to_owned(),
        Problem::Unknown => "is an unknown field".to_owned(),
        Problem::IntegerRange { got, range } => format!(
            "must be between {} and {}, but is {got}",
            range.start(),
            range.end()
        ),
        _ => "has an invalid type".to_owned(),
    };
    ApiError::refused(format!("invalid request: {} {said}", path.join(".")))
}
