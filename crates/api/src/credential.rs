//! A credential written into a manifest.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Text that is never printed: `Debug` and serialisation are redacted, and so are the errors of
/// its deserialisation. Specs are never written back, so nothing is lost.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential(String);

impl Credential {
    /// The text, for the one place that puts it into a request.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Credential {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

impl Serialize for Credential {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("<redacted>")
    }
}

impl<'de> Deserialize<'de> for Credential {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        // The default methods of a visitor quote what they found; these do not.
        impl Visitor<'_> for Text {
            type Value = Credential;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Credential, E> {
                Ok(Credential(text.to_owned()))
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Credential, E> {
                Err(E::custom("invalid type: number, expected a string"))
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Credential, E> {
                self.visit_u64(0)
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Credential, E> {
                self.visit_u64(0)
            }
        }

        // `deserialize_string` would let the format report a number, and quote it.
        deserializer.deserialize_any(Text)
    }
}

impl JsonSchema for Credential {
    fn schema_name() -> Cow<'static, str> {
        "Credential".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 2048 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_prints_its_text() {
        let key: Credential = serde_json::from_str("\"sk-canary\"").unwrap();
        let shown = format!("{key:?} {}", serde_json::to_string(&key).unwrap());
        assert!(!shown.contains("canary"), "{shown}");
        assert_eq!(key.expose(), "sk-canary");
    }

    #[test]
    fn errors_do_not_quote_a_credential_of_the_wrong_type() {
        for text in ["31337", "-31337", "31337.5"] {
            let error = serde_json::from_str::<Credential>(text)
                .unwrap_err()
                .to_string();
            assert!(!error.contains("31337"), "{error}");
            assert!(error.contains("expected a string"), "{error}");
        }
    }
}
