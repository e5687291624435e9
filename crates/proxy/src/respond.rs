//! Errors as responses: the only place where one becomes the other.

use agw_ai::Operation;
use agw_ai::envelope::{ErrorBody, envelope_for};
use agw_core::access::Denial;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::body::Answer;
use crate::error::Error;

/// What the client can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Short text, for plain HTTP routes.
    Text,
    /// The error envelope of the API that is asked for this.
    Api(Operation),
    /// A status in the head, under 200: clients look nowhere else.
    Grpc,
}

/// Whether the message is one of gRPC: `application/grpc`, or that with what it is encoded in.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    const KIND: &[u8] = b"application/grpc";
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let kind = kind.and_then(|kind| kind.split_at_checked(KIND.len()));
    kind.is_some_and(|(start, rest)| {
        start.eq_ignore_ascii_case(KIND) && matches!(rest, [] | [b'+' | b';', ..])
    })
}

/// The response for `error`, without a record.
pub(crate) fn response(error: &Error, dialect: Dialect, request_id: &str) -> Response<Box<Answer>> {
    if let Some(denial) = own_words(error, dialect) {
        return denied(denial, dialect);
    }
    let status = error.status();
    let (content_type, body) = match dialect {
        Dialect::Grpc => return grpc(status, &message(error)),
        Dialect::Text => (
            "text/plain; charset=utf-8",
            format!("{}\n", message(error)).into(),
        ),
        Dialect::Api(operation) => {
            let text = message(error);
            let body = ErrorBody::new(status, &text)
                .code(code(error))
                .param(param(error));
            (
                "application/json",
                envelope_for(operation, &body.request_id(request_id)),
            )
        }
    };
    let mut response = Response::new(Answer::whole(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.extend(told(error));
    if status == StatusCode::PAYLOAD_TOO_LARGE || status == StatusCode::REQUEST_TIMEOUT {
        // The rest of the body is not read: this connection cannot carry another request.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// What a server that was asked wants said in its own words.
fn own_words(error: &Error, dialect: Dialect) -> Option<&Denial> {
    match error {
        Error::Denied(denial) if dialect == Dialect::Text || denial.status.is_redirection() => {
            Some(denial)
        }
        Error::Denied(denial) | Error::OverLimit(denial) if !denial.body.is_empty() => Some(denial),
        _ => None,
    }
}

/// The answer of a server that was asked, in its own words.
fn denied(denial: &Denial, dialect: Dialect) -> Response<Box<Answer>> {
    if dialect == Dialect::Grpc {
        return grpc(denial.status, &String::from_utf8_lossy(&denial.body));
    }
    let mut response = Response::new(Answer::whole(denial.body.clone()));
    *response.status_mut() = denial.status;
    *response.headers_mut() = denial.headers.clone();
    response
}

/// What headers tell about an error.
fn told(error: &Error) -> Vec<(HeaderName, HeaderValue)> {
    match error {
        Error::Unauthenticated { challenge, .. } => {
            vec![(header::WWW_AUTHENTICATE, challenge.clone())]
        }
        Error::Denied(denial) | Error::OverLimit(denial) => {
            let headers = denial.headers.iter();
            let others = headers.filter(|(name, _)| *name != header::CONTENT_TYPE);
            others
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        }
        Error::RateLimited { limit, wait } => {
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
            let name = HeaderName::from_static;
            vec![
                (header::RETRY_AFTER, seconds.into()),
                (name("x-ratelimit-limit"), (*limit).into()),
                (name("x-ratelimit-remaining"), 0.into()),
                (name("x-ratelimit-reset"), seconds.into()),
            ]
        }
        _ => Vec::new(),
    }
}

/// A response of gRPC that is all head: its trailers stand there.
fn grpc(status: StatusCode, message: &str) -> Response<Box<Answer>> {
    let mut response = Response::new(Answer::whole(Bytes::new()));
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("application/grpc");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(
        HeaderName::from_static("grpc-status"),
        HeaderValue::from(grpc_status(status)),
    );
    if let Ok(message) = HeaderValue::try_from(percent_encoded(message)) {
        headers.insert(HeaderName::from_static("grpc-message"), message);
    }
    response
}

/// What gRPC calls it: its mapping of HTTP's statuses, but that a gateway which waited in vain says
/// so.
fn grpc_status(status: StatusCode) -> u16 {
    match status {
        StatusCode::BAD_REQUEST => 13,
        StatusCode::UNAUTHORIZED => 16,
        StatusCode::FORBIDDEN => 7,
        StatusCode::NOT_FOUND => 12,
        StatusCode::GATEWAY_TIMEOUT => 4,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE => 14,
        _ => 2,
    }
}

/// As `grpc-message` has its text: printable ASCII stands for itself, but for the percent sign.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | 0..b' ' | 0x7f.. => {
                let hex = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble)]);
                encoded.extend(['%', hex(byte >> 4), hex(byte & 15)]);
            }
            _ => encoded.push(char::from(byte)),
        }
    }
    encoded
}

/// `code` of the error object: the body's own fault, or the reason that the log shows.
fn code(error: &Error) -> &'static str {
    match error {
        Error::BadBody(body) => body.code(),
        Error::NoSuchModel(_) => "model_not_found",
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
        Error::Unasked(_) => "a guard of this route could not be asked".to_owned(),
        Error::Connect { .. } => "the upstream cannot be reached".to_owned(),
        Error::Unverified(_) => "the credentials cannot be checked now".to_owned(),
        Error::Denied(_) => "authorization failed".to_owned(),
        Error::Uncounted(_) => "the limits of this route cannot be counted now".to_owned(),
        Error::NoDecision(_) => "whether this may pass cannot be decided now".to_owned(),
        Error::Reset(_) => "the upstream closed the connection before its response".to_owned(),
        Error::Garbage(_) => "the upstream's response cannot be understood".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_grpc_by_its_content_type() {
        for (kind, want) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("Application/gRPC; charset=utf-8", true),
            ("application/grpc-web", false),
            ("application/grpcs", false),
            ("application/json", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            assert_eq!(is_grpc(&headers), want, "{kind}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }

    #[test]
    fn a_message_is_printable() {
        assert_eq!(percent_encoded("a b~"), "a b~");
        assert_eq!(percent_encoded("5% of \u{e9}\n"), "5%25 of %C3%A9%0A");
    }
}
