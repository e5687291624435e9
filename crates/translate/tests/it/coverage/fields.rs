//! Fields as definitions have them, and where objects have them.

use agw_translate::manifest::Object;
use serde_json::{Value, json};

use crate::crds::SCHEMAS;

/// A field with a value of its own, in one object.
#[derive(Debug, Clone)]
pub(super) struct Occurrence {
    /// As the definition has it: `spec.rules[].name`.
    pub(super) field: String,
    /// As findings have it: `spec.rules[0].name`.
    pub(super) written: String,
    /// A JSON pointer.
    pointer: String,
    schema: &'static Value,
    value: Value,
}

/// Another value; `None` takes the field away.
pub(super) type Change = Option<Value>;

/// The schema of an object's spec, if it is of one of our kinds.
pub(super) fn schema(object: &Object) -> Option<&'static Value> {
    SCHEMAS.get(object.kind().name()).map(spec)
}

fn spec(schema: &'static Value) -> &'static Value {
    &schema["properties"]["spec"]
}

/// The fields of each kind that have no fields themselves.
pub(super) fn all() -> impl Iterator<Item = (&'static str, Vec<String>)> {
    SCHEMAS.iter().map(|(kind, schema)| {
        let mut fields = Vec::new();
        list(spec(schema), "spec", &mut fields);
        (kind.as_str(), fields)
    })
}

/// What is inside a schema: its fields, the items of a list, or the values of a map.
enum Inside {
    Fields(&'static serde_json::Map<String, Value>),
    Items(&'static Value),
    Values(&'static Value),
    Nothing,
}

fn inside(schema: &'static Value) -> Inside {
    if let Some(fields) = schema["properties"].as_object() {
        return Inside::Fields(fields);
    }
    match (&schema["items"], &schema["additionalProperties"]) {
        (items @ Value::Object(_), _) => Inside::Items(items),
        (_, values @ Value::Object(_)) => Inside::Values(values),
        _ => Inside::Nothing,
    }
}

fn list(schema: &'static Value, field: &str, out: &mut Vec<String>) {
    match inside(schema) {
        Inside::Fields(fields) if !fields.is_empty() => {
            for (name, schema) in fields {
                list(schema, &format!("{field}.{name}"), out);
            }
        }
        Inside::Items(items) => list(items, &format!("{field}[]"), out),
        Inside::Values(values) => list(values, &format!("{field}{{}}"), out),
        Inside::Fields(_) | Inside::Nothing => out.push(field.to_owned()),
    }
}

/// Every field without fields of its own that the object has.
pub(super) fn occurrences(schema: &'static Value, object: &Value) -> Vec<Occurrence> {
    let root = Occurrence {
        field: "spec".to_owned(),
        written: "spec".to_owned(),
        pointer: "/spec".to_owned(),
        schema,
        value: object["spec"].clone(),
    };
    let mut out = Vec::new();
    root.list(&mut out);
    out
}

impl Occurrence {
    fn child(&self, step: (&str, String, String), schema: &'static Value, value: &Value) -> Self {
        let (field, written, token) = step;
        Self {
            field: format!("{}{field}", self.field),
            written: format!("{}{written}", self.written),
            pointer: format!("{}/{token}", self.pointer),
            schema,
            value: value.clone(),
        }
    }

    fn list(self, out: &mut Vec<Self>) {
        let token = |name: &str| name.replace('~', "~0").replace('/', "~1");
        match (inside(self.schema), &self.value) {
            (Inside::Fields(fields), Value::Object(members)) if !fields.is_empty() => {
                for (name, value) in members {
                    let dotted = format!(".{name}");
                    let step = (dotted.as_str(), dotted.clone(), token(name));
                    self.child(step, &fields[name], value).list(out);
                }
            }
            (Inside::Items(items), Value::Array(values)) => {
                for (index, value) in values.iter().enumerate() {
                    let step = ("[]", format!("[{index}]"), index.to_string());
                    self.child(step, items, value).list(out);
                }
            }
            (Inside::Values(values), Value::Object(members)) => {
                for (name, value) in members {
                    // Findings name the map.
                    let step = ("{}", String::new(), token(name));
                    self.child(step, values, value).list(out);
                }
            }
            // A null where fields could be, which stands for none of them.
            (Inside::Fields(fields), _) if !fields.is_empty() => {}
            (Inside::Items(_) | Inside::Values(_), _) => {}
            _ => out.push(self),
        }
    }

    /// The field taken away, and other values that its schema allows.
    pub(super) fn changes(&self) -> Vec<Change> {
        let mut changes = vec![None];
        if let Some(allowed) = self.schema["enum"].as_array() {
            let others = allowed.iter().filter(|other| **other != self.value);
            changes.extend(others.cloned().map(Some));
            return changes;
        }
        match &self.value {
            Value::String(text) => {
                changes.push(Some(json!(format!("{text}x"))));
                changes.push(Some(json!(format!("{text}0"))));
            }
            Value::Bool(is) => changes.push(Some(json!(!is))),
            Value::Number(number) => {
                let number = number.as_i64().unwrap_or_default();
                changes.push(Some(json!(number + 1)));
                changes.push(Some(json!(number - 1)));
            }
            _ => {}
        }
        changes
    }

    /// Makes the change in the whole object.
    pub(super) fn put(&self, object: &mut Value, change: Change) {
        let (above, last) = self.pointer.rsplit_once('/').unwrap();
        let last = last.replace("~1", "/").replace("~0", "~");
        match (object.pointer_mut(above).unwrap(), change) {
            (Value::Object(members), Some(value)) => drop(members.insert(last, value)),
            (Value::Object(members), None) => drop(members.remove(&last)),
            (Value::Array(items), Some(value)) => items[last.parse::<usize>().unwrap()] = value,
            (Value::Array(items), None) => drop(items.remove(last.parse().unwrap())),
            _ => unreachable!("{}", self.pointer),
        }
    }
}
