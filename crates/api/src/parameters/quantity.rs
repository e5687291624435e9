//! Amounts of resources.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Resources of a container, by their names (`cpu`, `memory`).
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// What the scheduler sets aside.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub requests: BTreeMap<String, Quantity>,
    /// What the container may use at most.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub limits: BTreeMap<String, Quantity>,
}

/// An amount as Kubernetes writes it: `500m`, `2`, `1.5Gi`. The text is kept as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity(String);

/// Why a text is not a [`Quantity`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidQuantity(String);

/// What the API server checks; [`Quantity::from_str`] takes the same texts.
const PATTERN: &str = r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE](\+|-)?[0-9]+)?$";
const MAX_LENGTH: usize = 32;

impl Quantity {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A whole number of bytes, as `4096`, `64Ki` or `1M` say it; nothing for other amounts.
    pub fn bytes(&self) -> Option<u64> {
        let text = self.0.as_str();
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let one: u64 = match unit {
            "" => 1,
            "k" => 1000,
            "M" => 1_000_000,
            "G" => 1_000_000_000,
            "Ki" => 1 << 10,
            "Mi" => 1 << 20,
            "Gi" => 1 << 30,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(one)
    }
}

impl FromStr for Quantity {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        let invalid = || InvalidQuantity(text.chars().take(MAX_LENGTH).collect());
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let is_number = number.bytes().any(|b| b.is_ascii_digit())
            && number.bytes().filter(|b| *b == b'.').count() <= 1;
        let is_exponent = || {
            suffix.strip_prefix(['e', 'E']).is_some_and(|exponent| {
                let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
            })
        };
        let is_unit = match suffix.as_bytes() {
            [] => true,
            [unit] => b"numkMGTPE".contains(unit),
            [unit, b'i'] => b"KMGTPE".contains(unit),
            _ => false,
        };
        if text.len() <= MAX_LENGTH && is_number && (is_unit || is_exponent()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(invalid())
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Amount;

        impl Visitor<'_> for Amount {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount such as `500m` or `1Gi`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Quantity, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: Error>(self, amount: u64) -> Result<Quantity, E> {
                Ok(Quantity(amount.to_string()))
            }

            fn visit_i64<E: Error>(self, amount: i64) -> Result<Quantity, E> {
                self.visit_str(&amount.to_string())
            }

            fn visit_f64<E: Error>(self, amount: f64) -> Result<Quantity, E> {
                self.visit_str(&amount.to_string())
            }
        }

        deserializer.deserialize_any(Amount)
    }
}

impl JsonSchema for Quantity {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "maxLength": MAX_LENGTH,
            "pattern": PATTERN,
        })
    }
}

impl fmt::Display for InvalidQuantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not an amount, expected a number with a unit, such as `500m` or `1Gi`",
            self.0
        )
    }
}

impl std::error::Error for InvalidQuantity {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_kubernetes_takes() {
        for text in [
            "1", "0.5", "500m", "1.5Gi", ".5", "1.", "128Mi", "1e3", "2E-3", "5k", "1E",
        ] {
            assert_eq!(text.parse::<Quantity>().map(|q| q.0), Ok(text.to_owned()));
        }
        for text in [
            "", "m", ".", "1.2.3", "-1", "1 Gi", "1gb", "1ki", "1e", "1e+", "Gi",
        ] {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_are_whole() {
        let bytes = |text: &str| text.parse::<Quantity>().unwrap().bytes();
        assert_eq!(bytes("4096"), Some(4096));
        assert_eq!(bytes("64Ki"), Some(65_536));
        assert_eq!(bytes("1M"), Some(1_000_000));
        for other in ["1.5Ki", "500m", "1e3", ".5", "99999999999999999999Gi"] {
            assert_eq!(bytes(other), None, "{other}");
        }
    }

    #[test]
    fn numbers_are_amounts_too() {
        let read: Vec<Quantity> = serde_json::from_str(r#"[2, 0.5, "2"]"#).unwrap();
        let texts: Vec<_> = read.iter().map(Quantity::as_str).collect();
        assert_eq!(texts, ["2", "0.5", "2"]);
    }
}
