//! Errors as responses: the only place where one becomes the other.

use agw_ai::dialect::openai::OpenAi;
use agw_ai::envelope::{ErrorBody, envelope};
use http::{HeaderValue, Response, StatusCode, header};

use crate::body::Answer;
use crate::error::Error;

/// What the client can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Short text, for plain HTTP routes.
    Text,
    /// OpenAI's error envelope.
    OpenAi,
}

/// The response for `error`, without a record.
pub(crate) fn response(error: &Error, dialect: Dialect, request_id: &str) -> Response<Box<Answer>> {
    let status = error.status();
    let (content_type, body) = match dialect {
        Dialect::Text => (
            "text/plain; charset=utf-8",
            format!("{}\n", message(error)).into(),
        ),
        Dialect::OpenAi => {
            let text = message(error);
            let body = ErrorBody::new(status, &text)
                .code(code(error))
                .param(param(error));
            (
                "application/json",
                envelope(&OpenAi, &body.request_id(request_id)),
            )
        }
    };
    let mut response = Response::new(Answer::whole(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if status == StatusCode::PAYLOAD_TOO_LARGE || status == StatusCode::REQUEST_TIMEOUT {
        // The rest of the body is not read: this connection cannot carry another request.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// `code` of the error object: the body's own fault, or the reason that the log shows.
fn code(error: &Error) -> &'static str {
    match error {
        Error::BadBody(body) => body.code(),
        other => other.reason().as_str(),
    }
}

/// `param` of the error object: the member of the body that is wrong.
fn param(error: &Error) -> Option<&'static str> {
    match error {
        Error::BadBody(body) => body.param(),
        Error::NoModel => Some("model"),
        _ => None,
    }
}

/// What the client is told: enough to act on, nothing of the inside.
fn message(error: &Error) -> String {
    match error {
        Error::BrokenRule(_) => "the route that matched is not valid; see its status".to_owned(),
        Error::NoBackend(_) => {
            "the route that matched has no valid backend; see its status".to_owned()
        }
        Error::Connect { .. } => "the upstream cannot be reached".to_owned(),
        Error::Reset(_) => "the upstream closed the connection before its response".to_owned(),
        Error::Garbage(_) => "the upstream's response cannot be understood".to_owned(),
        other => other.to_string(),
    }
}
