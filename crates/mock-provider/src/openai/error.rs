//! Everything that is answered with an error, in OpenAI's words and envelope.

use std::time::Duration;

use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde_json::{Value, json};
use thiserror::Error;

use crate::fault::{FaultError, TableFull};

/// An error answer. All but `Injected`, `Crashed` and `TableFull` are the caller's fault and come again when the
/// request is repeated; an injected one says by its status whether a retry may help.
#[derive(Debug, Error)]
pub(crate) enum ApiError {
    #[error(
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
    )]
    MissingKey,
    #[error(
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
    )]
    BadJson,
    #[error("you must provide a model parameter")]
    MissingModel,
    #[error("The model `{0}` does not exist or you do not have access to it.")]
    UnknownModel(String),
    #[error("Missing required parameter: '{param}'.")]
    Missing { param: String },
    #[error("Invalid type for '{param}': expected {expected}, but got {got} instead.")]
    Type {
        param: String,
        expected: &'static str,
        got: &'static str,
    },
    /// A value of the right type that is not allowed.
    #[error("{message}")]
    Value {
        param: Option<String>,
        code: Option<&'static str>,
        message: String,
    },
    #[error("Invalid URL ({method} {path})")]
    UnknownUrl { method: Method, path: String },
    #[error(
        "Not allowed to {method} on {path}. (HINT: Perhaps you meant to use a different HTTP method?)"
    )]
    MethodNotAllowed {
        method: Method,
        path: String,
        allowed: &'static str,
    },
    #[error("Maximum content size limit ({limit} bytes) exceeded.")]
    BodyTooLarge { limit: usize },
    #[error("The request body could not be read to its end.")]
    BodyBroken,
    #[error("{0}")]
    BadFault(#[from] FaultError),
    #[error("no fault is armed for '{0}'")]
    NoSuchFault(String),
    #[error("{0}")]
    TableFull(#[from] TableFull),
    /// The mock itself failed.
    #[error("The server had an error while processing your request. Sorry about that!")]
    Crashed,
    /// A fault asked for this.
    #[error("{}", injected_message(*.status))]
    Injected {
        status: StatusCode,
        retry_after: Option<u32>,
    },
}

// === impl ApiError ===

impl ApiError {
    pub(crate) fn value(param: &str, code: &'static str, message: String) -> Self {
        Self::Value {
            param: Some(param.to_owned()),
            code: Some(code),
            message,
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::MissingKey => StatusCode::UNAUTHORIZED,
            Self::UnknownModel(_) | Self::UnknownUrl { .. } | Self::NoSuchFault(_) => {
                StatusCode::NOT_FOUND
            }
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TableFull(_) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Crashed => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Injected { status, .. } => *status,
            Self::BadJson
            | Self::MissingModel
            | Self::Missing { .. }
            | Self::Type { .. }
            | Self::Value { .. }
            | Self::BodyBroken
            | Self::BadFault(_) => StatusCode::BAD_REQUEST,
        }
    }

    pub(crate) fn code(&self) -> Option<&'static str> {
        match self {
            Self::UnknownModel(_) => Some("model_not_found"),
            Self::Missing { .. } => Some("missing_required_parameter"),
            Self::Type { .. } => Some("invalid_type"),
            Self::Value { code, .. } => *code,
            Self::MethodNotAllowed { .. } => Some("method_not_supported"),
            Self::BadFault(_) => Some("invalid_fault"),
            Self::NoSuchFault(_) => Some("fault_not_found"),
            Self::Injected { status, .. } => match *status {
                StatusCode::UNAUTHORIZED => Some("invalid_api_key"),
                StatusCode::NOT_FOUND => Some("model_not_found"),
                StatusCode::TOO_MANY_REQUESTS => Some("rate_limit_exceeded"),
                _ => None,
            },
            _ => None,
        }
    }

    /// The headers that belong to the error.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        match self {
            Self::MissingKey => {
                headers.insert(
                    WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"OpenAI API\""),
                );
            }
            Self::MethodNotAllowed { allowed, .. } => {
                headers.insert(ALLOW, HeaderValue::from_static(allowed));
            }
            Self::Injected {
                retry_after: Some(seconds),
                ..
            } => {
                headers.insert(RETRY_AFTER, HeaderValue::from(*seconds));
                let millis = Duration::from_secs(u64::from(*seconds)).as_millis();
                headers.insert("retry-after-ms", HeaderValue::from(millis as u64));
            }
            _ => {}
        }
        headers
    }

    /// `{"error":{"message","type","param","code"}}`.
    pub(crate) fn envelope(&self) -> Value {
        json!({
            "error": {
                "message": self.to_string(),
                "type": self.kind(),
                "param": self.param(),
                "code": self.code(),
            }
        })
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Injected {
                status: StatusCode::TOO_MANY_REQUESTS,
                ..
            } => "requests",
            error if error.status().is_server_error() => "server_error",
            _ => "invalid_request_error",
        }
    }

    fn param(&self) -> Option<&str> {
        match self {
            Self::Missing { param } | Self::Type { param, .. } => Some(param),
            Self::Value { param, .. } => param.as_deref(),
            Self::UnknownModel(_) => Some("model"),
            Self::BadFault(error) => error.field(),
            _ => None,
        }
    }
}

fn injected_message(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "The request was rejected by the mock provider.",
        StatusCode::UNAUTHORIZED => "Incorrect API key provided.",
        StatusCode::FORBIDDEN => "You are not allowed to use this model.",
        StatusCode::NOT_FOUND => "The model does not exist or you do not have access to it.",
        StatusCode::TOO_MANY_REQUESTS => "Rate limit reached for requests. Please try again later.",
        StatusCode::SERVICE_UNAVAILABLE => {
            "The engine is currently overloaded, please try again later"
        }
        status if status.is_server_error() => {
            "The server had an error while processing your request. Sorry about that!"
        }
        _ => "The mock provider was told to answer with this status.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_the_envelope() {
        let error = ApiError::UnknownUrl {
            method: Method::POST,
            path: "/v1/x".to_owned(),
        };
        assert_eq!(
            error.envelope().to_string(),
            r#"{"error":{"message":"Invalid URL (POST /v1/x)","type":"invalid_request_error","param":null,"code":null}}"#
        );
        let overloaded = ApiError::Injected {
            status: StatusCode::SERVICE_UNAVAILABLE,
            retry_after: Some(2),
        };
        assert_eq!(overloaded.envelope()["error"]["type"], "server_error");
        assert_eq!(overloaded.headers()["retry-after"], "2");
        assert_eq!(overloaded.headers()["retry-after-ms"], "2000");
    }
}
