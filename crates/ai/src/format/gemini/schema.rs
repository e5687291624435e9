//! Schemas: Gemini's own kind is a part of OpenAPI's, and it reads part of JSON Schema too.

use serde_json::{Map, Value, json};

use super::names;

/// Members that hold schemas by name.
const NAMED: [&str; 4] = ["properties", "patternProperties", "$defs", "definitions"];
/// Members that hold a schema.
const SINGLE: [&str; 3] = ["items", "additionalProperties", "not"];
/// Members that hold a list of schemas.
const LISTS: [&str; 4] = ["anyOf", "oneOf", "allOf", "prefixItems"];
/// Members that hold counts, which its clients may write as strings.
const COUNTS: [&str; 6] = [
    "maxItems",
    "maxLength",
    "maxProperties",
    "minItems",
    "minLength",
    "minProperties",
];

/// JSON Schema of a schema of Gemini's own kind.
pub(super) fn read(schema: Value) -> Value {
    let Value::Object(map) = schema else {
        return schema;
    };
    let mut map = inner(names::usual(map), read);
    for key in ["propertyOrdering", "example"] {
        map.shift_remove(key);
    }
    if map.get("format").is_some_and(|format| format == "enum") {
        map.shift_remove("format");
    }
    for key in COUNTS {
        if let Some(Value::String(count)) = map.get(key)
            && let Ok(count) = count.parse::<u64>()
        {
            map.insert(key.to_owned(), count.into());
        }
    }
    let kind = match map.get("type").and_then(Value::as_str) {
        Some("TYPE_UNSPECIFIED") => None,
        kind => kind.map(str::to_ascii_lowercase),
    };
    let nullable = map.remove("nullable") == Some(Value::Bool(true));
    match (kind, nullable) {
        (Some(kind), false) => drop(map.insert("type".to_owned(), kind.into())),
        (Some(kind), true) => drop(map.insert("type".to_owned(), json!([kind, "null"]))),
        (None, _) => {
            if map.get("type").is_some_and(Value::is_string) {
                map.shift_remove("type");
            }
            if let (true, Some(Value::Array(choices))) = (nullable, map.get_mut("anyOf")) {
                choices.push(json!({"type": "null"}));
            }
        }
    }
    map.into()
}

/// A JSON Schema said with the words that Gemini knows, as far as those go.
pub(super) fn write(schema: Value) -> Value {
    let Value::Object(map) = schema else {
        return schema;
    };
    let mut map = inner(map, write);
    for key in ["$schema", "$comment"] {
        map.shift_remove(key);
    }
    if let Some(only) = map.remove("const") {
        map.entry("enum").or_insert_with(|| json!([only]));
    }
    if map.get("type").is_some_and(|kind| kind == "integer") {
        for (key, plain, step) in [
            ("exclusiveMinimum", "minimum", 1),
            ("exclusiveMaximum", "maximum", -1),
        ] {
            let bound = map.get(key).and_then(Value::as_i64);
            if let Some(bound) = bound.and_then(|bound| bound.checked_add(step)) {
                map.shift_remove(key);
                map.entry(plain).or_insert_with(|| bound.into());
            }
        }
    }
    map.into()
}

/// Whether arguments of this schema are none: Gemini refuses objects without properties.
pub(super) fn is_empty(schema: &Value) -> bool {
    let properties = schema.get("properties").and_then(Value::as_object);
    schema.get("type").is_none_or(|kind| kind == "object")
        && properties.is_none_or(Map::is_empty)
        && ["anyOf", "oneOf", "allOf", "$ref", "additionalProperties"]
            .into_iter()
            .all(|key| {
                schema
                    .get(key)
                    .is_none_or(|value| *value == Value::Bool(false))
            })
}

/// The schema with `each` done to those within it.
fn inner(map: Map<String, Value>, each: fn(Value) -> Value) -> Map<String, Value> {
    map.into_iter()
        .map(|(key, value)| {
            let value = match value {
                Value::Object(named) if NAMED.contains(&&*key) => named
                    .into_iter()
                    .map(|(name, value)| (name, each(value)))
                    .collect(),
                Value::Array(items) if LISTS.contains(&&*key) => {
                    items.into_iter().map(each).collect()
                }
                value if SINGLE.contains(&&*key) => each(value),
                value => value,
            };
            (key, value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_of_its_own_kind_become_json_schema() {
        let theirs = json!({
            "type": "OBJECT",
            "property_ordering": ["type", "n"],
            "properties": {
                "type": {"type": "STRING", "format": "enum", "enum": ["A"], "nullable": true},
                "n": {"type": "INTEGER", "format": "int32", "minimum": 1},
                "l": {"type": "ARRAY", "min_items": "2", "items": {"type": "NUMBER"}},
                "any_of": {"anyOf": [{"type": "STRING"}], "nullable": true},
            },
            "required": ["type"],
        });
        let ours = json!({
            "type": "object",
            "properties": {
                "type": {"type": ["string", "null"], "enum": ["A"]},
                "n": {"type": "integer", "format": "int32", "minimum": 1},
                "l": {"type": "array", "minItems": 2, "items": {"type": "number"}},
                "any_of": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            },
            "required": ["type"],
        });
        assert_eq!(read(theirs), ours);
    }

    #[test]
    fn words_that_it_does_not_know_are_said_otherwise() {
        let ours = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "const": {"const": "x"},
                "n": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10},
                "f": {"type": "number", "exclusiveMinimum": 0},
                "a": {"anyOf": [{"const": 1}, {"$schema": "y", "type": "string"}]},
            },
            "additionalProperties": false,
        });
        let theirs = json!({
            "type": "object",
            "properties": {
                "const": {"enum": ["x"]},
                "n": {"type": "integer", "minimum": 1, "maximum": 9},
                "f": {"type": "number", "exclusiveMinimum": 0},
                "a": {"anyOf": [{"enum": [1]}, {"type": "string"}]},
            },
            "additionalProperties": false,
        });
        assert_eq!(write(ours), theirs);
    }

    #[test]
    fn objects_without_properties_are_told() {
        for empty in [
            json!({}),
            json!({"type": "object", "additionalProperties": false}),
        ] {
            assert!(is_empty(&empty), "{empty}");
        }
        for full in [
            json!({"properties": {"a": {}}}),
            json!({"type": "string"}),
            json!({"$ref": "#/$defs/a"}),
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
        ] {
            assert!(!is_empty(&full), "{full}");
        }
    }
}
