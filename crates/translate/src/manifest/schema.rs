//! Checking a value against the schema of its kind, as the API server does.
//!
//! The schemas are made from the same types, in the same way, as our CustomResourceDefinitions.
//! Patterns are left to whoever parses the text: there the error can say more.

use std::collections::HashSet;

use agw_api::external::ObjectMeta;
use kube::core::schema::{OptionalEnum, OptionalIntOrString, StructuralSchemaRewriter};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use schemars::transform::AddNullable;
use serde_json::{Map, Value, json};

use super::near::nearest;
use super::path::FieldPath;
use crate::finding::Code;

/// The structural schema of a kind.
#[derive(Debug)]
pub(crate) struct Schema(Value);

/// What is wrong with one field.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) code: Code,
    pub(crate) path: FieldPath,
    /// Never quotes a text value: it may be a credential in the wrong place.
    pub(crate) message: String,
    pub(crate) remedy: String,
}

/// More violations than this say nothing new.
const MAX_VIOLATIONS: usize = 50;

impl Schema {
    pub(crate) fn of<T: JsonSchema>() -> Self {
        let mut root = structural::<T>();
        if let Some(properties) = root["properties"].as_object_mut() {
            properties
                .entry("apiVersion")
                .or_insert_with(|| json!({ "type": "string" }));
            properties
                .entry("kind")
                .or_insert_with(|| json!({ "type": "string" }));
            // The derived root of a custom resource leaves its metadata out.
            properties.insert("metadata".to_owned(), structural::<ObjectMeta>());
        }
        Self(root)
    }

    /// Everything that is wrong with a value.
    pub(crate) fn check(&self, value: &Value) -> Vec<Violation> {
        let mut violations = Vec::new();
        node(&self.0, value, &FieldPath::default(), &mut violations);
        violations.truncate(MAX_VIOLATIONS);
        violations
    }
}

fn structural<T: JsonSchema>() -> Value {
    SchemaSettings::openapi3()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .with_transform(AddNullable::default())
        .with_transform(StructuralSchemaRewriter)
        .with_transform(OptionalEnum)
        .with_transform(OptionalIntOrString)
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

fn node(schema: &Value, value: &Value, path: &FieldPath, out: &mut Vec<Violation>) {
    if out.len() >= MAX_VIOLATIONS || (value.is_null() && schema["nullable"] == true) {
        return;
    }
    if schema["x-kubernetes-int-or-string"] == true {
        if !value.is_string() && !value.is_i64() && !value.is_u64() {
            out.push(wrong_type("an integer or a string", value, path));
        }
        return;
    }
    match (schema["type"].as_str(), value) {
        (Some("object"), Value::Object(map)) => object(schema, map, path, out),
        (Some("array"), Value::Array(items)) => array(schema, items, path, out),
        (Some("string"), Value::String(text)) => string(schema, text, path, out),
        (Some("integer"), Value::Number(n)) if !n.is_f64() => number(schema, value, path, out),
        (Some("number"), Value::Number(_)) => number(schema, value, path, out),
        (Some("boolean"), Value::Bool(_)) | (None, _) => {}
        (Some(kind), _) => out.push(wrong_type(expected(kind), value, path)),
    }
}

fn object(schema: &Value, map: &Map<String, Value>, path: &FieldPath, out: &mut Vec<Violation>) {
    let properties = schema["properties"].as_object();
    let rest = &schema["additionalProperties"];
    let is_free = schema["x-kubernetes-preserve-unknown-fields"] == true;
    let required = || {
        schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
    };
    for name in required().filter(|name| !map.contains_key(*name)) {
        out.push(Violation {
            code: Code::MissingField,
            path: path.key(name),
            message: format!("required field `{name}` is missing"),
            remedy: format!("add `{name}`"),
        });
    }
    for (name, value) in map {
        match properties.and_then(|properties| properties.get(name)) {
            // The API server takes a null for an absent field.
            Some(_) if value.is_null() && !required().any(|r| r == name) => {}
            Some(schema) => node(schema, value, &path.key(name), out),
            None if rest.is_object() => node(rest, value, &path.key(name), out),
            None if is_free || rest == true || properties.is_none() => {}
            None => out.push(unknown_field(name, properties, path)),
        }
    }
}

fn array(schema: &Value, items: &[Value], path: &FieldPath, out: &mut Vec<Violation>) {
    bounds(
        schema,
        ["minItems", "maxItems"],
        items.len(),
        "entries",
        path,
        out,
    );
    for (index, item) in items.iter().enumerate() {
        node(&schema["items"], item, &path.index(index), out);
    }
    unique(schema, items, path, out);
}

/// Refuses entries of a set, or of a list with keys, that are the same as an earlier one.
fn unique(schema: &Value, items: &[Value], path: &FieldPath, out: &mut Vec<Violation>) {
    let keys: Option<Vec<&str>> = match schema["x-kubernetes-list-type"].as_str() {
        Some("set") => None,
        Some("map") => {
            let keys = schema["x-kubernetes-list-map-keys"].as_array();
            Some(
                keys.into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect(),
            )
        }
        _ => return,
    };
    let mut seen = HashSet::new();
    for (index, item) in items.iter().enumerate() {
        let identity: Option<Vec<String>> = match &keys {
            None => Some(vec![item.to_string()]),
            // A key that is absent has a default that the schema does not tell.
            Some(keys) => keys
                .iter()
                .map(|key| item.get(key).map(Value::to_string))
                .collect(),
        };
        if identity.is_some_and(|identity| !seen.insert(identity)) {
            let (path, message) = match keys.as_deref() {
                Some([key]) => (
                    path.index(index).key(key),
                    format!("an earlier entry has the same `{key}`"),
                ),
                _ => (path.index(index), "an earlier entry is the same".to_owned()),
            };
            let remedy = "remove one of the two".to_owned();
            out.push(Violation {
                code: Code::InvalidValue,
                path,
                message,
                remedy,
            });
        }
    }
}

fn string(schema: &Value, text: &str, path: &FieldPath, out: &mut Vec<Violation>) {
    bounds(
        schema,
        ["minLength", "maxLength"],
        text.chars().count(),
        "characters",
        path,
        out,
    );
    let Some(allowed) = schema["enum"].as_array() else {
        return;
    };
    let allowed: Vec<_> = allowed.iter().filter_map(Value::as_str).collect();
    if !allowed.contains(&text) {
        let remedy = nearest(text, &allowed).map_or_else(
            || format!("use one of {}", allowed.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("the value is not one of {}", allowed.join(", "));
        out.push(Violation {
            code: Code::InvalidValue,
            path: path.clone(),
            message,
            remedy,
        });
    }
}

fn number(schema: &Value, value: &Value, path: &FieldPath, out: &mut Vec<Violation>) {
    let Some(found) = value.as_f64() else { return };
    let (low, high) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
    if low.is_some_and(|low| found < low) || high.is_some_and(|high| found > high) {
        let remedy = match (low, high) {
            (Some(low), Some(high)) => format!("use a number from {low} to {high}"),
            (Some(low), None) => format!("use a number of at least {low}"),
            (None, high) => format!("use a number of at most {}", high.unwrap_or_default()),
        };
        let message = format!("{value} is out of range");
        out.push(Violation {
            code: Code::InvalidValue,
            path: path.clone(),
            message,
            remedy,
        });
    }
    let allowed = schema["enum"].as_array();
    if let Some(allowed) = allowed.filter(|allowed| !allowed.contains(value)) {
        let allowed: Vec<_> = allowed.iter().map(Value::to_string).collect();
        let message = format!("{value} is not one of {}", allowed.join(", "));
        let remedy = format!("use one of {}", allowed.join(", "));
        out.push(Violation {
            code: Code::InvalidValue,
            path: path.clone(),
            message,
            remedy,
        });
    }
}

/// Checks a count against the two named keywords of a schema.
fn bounds(
    schema: &Value,
    keys: [&str; 2],
    found: usize,
    unit: &str,
    path: &FieldPath,
    out: &mut Vec<Violation>,
) {
    let [low, high] = keys.map(|key| schema[key].as_u64());
    let found = found as u64;
    let (message, remedy) = match (low, high) {
        (Some(low), _) if found < low => (
            format!("has {found} {unit}, at least {low} are needed"),
            format!("write at least {low}"),
        ),
        (_, Some(high)) if found > high => (
            format!("has {found} {unit}, at most {high} are allowed"),
            format!("write at most {high}"),
        ),
        _ => return,
    };
    out.push(Violation {
        code: Code::InvalidValue,
        path: path.clone(),
        message,
        remedy,
    });
}

fn unknown_field(
    name: &str,
    properties: Option<&Map<String, Value>>,
    path: &FieldPath,
) -> Violation {
    let mut known: Vec<_> = properties
        .into_iter()
        .flat_map(Map::keys)
        .map(String::as_str)
        .collect();
    known.sort_unstable();
    let remedy = match nearest(name, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "remove it; no field is allowed here".to_owned(),
        None => format!("the fields allowed here are {}", known.join(", ")),
    };
    let message = format!("unknown field `{name}`");
    Violation {
        code: Code::UnknownField,
        path: path.key(name),
        message,
        remedy,
    }
}

fn wrong_type(want: &str, value: &Value, path: &FieldPath) -> Violation {
    let (found, remedy) = match (want, value) {
        ("a string", Value::Number(_) | Value::Bool(_)) => (kind_of(value), "put quotes around it"),
        ("an integer" | "a number" | "a boolean", Value::String(_)) => {
            (kind_of(value), "write it without quotes")
        }
        ("a list", _) => (
            kind_of(value),
            "write a list: each entry on its own line after `- `",
        ),
        ("an object", Value::Array(_)) => (kind_of(value), "write `key: value` lines without `- `"),
        ("an object", _) => (kind_of(value), "write `key: value` lines below it"),
        (_, Value::Null) => (kind_of(value), "write a value, or remove the field"),
        _ => (kind_of(value), "write a value of that type"),
    };
    Violation {
        code: Code::WrongType,
        path: path.clone(),
        message: format!("expected {want}, found {found}"),
        remedy: remedy.to_owned(),
    }
}

fn expected(kind: &str) -> &'static str {
    match kind {
        "object" => "an object",
        "array" => "a list",
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "a boolean",
        _ => "a string",
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(n) if n.is_f64() => "a fractional number",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
