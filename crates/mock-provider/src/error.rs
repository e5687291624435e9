//! Why a request is not answered well, before a dialect words it.

use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{ALLOW, RETRY_AFTER},
};
use thiserror::Error;

use crate::fault::{FaultError, TableFull};

/// An error answer. All but `Injected`, `Crashed` and `TableFull` are the caller's fault and come again when the
/// request is repeated; an injected one says by its status whether a retry may help.
///
/// It displays in OpenAI's words; the other dialects replace those that theirs words otherwise.
#[derive(Debug, Error)]
pub(crate) enum ApiError {
    #[error(
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
    )]
    MissingKey,
    /// A credential of the right form that proves nothing.
    #[error("{message}")]
    BadKey { kind: &'static str, message: String },
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

/// What an error inside a 200 says.
pub(crate) const SERVER_ERROR: ApiError = ApiError::Injected {
    status: StatusCode::INTERNAL_SERVER_ERROR,
    retry_after: None,
};

// === impl ApiError ===

impl ApiError {
    pub(crate) fn value(param: &str, code: &'static str, message: String) -> Self {
        Self::Value {
            param: Some(param.to_owned()),
            code: Some(code),
            message,
        }
    }

    /// A request that its dialect refuses in these words.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::Value {
            param: None,
            code: None,
            message: message.into(),
        }
    }

    /// The status that most dialects answer with.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::MissingKey => StatusCode::UNAUTHORIZED,
            Self::BadKey { .. } => StatusCode::FORBIDDEN,
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

    /// The headers that belong to the error in every dialect.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        match self {
            Self::MethodNotAllowed { allowed, .. } => {
                headers.insert(ALLOW, HeaderValue::from_static(allowed));
            }
            Self::Injected {
                retry_after: Some(seconds),
                ..
            } => {
                headers.insert(RETRY_AFTER, HeaderValue::from(*seconds));
            }
            _ => {}
        }
        headers
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
