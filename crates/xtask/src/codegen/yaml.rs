//! YAML from JSON values, in the block style of `kubectl`.

use serde_json::Value;

/// A document that ends in a line break.
pub(crate) fn emit(value: &Value) -> String {
    let mut text = String::new();
    node(value, 0, &mut text);
    text.push('\n');
    text
}

/// Writes a node whose first line goes on where the text ends.
fn node(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (n, (key, value)) in map.iter().enumerate() {
                if n > 0 {
                    new_line(indent, text);
                }
                text.push_str(&scalar(key));
                text.push(':');
                match value {
                    Value::Object(map) if !map.is_empty() => {
                        new_line(indent + 2, text);
                        node(value, indent + 2, text);
                    }
                    Value::Array(items) if !items.is_empty() => {
                        new_line(indent, text);
                        node(value, indent, text);
                    }
                    _ => {
                        text.push(' ');
                        node(value, indent, text);
                    }
                }
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    new_line(indent, text);
                }
                text.push_str("- ");
                node(item, indent + 2, text);
            }
        }
        Value::String(string) => text.push_str(&scalar(string)),
        // Numbers, booleans, null and empty collections read the same in JSON.
        other => text.push_str(&other.to_string()),
    }
}

fn new_line(indent: usize, text: &mut String) {
    text.push('\n');
    text.extend(std::iter::repeat_n(' ', indent));
}

/// A string, without quotes when every YAML reader takes it for one.
fn scalar(string: &str) -> String {
    let is_word = string.starts_with(|c: char| c.is_ascii_alphabetic())
        && string
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    let lower = string.to_ascii_lowercase();
    let is_other_type =
        ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&lower.as_str());
    // A JSON string is a YAML double-quoted scalar.
    if is_word && !is_other_type {
        string.to_owned()
    } else {
        Value::from(string).to_string()
    }
}

#[cfg(test)]
mod tests {
    use saphyr_parser::{Event, Parser, ScalarStyle};
    use serde_json::json;

    use super::*;

    #[test]
    fn writes_block_style() {
        let value = json!({
            "kind": "CRD",
            "a.b/c": {"d": [], "e": {}, "f": [{"g": 1, "h": [true, null]}, ["on", "x y"]]},
            "y": "line\nbreak: \"q\"",
        });
        let want = "kind: CRD\na.b/c:\n  d: []\n  e: {}\n  f:\n  - g: 1\n    h:\n    - true\n    - null\n  - - \"on\"\n    - \"x y\"\n\"y\": \"line\\nbreak: \\\"q\\\"\"\n";
        assert_eq!(emit(&value), want);
    }

    /// The definitions as a YAML reader sees them.
    #[test]
    fn definitions_read_back_as_they_were() {
        for crd in agw_api::definitions::all() {
            let value = serde_json::to_value(crd).unwrap();
            let text = emit(&value);
            let mut parser = Parser::new_from_str(&text);
            let mut events =
                std::iter::from_fn(|| parser.next_event()).map(|event| event.unwrap().0);
            assert_eq!(
                events.find(|e| matches!(e, Event::DocumentStart(_))),
                Some(Event::DocumentStart(false))
            );
            let first = events.next().unwrap();
            assert_eq!(read(first, &mut events), value);
        }
    }

    fn read<'a>(event: Event<'a>, rest: &mut impl Iterator<Item = Event<'a>>) -> Value {
        match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => {
                serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.as_ref()))
            }
            Event::Scalar(text, ..) => Value::from(text.as_ref()),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match rest.next().unwrap() {
                        Event::SequenceEnd => return Value::Array(items),
                        event => items.push(read(event, rest)),
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut map = serde_json::Map::new();
                loop {
                    match rest.next().unwrap() {
                        Event::MappingEnd => return Value::Object(map),
                        Event::Scalar(key, ..) => {
                            let event = rest.next().unwrap();
                            map.insert(key.into_owned(), read(event, rest));
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
            other => panic!("{other:?}"),
        }
    }
}
