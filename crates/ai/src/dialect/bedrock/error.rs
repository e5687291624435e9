//! Errors in the words of AWS: a text in the body, the type beside it.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::aws_stream::{Message, frame};
use crate::dialect::ProviderError;
use crate::envelope::ErrorBody;

/// Our types of errors, and what Bedrock calls them. Others are internal.
const TYPES: &[(&str, &str)] = &[
    ("authentication_error", "UnrecognizedClientException"),
    ("invalid_request_error", "validationException"),
    ("not_found_error", "resourceNotFoundException"),
    ("overloaded_error", "serviceUnavailableException"),
    ("permission_error", "accessDeniedException"),
    ("rate_limit_error", "throttlingException"),
    ("request_too_large", "validationException"),
    ("service_unavailable_error", "serviceUnavailableException"),
    ("timeout_error", "modelTimeoutException"),
];

/// Reads the body of an error response, or the payload of an exception.
pub(crate) fn read(body: &[u8]) -> ProviderError {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |key: &str| value[key].as_str().filter(|text| !text.is_empty());
    let kind = text("__type")
        .or(text("code"))
        .map(|kind| name(kind).to_owned());
    let message = ["message", "Message", "originalMessage"]
        .into_iter()
        .find_map(text);
    ProviderError {
        message: message
            .map(str::to_owned)
            .or_else(|| kind.clone())
            .unwrap_or_else(|| "the provider gave no message".to_owned()),
        kind,
        code: None,
    }
}

/// The type in what [`super::ERROR_TYPE`] or a body says: `a.b#Type:http://…` is `Type`.
pub(crate) fn name(said: &str) -> &str {
    let name = said.split(':').next().unwrap_or(said);
    name.rsplit('#').next().unwrap_or(name).trim()
}

/// `{"message":…}`
pub(crate) fn envelope(body: &ErrorBody<'_>) -> Bytes {
    crate::json::bytes(&json!({"message": body.message})).into()
}

/// The exception that ends a stream.
pub(crate) fn event(body: &ErrorBody<'_>) -> Bytes {
    let found = TYPES.iter().find(|(kind, _)| *kind == body.kind);
    let name = found.map_or("internalServerException", |(_, name)| name);
    frame(Message::Exception, name, &envelope(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_in_every_spelling() {
        let table = [
            (r#"{"message":"m"}"#, "m", None),
            (
                r#"{"Message":"m","__type":"com.amazon#ThrottlingException:http://x"}"#,
                "m",
                Some("ThrottlingException"),
            ),
            (
                r#"{"originalStatusCode":500,"originalMessage":"o"}"#,
                "o",
                None,
            ),
            (
                r#"{"__type":"AccessDenied"}"#,
                "AccessDenied",
                Some("AccessDenied"),
            ),
            ("<xml>", "the provider gave no message", None),
        ];
        for (body, message, kind) in table {
            let error = read(body.as_bytes());
            assert_eq!(
                (&*error.message, error.kind.as_deref()),
                (message, kind),
                "{body}"
            );
        }
    }
}
