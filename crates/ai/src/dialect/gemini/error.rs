//! Error objects in the words of Google's APIs.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::dialect::ProviderError;
use crate::envelope::ErrorBody;

/// Our types of errors, and what Google calls them. Others are internal.
const STATUSES: &[(&str, u16, &str)] = &[
    ("authentication_error", 401, "UNAUTHENTICATED"),
    ("billing_error", 403, "PERMISSION_DENIED"),
    ("invalid_request_error", 400, "INVALID_ARGUMENT"),
    ("not_found_error", 404, "NOT_FOUND"),
    ("overloaded_error", 503, "UNAVAILABLE"),
    ("permission_error", 403, "PERMISSION_DENIED"),
    ("rate_limit_error", 429, "RESOURCE_EXHAUSTED"),
    ("request_too_large", 413, "INVALID_ARGUMENT"),
    ("service_unavailable_error", 503, "UNAVAILABLE"),
    ("timeout_error", 504, "DEADLINE_EXCEEDED"),
];

const INTERNAL: (u16, &str) = (500, "INTERNAL");

/// Reads the value of an `error` member: `kind` is its status, `code` the reason in its details.
pub(crate) fn read(json: &[u8]) -> ProviderError {
    let value: Value = serde_json::from_slice(json).unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let details = value["details"].as_array().map_or(&[][..], Vec::as_slice);
    let reason = details.iter().find_map(|detail| text(&detail["reason"]));
    let status = text(&value["status"]);
    let message = text(&value["message"])
        .or_else(|| text(&value))
        .filter(|message| !message.is_empty())
        .or_else(|| status.clone());
    ProviderError {
        message: message.unwrap_or_else(|| "the provider gave no message".to_owned()),
        kind: status,
        code: reason,
    }
}

/// Reads the body of an error response; streams have theirs in a list.
pub(crate) fn read_body(body: &[u8]) -> ProviderError {
    let mut value: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Value::Array(items) = &mut value {
        value = items.first_mut().map(Value::take).unwrap_or_default();
    }
    let inner = match value.get_mut("error") {
        Some(error) => error.take(),
        None => value,
    };
    read(inner.to_string().as_bytes())
}

/// `{"error":{"code","message","status","details"}}`
pub(crate) fn envelope(body: &ErrorBody<'_>) -> Bytes {
    let found = STATUSES.iter().find(|(kind, ..)| *kind == body.kind);
    let native = STATUSES.iter().find(|(_, _, status)| *status == body.kind);
    let (code, status) = found
        .or(native)
        .map_or(INTERNAL, |(_, code, status)| (*code, *status));
    let mut details = Vec::new();
    if let Some(reason) = body.code {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason,
            "domain": "agentgateway.dev",
        }));
    }
    if let Some(id) = body.request_id {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.RequestInfo",
            "requestId": id,
        }));
    }
    let mut error = json!({"code": code, "message": body.message, "status": status});
    if !details.is_empty() {
        error["details"] = details.into();
    }
    crate::json::bytes(&json!({"error": error})).into()
}

/// An event of a stream.
pub(crate) fn data(json: &[u8]) -> Bytes {
    Bytes::from([&b"data: "[..], json, b"\r\n\r\n"].concat())
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn errors_are_read_in_and_out_of_lists() {
        let object = r#"{"error":{"code":400,"message":"API key not valid.",
            "status":"INVALID_ARGUMENT","details":[
            {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
        for body in [object.to_owned(), format!("[{object}]")] {
            let error = read_body(body.as_bytes());
            assert_eq!(error.message, "API key not valid.");
            assert_eq!(error.kind.as_deref(), Some("INVALID_ARGUMENT"));
            assert_eq!(error.code.as_deref(), Some("API_KEY_INVALID"));
        }
        for (body, message) in [
            (r#"{"error":"no"}"#, "no"),
            (r#"{"error":{"status":"UNAVAILABLE"}}"#, "UNAVAILABLE"),
            ("<html>", "the provider gave no message"),
            ("[]", "the provider gave no message"),
        ] {
            assert_eq!(read_body(body.as_bytes()).message, message);
        }
    }

    #[test]
    fn our_errors_have_googles_status() {
        let table = [
            (400, 400, "INVALID_ARGUMENT"),
            (401, 401, "UNAUTHENTICATED"),
            (403, 403, "PERMISSION_DENIED"),
            (404, 404, "NOT_FOUND"),
            (413, 413, "INVALID_ARGUMENT"),
            (429, 429, "RESOURCE_EXHAUSTED"),
            (502, 500, "INTERNAL"),
            (503, 503, "UNAVAILABLE"),
            (504, 504, "DEADLINE_EXCEEDED"),
        ];
        for (status, code, word) in table {
            let status = StatusCode::from_u16(status).unwrap();
            let body = envelope(&ErrorBody::new(status, "m").request_id("r-1"));
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["error"]["code"], code);
            assert_eq!(body["error"]["status"], word);
            assert_eq!(body["error"]["details"][0]["requestId"], "r-1");
        }
    }
}
