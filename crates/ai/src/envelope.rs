//! Errors of the gateway itself, worded for a client that expects a provider's.

use bytes::Bytes;
use http::StatusCode;

use crate::dialect::{Dialect, ProviderError, of_client};
use crate::operation::Operation;
use crate::rerank;

/// An error as a client is to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorBody<'a> {
    pub message: &'a str,
    /// `type`: see [`error_type`].
    pub kind: &'a str,
    pub code: Option<&'a str>,
    /// The request member that is wrong.
    pub param: Option<&'a str>,
    pub request_id: Option<&'a str>,
}

impl<'a> ErrorBody<'a> {
    pub fn new(status: StatusCode, message: &'a str) -> Self {
        Self {
            message,
            kind: error_type(status),
            code: None,
            param: None,
            request_id: None,
        }
    }

    /// What a provider reported, for a client of another.
    pub fn of(error: &'a ProviderError) -> Self {
        Self {
            message: &error.message,
            kind: error.kind.as_deref().unwrap_or("server_error"),
            code: error.code.as_deref(),
            param: None,
            request_id: None,
        }
    }

    pub fn code(self, code: &'a str) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    pub fn param(self, param: Option<&'a str>) -> Self {
        Self { param, ..self }
    }

    pub fn request_id(self, request_id: &'a str) -> Self {
        Self {
            request_id: Some(request_id),
            ..self
        }
    }
}

/// The JSON body of an error response in `dialect`.
pub fn envelope(dialect: &dyn Dialect, error: &ErrorBody<'_>) -> Bytes {
    dialect.envelope(error)
}

/// The JSON body of an error response to a client that asks for `operation`.
pub fn envelope_for(operation: Operation, error: &ErrorBody<'_>) -> Bytes {
    match operation {
        Operation::Rerank => rerank::envelope(error),
        operation => of_client(operation).envelope(error),
    }
}

/// The `type` that providers give to errors of this status.
pub fn error_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 | 504 => "timeout_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 => "service_unavailable_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}
