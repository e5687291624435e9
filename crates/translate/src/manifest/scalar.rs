//! Types of plain scalars by the YAML 1.2 core schema (YAML 1.2.2 §10.3.2).

use serde_json::{Number, Value};

/// The value of an unquoted scalar without a tag.
pub(crate) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

/// Whether YAML 1.1, which kubectl reads, takes a word for a boolean that the core schema takes
/// for a string.
pub(crate) fn is_boolean_to_kubectl(text: &str) -> bool {
    ["yes", "no", "on", "off"]
        .iter()
        .any(|word| text == *word || text == word.to_ascii_uppercase() || text == capitalised(word))
}

fn capitalised(word: &str) -> String {
    let (head, tail) = word.split_at(1);
    head.to_ascii_uppercase() + tail
}

/// An integer or finite float. Infinities and NaN have no place in JSON and stay text.
fn number(text: &str) -> Option<Number> {
    if let Some(octal) = text.strip_prefix("0o") {
        return radix(octal, 8);
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return radix(hex, 16);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if unsigned.bytes().all(|b| b.is_ascii_digit()) {
        let signed = text.strip_prefix('+').unwrap_or(text);
        return signed
            .parse::<i64>()
            .map(Number::from)
            .or_else(|_| signed.parse::<u64>().map(Number::from))
            .ok()
            .or_else(|| Number::from_f64(signed.parse().ok()?));
    }
    let is_float = unsigned.bytes().any(|b| b.is_ascii_digit())
        && unsigned
            .bytes()
            .all(|b| b.is_ascii_digit() || b".eE+-".contains(&b));
    if is_float {
        Number::from_f64(text.parse().ok()?)
    } else {
        None
    }
}

fn radix(digits: &str, radix: u32) -> Option<Number> {
    // `from_str_radix` would take a sign.
    digits
        .chars()
        .all(|c| c.is_digit(radix))
        .then(|| u64::from_str_radix(digits, radix).ok())?
        .map(Number::from)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_follow_the_core_schema() {
        let table = [
            ("", json!(null)),
            ("~", json!(null)),
            ("null", json!(null)),
            ("nUll", json!("nUll")),
            ("true", json!(true)),
            ("FALSE", json!(false)),
            ("yes", json!("yes")),
            ("1", json!(1)),
            ("-7", json!(-7)),
            ("+7", json!(7)),
            ("007", json!(7)),
            ("0o17", json!(15)),
            ("0xff", json!(255)),
            ("0x-1", json!("0x-1")),
            ("18446744073709551615", json!(u64::MAX)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("1e3", json!(1000.0)),
            (".inf", json!(".inf")),
            ("1.2.3", json!("1.2.3")),
            ("10.0.0.1", json!("10.0.0.1")),
            ("1s", json!("1s")),
            ("-", json!("-")),
            ("+", json!("+")),
            (".", json!(".")),
            ("e3", json!("e3")),
            ("2024-01-01", json!("2024-01-01")),
        ];
        for (text, want) in table {
            assert_eq!(plain(text), want, "{text}");
        }
    }

    #[test]
    fn words_that_kubectl_takes_for_booleans() {
        for (word, want) in [
            ("on", true),
            ("Yes", true),
            ("OFF", true),
            ("oN", false),
            ("true", false),
        ] {
            assert_eq!(is_boolean_to_kubectl(word), want, "{word}");
        }
    }
}
