//! Errors in OpenAI's envelope.

use std::time::Duration;

use http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE};
use serde_json::{Value, json};

use crate::{dialect::Refusal, error::ApiError, wire::to_bytes};

pub(super) fn refusal(error: &ApiError) -> Refusal {
    let mut headers = error.headers();
    match error {
        ApiError::MissingKey => {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"OpenAI API\""),
            );
        }
        ApiError::Injected {
            retry_after: Some(seconds),
            ..
        } => {
            let millis = Duration::from_secs(u64::from(*seconds)).as_millis();
            headers.insert("retry-after-ms", HeaderValue::from(millis as u64));
        }
        _ => {}
    }
    Refusal {
        status: error.status(),
        headers,
        body: to_bytes(&envelope(error)),
    }
}

/// `{"error":{"message","type","param","code"}}`.
pub(super) fn envelope(error: &ApiError) -> Value {
    json!({
        "error": {
            "message": error.to_string(),
            "type": kind(error),
            "param": param(error),
            "code": code(error),
        }
    })
}

pub(super) fn code(error: &ApiError) -> Option<&'static str> {
    match error {
        ApiError::BadKey { kind, .. } => Some(kind),
        ApiError::UnknownModel(_) => Some("model_not_found"),
        ApiError::Missing { .. } => Some("missing_required_parameter"),
        ApiError::Type { .. } => Some("invalid_type"),
        ApiError::Value { code, .. } => *code,
        ApiError::MethodNotAllowed { .. } => Some("method_not_supported"),
        ApiError::BadFault(_) => Some("invalid_fault"),
        ApiError::NoSuchFault(_) => Some("fault_not_found"),
        ApiError::Injected { status, .. } => match *status {
            StatusCode::UNAUTHORIZED => Some("invalid_api_key"),
            StatusCode::NOT_FOUND => Some("model_not_found"),
            StatusCode::TOO_MANY_REQUESTS => Some("rate_limit_exceeded"),
            _ => None,
        },
        _ => None,
    }
}

fn kind(error: &ApiError) -> &'static str {
    match error {
        ApiError::Injected {
            status: StatusCode::TOO_MANY_REQUESTS,
            ..
        } => "requests",
        error if error.status().is_server_error() => "server_error",
        _ => "invalid_request_error",
    }
}

fn param(error: &ApiError) -> Option<&str> {
    match error {
        ApiError::Missing { param } | ApiError::Type { param, .. } => Some(param),
        ApiError::Value { param, .. } => param.as_deref(),
        ApiError::UnknownModel(_) => Some("model"),
        ApiError::BadFault(error) => error.field(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn speaks_the_envelope() {
        let error = ApiError::UnknownUrl {
            method: Method::POST,
            path: "/v1/x".to_owned(),
        };
        assert_eq!(
            envelope(&error).to_string(),
            r#"{"error":{"message":"Invalid URL (POST /v1/x)","type":"invalid_request_error","param":null,"code":null}}"#
        );
        let overloaded = ApiError::Injected {
            status: StatusCode::SERVICE_UNAVAILABLE,
            retry_after: Some(2),
        };
        assert_eq!(envelope(&overloaded)["error"]["type"], "server_error");
        let headers = refusal(&overloaded).headers;
        assert_eq!(headers["retry-after"], "2");
        assert_eq!(headers["retry-after-ms"], "2000");
    }
}
