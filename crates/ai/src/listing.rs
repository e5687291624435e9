//! Lists of models, as clients of each API expect them.

use bytes::Bytes;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::json;

/// A model that clients may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<'a> {
    pub id: &'a str,
    /// Seconds since 1970; 0 where nobody knows.
    pub created: i64,
}

/// Whose words a list is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    OpenAi,
    Anthropic,
}

/// The body of an answer to `GET /v1/models`.
pub fn list(models: &[Listed<'_>], words: Words) -> Bytes {
    let data: Vec<Value> = models.iter().map(|model| entry(model, words)).collect();
    let body = match words {
        Words::OpenAi => json!({ "object": "list", "data": data }),
        Words::Anthropic => json!({
            "data": data,
            "has_more": false,
            "first_id": models.first().map(|model| model.id),
            "last_id": models.last().map(|model| model.id),
        }),
    };
    json::bytes(&body).into()
}

/// The body of an answer to `GET /v1/models/{id}`.
pub fn one(model: &Listed<'_>, words: Words) -> Bytes {
    json::bytes(&entry(model, words)).into()
}

fn entry(model: &Listed<'_>, words: Words) -> Value {
    let Listed { id, created } = model;
    match words {
        Words::OpenAi => json!({
            "id": id, "object": "model", "created": created, "owned_by": "agentgateway",
        }),
        Words::Anthropic => {
            let at = OffsetDateTime::from_unix_timestamp(*created).ok();
            let at = at.map(written);
            json!({ "type": "model", "id": id, "display_name": id, "created_at": at })
        }
    }
}

/// RFC 3339.
fn written(at: OffsetDateTime) -> String {
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second) = at.to_hms();
    let month = u8::from(month);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_gets_its_own_words() {
        let models = [
            Listed {
                id: "fast",
                created: 0,
            },
            Listed {
                id: "smart",
                created: 1_700_000_000,
            },
        ];
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(
            text(list(&models, Words::OpenAi)),
            r#"{"object":"list","data":[{"id":"fast","object":"model","created":0,"owned_by":"agentgateway"},{"id":"smart","object":"model","created":1700000000,"owned_by":"agentgateway"}]}"#
        );
        assert_eq!(
            text(list(&models[1..], Words::Anthropic)),
            r#"{"data":[{"type":"model","id":"smart","display_name":"smart","created_at":"2023-11-14T22:13:20Z"}],"has_more":false,"first_id":"smart","last_id":"smart"}"#
        );
        assert_eq!(
            text(list(&[], Words::Anthropic)),
            r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#
        );
        assert_eq!(
            text(one(&models[0], Words::OpenAi)),
            r#"{"id":"fast","object":"model","created":0,"owned_by":"agentgateway"}"#
        );
    }
}
