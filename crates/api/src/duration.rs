//! Durations as manifests write them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A span of time: Gateway API durations (GEP-2257: `1h30m`, `500ms`) and, beyond them, Go's
/// fractions and small units (`1.5s`, `250us`). Never negative.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(std::time::Duration);

/// Why a text is not a [`Duration`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidDuration(String);

/// What the API server checks; [`Duration::from_str`] takes exactly the same texts.
const PATTERN: &str = r"^([0-9]{1,9}(\.[0-9]{1,9})?(h|m|s|ms|us|ns)){1,4}$";

const NANOS: [(&str, u64); 6] = [
    ("h", 3_600_000_000_000),
    ("ms", 1_000_000),
    ("m", 60_000_000_000),
    ("us", 1_000),
    ("ns", 1),
    ("s", 1_000_000_000),
];

impl Duration {
    pub const fn from_millis(millis: u64) -> Self {
        Self(std::time::Duration::from_millis(millis))
    }

    pub const fn from_secs(secs: u64) -> Self {
        Self(std::time::Duration::from_secs(secs))
    }

    pub const fn get(self) -> std::time::Duration {
        self.0
    }
}

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

impl FromStr for Duration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, InvalidDuration> {
        let invalid = || InvalidDuration(text.to_owned());
        let (mut rest, mut total, mut components) = (text, 0u128, 0);
        while !rest.is_empty() {
            let (nanos, after) = component(rest).ok_or_else(invalid)?;
            total += nanos;
            components += 1;
            rest = after;
        }
        if !(1..=4).contains(&components) {
            return Err(invalid());
        }
        // Four components of nine digits of hours are below 2^64 seconds.
        let secs = u64::try_from(total / 1_000_000_000).map_err(|_| invalid())?;
        Ok(Self(std::time::Duration::new(
            secs,
            (total % 1_000_000_000) as u32,
        )))
    }
}

/// One `<digits>[.<digits>]<unit>` off the front, in nanoseconds.
fn component(text: &str) -> Option<(u128, &str)> {
    let (whole, rest) = digits(text)?;
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest)?,
        None => ("", rest),
    };
    // `ms` stands before `m` in the table, so the longer unit is tried first.
    let (unit, nanos) = NANOS.iter().find(|(unit, _)| rest.starts_with(unit))?;
    let mut total = whole.parse::<u128>().ok()? * u128::from(*nanos);
    if !fraction.is_empty() {
        let scale = 10u128.pow(fraction.len() as u32);
        total += fraction.parse::<u128>().ok()? * u128::from(*nanos) / scale;
    }
    Some((total, &rest[unit.len()..]))
}

/// One to nine leading digits.
fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    (1..=9).contains(&end).then(|| text.split_at(end))
}

/// Greatest unit first, each at most once; `0s` for none.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_nanos();
        if rest == 0 {
            return f.write_str("0s");
        }
        for unit in ["h", "m", "s", "ms", "us", "ns"] {
            let nanos = NANOS
                .iter()
                .find(|(name, _)| *name == unit)
                .map_or(1, |(_, n)| *n);
            let count = rest / u128::from(nanos);
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
            rest %= u128::from(nanos);
        }
        Ok(())
    }
}

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl de::Visitor<'_> for Text {
            type Value = Duration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as `30s`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": 64, "pattern": PATTERN })
    }
}

impl fmt::Display for InvalidDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "invalid duration `{}`, expected digits with a unit (h, m, s, ms), such as `30s` or `1m30s`",
            self.0
        )
    }
}

impl std::error::Error for InvalidDuration {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_gateway_api_and_go_durations() {
        let table = [
            ("0s", 0),
            ("30s", 30_000_000_000),
            ("500ms", 500_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1m30s500ms", 90_500_000_000),
            ("1.5s", 1_500_000_000),
            ("0.25ms", 250_000),
            ("250us", 250_000),
            ("10s10s", 20_000_000_000),
        ];
        for (text, nanos) in table {
            assert_eq!(
                text.parse::<Duration>().unwrap().get().as_nanos(),
                nanos,
                "{text}"
            );
        }
    }

    #[test]
    fn rejects_what_the_pattern_rejects() {
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "1 s",
            "1S",
            "1.s",
            ".5s",
            "1s1s1s1s1s",
            "1d",
            "1234567890s",
            "1ms ",
        ] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }

    #[test]
    fn prints_the_greatest_unit_first() {
        for (text, shown) in [
            ("90s", "1m30s"),
            ("1500ms", "1s500ms"),
            ("0ms", "0s"),
            ("24h", "24h"),
        ] {
            assert_eq!(text.parse::<Duration>().unwrap().to_string(), shown);
        }
    }
}
