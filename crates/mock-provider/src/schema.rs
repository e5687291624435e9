//! A plausible value for a JSON schema: what a model might have written.

use serde_json::{Map, Value, json};

/// References and nesting followed; deeper parts become `null`.
const DEEPEST: usize = 24;
/// Members of one generated object or array.
const WIDEST: usize = 256;
/// Values and characters of strings in one generated document: bounds schemas that multiply.
const LARGEST: usize = 16_384;

/// An instance of `schema`. Honours `const`, `enum`, `default`, `examples`, `type`, `properties`, `items`,
/// `prefixItems`, the length and number bounds, `format`, `anyOf`, `oneOf`, `allOf` and local `$ref`.
pub(crate) fn instance(schema: &Value) -> Value {
    Instance {
        root: schema,
        left: LARGEST,
    }
    .of(schema, "", 0)
}

struct Instance<'a> {
    root: &'a Value,
    left: usize,
}

// === impl Instance ===

impl<'a> Instance<'a> {
    fn of(&mut self, schema: &'a Value, name: &str, depth: usize) -> Value {
        let Value::Object(keywords) = schema else {
            return Value::Null;
        };
        if depth > DEEPEST || self.left == 0 {
            return Value::Null;
        }
        self.left -= 1;
        if let Some(given) = given(keywords) {
            return given.clone();
        }
        if let Some(target) = keywords.get("$ref").and_then(Value::as_str) {
            let target = target
                .strip_prefix('#')
                .and_then(|path| self.root.pointer(path));
            return target.map_or(Value::Null, |target| self.of(target, name, depth + 1));
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(options)) = keywords.get(keyword) {
                let option = options
                    .iter()
                    .find(|option| !is_null(option))
                    .or(options.first());
                return option.map_or(Value::Null, |option| self.of(option, name, depth + 1));
            }
        }
        let value = self.typed(keywords, name, depth);
        match keywords.get("allOf") {
            Some(Value::Array(parts)) => parts.iter().fold(value, |value, part| {
                merge(value, self.of(part, name, depth + 1))
            }),
            _ => value,
        }
    }

    fn typed(&mut self, keywords: &'a Map<String, Value>, name: &str, depth: usize) -> Value {
        match kind(keywords).to_ascii_lowercase().as_str() {
            "object" => self.object(keywords, depth),
            "array" => self.array(keywords, name, depth),
            "string" => {
                let text = string(keywords, name);
                self.left = self.left.saturating_sub(text.len());
                Value::String(text)
            }
            "integer" => json!(number(keywords, 1.0).ceil() as i64),
            "number" => json!(number(keywords, 1.5)),
            "boolean" => Value::Bool(true),
            _ => Value::Null,
        }
    }

    fn object(&mut self, keywords: &'a Map<String, Value>, depth: usize) -> Value {
        let mut object = Map::new();
        if let Some(Value::Object(properties)) = keywords.get("properties") {
            for (name, property) in properties.iter().take(WIDEST) {
                object.insert(name.clone(), self.of(property, name, depth + 1));
            }
        }
        let required = keywords.get("required").and_then(Value::as_array);
        for name in required
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .take(WIDEST)
        {
            object
                .entry(name)
                .or_insert_with(|| Value::String(format!("mock {name}")));
        }
        Value::Object(object)
    }

    fn array(&mut self, keywords: &'a Map<String, Value>, name: &str, depth: usize) -> Value {
        let mut items = Vec::new();
        if let Some(Value::Array(prefix)) = keywords.get("prefixItems") {
            items.extend(
                prefix
                    .iter()
                    .take(WIDEST)
                    .map(|item| self.of(item, name, depth + 1)),
            );
        }
        let least = bound(keywords, "minItems").unwrap_or(1).min(WIDEST);
        let most = bound(keywords, "maxItems").unwrap_or(WIDEST);
        if let Some(item) = keywords.get("items") {
            while items.len() < least.max(1).min(most) {
                items.push(self.of(item, name, depth + 1));
            }
        }
        Value::Array(items)
    }
}

/// The value a schema spells out.
fn given(keywords: &Map<String, Value>) -> Option<&Value> {
    let first = |name| {
        keywords
            .get(name)
            .and_then(Value::as_array)
            .and_then(|list| list.first())
    };
    keywords
        .get("const")
        .or_else(|| keywords.get("default"))
        .or_else(|| first("enum"))
        .or_else(|| first("examples"))
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

/// The type, the first that is not `null` of several, or the one that the other keywords imply.
fn kind(keywords: &Map<String, Value>) -> &str {
    match keywords.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null")
            .unwrap_or("null"),
        _ if keywords.contains_key("properties") || keywords.contains_key("required") => "object",
        _ if keywords.contains_key("items") || keywords.contains_key("prefixItems") => "array",
        _ if keywords.contains_key("allOf") => "null",
        _ => "string",
    }
}

fn bound(keywords: &Map<String, Value>, name: &str) -> Option<usize> {
    keywords
        .get(name)
        .and_then(Value::as_u64)
        .and_then(|bound| usize::try_from(bound).ok())
}

fn string(keywords: &Map<String, Value>, name: &str) -> String {
    const LONGEST: usize = 4096;
    let fixed = match keywords.get("format").and_then(Value::as_str) {
        Some("date-time") => Some("2025-01-01T00:00:00Z"),
        Some("date") => Some("2025-01-01"),
        Some("time") => Some("12:00:00Z"),
        Some("duration") => Some("PT1H"),
        Some("email") => Some("mock@example.com"),
        Some("hostname") => Some("example.com"),
        Some("ipv4") => Some("192.0.2.1"),
        Some("ipv6") => Some("2001:db8::1"),
        Some("uri" | "url") => Some("https://example.com/"),
        Some("uuid") => Some("00000000-0000-4000-8000-000000000000"),
        _ => None,
    };
    if let Some(fixed) = fixed {
        return fixed.to_owned();
    }
    let mut text = if name.is_empty() {
        "mock".to_owned()
    } else {
        format!("mock {name}")
    };
    let missing = bound(keywords, "minLength")
        .unwrap_or(0)
        .min(LONGEST)
        .saturating_sub(text.chars().count());
    text.extend(std::iter::repeat_n('x', missing));
    match bound(keywords, "maxLength") {
        Some(most) => text.chars().take(most).collect(),
        None => text,
    }
}

fn number(keywords: &Map<String, Value>, usual: f64) -> f64 {
    let of = |name| keywords.get(name).and_then(Value::as_f64);
    let least = of("minimum").or_else(|| of("exclusiveMinimum").map(|least| least + usual));
    let most = of("maximum").or_else(|| of("exclusiveMaximum").map(|most| most - usual));
    let value = least.map_or(usual, |least| usual.max(least));
    let value = most.map_or(value, |most| value.min(most));
    match of("multipleOf") {
        Some(step) if step > 0.0 => (value / step).ceil() * step,
        _ => value,
    }
}

/// Members of both; the later wins.
fn merge(value: Value, other: Value) -> Value {
    match (value, other) {
        (Value::Object(mut object), Value::Object(more)) => {
            object.extend(more);
            Value::Object(object)
        }
        (value, Value::Null) => value,
        (_, other) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_plausible_values() {
        for (schema, expected) in [
            (json!({"type": "string"}), json!("mock")),
            (
                json!({"type": "string", "minLength": 6, "maxLength": 6}),
                json!("mockxx"),
            ),
            (json!({"type": "string", "maxLength": 2}), json!("mo")),
            (json!({"enum": ["celsius", "fahrenheit"]}), json!("celsius")),
            (json!({"const": 7}), json!(7)),
            (json!({"type": "integer", "minimum": 10}), json!(10)),
            (json!({"type": "integer", "maximum": -2}), json!(-2)),
            (json!({"type": "integer", "multipleOf": 4}), json!(4)),
            (json!({"type": "number"}), json!(1.5)),
            (json!({"type": ["null", "boolean"]}), json!(true)),
            (
                json!({"anyOf": [{"type": "null"}, {"type": "integer"}]}),
                json!(1),
            ),
            (
                json!({"type": "array", "items": {"type": "integer"}, "minItems": 2}),
                json!([1, 1]),
            ),
            (
                json!({"type": "array", "items": {"type": "integer"}, "maxItems": 0}),
                json!([]),
            ),
            (
                json!({"type": "string", "format": "date"}),
                json!("2025-01-01"),
            ),
            (json!({"type": "object"}), json!({})),
            // Google writes types in capitals.
            (json!({"type": "INTEGER"}), json!(1)),
            (json!(true), json!(null)),
            (
                json!({"properties": {"city": {"type": "string"}}, "required": ["city", "zip"]}),
                json!({"city": "mock city", "zip": "mock zip"}),
            ),
            (
                json!({"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}]}),
                json!({"a": 1, "b": 2}),
            ),
            (
                json!({"$defs": {"p": {"type": "integer"}}, "properties": {"x": {"$ref": "#/$defs/p"}}}),
                json!({"x": 1}),
            ),
        ] {
            assert_eq!(instance(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn ends_on_schemas_that_recurse_or_multiply() {
        let tree = json!({"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}});
        assert!(instance(&tree).is_object());
        let wide = json!({"type": "array", "minItems": 999_999_999_u64, "items": {"type": "null"}});
        assert_eq!(instance(&wide).as_array().map(Vec::len), Some(WIDEST));
    }
}
