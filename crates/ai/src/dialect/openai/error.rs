//! Error objects, theirs and ours.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::dialect::ProviderError;
use crate::envelope::ErrorBody;

/// Our error object. `param` and `code` are always there: clients' types require them.
#[derive(Debug, Serialize)]
pub(crate) struct Ours<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

impl<'a> From<&ErrorBody<'a>> for Ours<'a> {
    fn from(body: &ErrorBody<'a>) -> Self {
        let ErrorBody {
            message,
            kind,
            code,
            param,
            request_id,
        } = *body;
        Self {
            message,
            kind,
            param,
            code,
            request_id,
        }
    }
}

/// `{"error":{…}}`
pub(crate) fn envelope(body: &ErrorBody<'_>) -> Bytes {
    #[derive(Serialize)]
    struct Envelope<'a> {
        error: Ours<'a>,
    }
    json(&Envelope { error: body.into() })
}

pub(crate) fn json(value: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(value).expect("strings and numbers always serialise"))
}

/// Reads the value of an `error` member: an object in any state of dress, or a plain string.
pub(crate) fn read(json: &[u8]) -> ProviderError {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Theirs {
        Object {
            #[serde(default)]
            message: Option<Scalar>,
            #[serde(default, rename = "type")]
            kind: Option<Scalar>,
            #[serde(default)]
            code: Option<Scalar>,
        },
        Text(String),
    }
    match serde_json::from_slice(json) {
        Ok(Theirs::Object {
            message,
            kind,
            code,
        }) => {
            let [message, kind, code] = [message, kind, code].map(|s| s.and_then(Scalar::text));
            let message = message.or_else(|| code.clone()).or_else(|| kind.clone());
            ProviderError {
                message: message.unwrap_or_else(unnamed),
                kind,
                code,
            }
        }
        Ok(Theirs::Text(message)) => ProviderError {
            message,
            ..ProviderError::default()
        },
        Err(_) => ProviderError {
            message: unnamed(),
            ..ProviderError::default()
        },
    }
}

/// Reads the body of an error response: the object is in an `error` member, in a list, or all there
/// is.
pub(crate) fn read_body(body: &[u8]) -> ProviderError {
    use serde_json::Value;
    let mut value: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Value::Array(items) = &mut value {
        value = items.first_mut().map(Value::take).unwrap_or_default();
    }
    let inner = match value.get_mut("error") {
        Some(error) if !error.is_null() => error.take(),
        _ => value,
    };
    read(inner.to_string().as_bytes())
}

fn unnamed() -> String {
    "the provider gave no message".to_owned()
}

/// Codes are strings with some providers and numbers with others.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Number(serde_json::Number),
    Other(serde::de::IgnoredAny),
}

impl Scalar {
    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(number) => Some(number.to_string()),
            Self::Other(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn our_errors_are_escaped_and_typed_by_status() {
        let table = [
            (400, "invalid_request_error"),
            (401, "authentication_error"),
            (403, "permission_error"),
            (404, "not_found_error"),
            (413, "request_too_large"),
            (422, "invalid_request_error"),
            (429, "rate_limit_error"),
            (500, "server_error"),
            (502, "server_error"),
            (503, "service_unavailable_error"),
            (504, "timeout_error"),
        ];
        for (status, kind) in table {
            let status = StatusCode::from_u16(status).unwrap();
            let body = ErrorBody::new(status, "a \"b\"\n")
                .code("c")
                .request_id("r-1");
            let expected = format!(
                r#"{{"error":{{"message":"a \"b\"\n","type":"{kind}","param":null,"code":"c","request_id":"r-1"}}}}"#
            );
            assert_eq!(envelope(&body), expected);
        }
    }

    #[test]
    fn reads_errors_in_any_state_of_dress() {
        let table = [
            (
                r#"{"message":"m","type":"t","code":"c","param":null}"#,
                "m",
                Some("t"),
                Some("c"),
            ),
            (
                r#"{"message":"m","code":429,"type":{}}"#,
                "m",
                None,
                Some("429"),
            ),
            (
                r#"{"code":"overloaded"}"#,
                "overloaded",
                None,
                Some("overloaded"),
            ),
            (r#""plain""#, "plain", None, None),
            ("{}", "the provider gave no message", None, None),
            ("[", "the provider gave no message", None, None),
        ];
        for (json, message, kind, code) in table {
            let error = read(json.as_bytes());
            let seen = (
                error.message.as_str(),
                error.kind.as_deref(),
                error.code.as_deref(),
            );
            assert_eq!(seen, (message, kind, code), "{json}");
        }
    }
}
