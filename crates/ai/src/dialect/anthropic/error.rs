//! Our errors in Anthropic's words.

use bytes::Bytes;
use serde::Serialize;

use crate::dialect::openai::error::json;
use crate::envelope::ErrorBody;

#[derive(Serialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    error: Ours<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Ours<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    message: &'a str,
}

/// Anthropic's types of errors; others are taken for its general one.
const KINDS: [&str; 10] = [
    "api_error",
    "authentication_error",
    "billing_error",
    "invalid_request_error",
    "not_found_error",
    "overloaded_error",
    "permission_error",
    "rate_limit_error",
    "request_too_large",
    "timeout_error",
];

/// `{"type":"error","error":{…}}`
pub(crate) fn envelope(body: &ErrorBody<'_>) -> Bytes {
    let kind = match body.kind {
        "service_unavailable_error" => "overloaded_error",
        known if KINDS.contains(&known) => known,
        _ => "api_error",
    };
    json(&Envelope {
        kind: "error",
        error: Ours {
            kind,
            message: body.message,
        },
        request_id: body.request_id,
    })
}

/// The event on which clients' libraries raise.
pub(crate) fn event(body: &ErrorBody<'_>) -> Bytes {
    Bytes::from([&b"event: error\ndata: "[..], &envelope(body), b"\n\n"].concat())
}
