//! Retries, in both spellings.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Duration;

/// When and how often a failed attempt is repeated on the same backend.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// Retries after the first try: 2 means at most 3 requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 0, max = 100))]
    pub attempts: Option<u32>,
    /// Wait before a retry. A duration is the wait before the first one; an object
    /// `{baseInterval, maxInterval}` bounds the later ones too. The wait doubles each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
    /// Outcomes that are retried, by name. Together with `codes`; when both are absent, no
    /// response, 429 and 5xx are retried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub retry_on: Vec<RetryOn>,
    /// Response statuses that are retried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Status>", length(max = 64))]
    pub codes: Vec<u16>,
}

/// An outcome worth another try.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum RetryOn {
    /// Any 5xx response, or none at all.
    #[serde(rename = "5xx")]
    ServerError,
    /// 502, 503 or 504.
    #[serde(rename = "gateway-error")]
    GatewayError,
    /// 429.
    #[serde(rename = "rate-limited")]
    RateLimited,
    /// The connection was reset, or timed out, before a response.
    #[serde(rename = "reset")]
    Reset,
    /// No connection could be made.
    #[serde(rename = "connect-failure")]
    ConnectFailure,
}

/// Waits between retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    pub base_interval: Option<Duration>,
    pub max_interval: Option<Duration>,
}

/// A response status.
#[derive(JsonSchema)]
#[schemars(inline)]
struct Status(
    #[schemars(with = "i32", range(min = 400, max = 599))]
    #[expect(dead_code, reason = "schema only")]
    u16,
);

/// The object spelling of [`Backoff`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Intervals {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base_interval: Option<Duration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_interval: Option<Duration>,
}

impl Serialize for Backoff {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            base_interval,
            max_interval,
        } = *self;
        Intervals {
            base_interval,
            max_interval,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Backoff {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        // Not `#[serde(untagged)]`: its buffering loses the place of an error and unknown fields.
        impl<'de> Visitor<'de> for Either {
            type Value = Backoff;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a duration such as `500ms` or an object with `baseInterval` and `maxInterval`",
                )
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Backoff, E> {
                let base = text.parse().map_err(E::custom)?;
                Ok(Backoff {
                    base_interval: Some(base),
                    max_interval: None,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Backoff, A::Error> {
                let Intervals {
                    base_interval,
                    max_interval,
                } = Intervals::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Backoff {
                    base_interval,
                    max_interval,
                })
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Backoff {
    fn schema_name() -> Cow<'static, str> {
        "Backoff".into()
    }

    fn inline_schema() -> bool {
        true
    }

    /// A structural schema cannot say "string or object"; the controller checks it instead.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_is_a_duration_or_an_object() {
        let base = Some(Duration::from_millis(500));
        let table = [
            (
                r#""500ms""#,
                Backoff {
                    base_interval: base,
                    max_interval: None,
                },
            ),
            (
                r#"{"baseInterval":"500ms"}"#,
                Backoff {
                    base_interval: base,
                    max_interval: None,
                },
            ),
            (
                r#"{"baseInterval":"500ms","maxInterval":"10s"}"#,
                Backoff {
                    base_interval: base,
                    max_interval: Some(Duration::from_secs(10)),
                },
            ),
        ];
        for (text, want) in table {
            assert_eq!(
                serde_json::from_str::<Backoff>(text).unwrap(),
                want,
                "{text}"
            );
        }
        for text in [r#""soon""#, "500", r#"{"baseInterval":5}"#] {
            assert!(serde_json::from_str::<Backoff>(text).is_err(), "{text}");
        }
    }
}
