//! From a checked value to a typed object.

use std::cell::RefCell;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::path::{FieldPath, Step};
use super::schema::Violation;
use crate::finding::Code;

/// Decodes a value. The second part is what went wrong: the error that ended it, or fields that
/// the type does not know, below parts that its schema leaves open.
pub(crate) fn decode<T: DeserializeOwned>(value: Value) -> (Option<T>, Vec<Violation>) {
    let unknown = RefCell::new(Vec::new());
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
    let result: Result<T, _> = serde_ignored::deserialize(tracked, |path| {
        unknown.borrow_mut().push(ignored_path(&path))
    });
    let mut violations: Vec<_> = unknown
        .into_inner()
        .into_iter()
        .filter_map(unknown_field)
        .collect();
    match result {
        Ok(object) => (Some(object), violations),
        Err(error) => {
            violations.push(Violation {
                code: Code::InvalidValue,
                path: error_path(&track.path()),
                message: without_quotes(&error.to_string()),
                remedy: "correct the value".to_owned(),
            });
            (None, violations)
        }
    }
}

/// serde quotes a text of the wrong type; it may be a credential in the wrong place.
fn without_quotes(message: &str) -> String {
    for start in ["invalid type: string ", "invalid value: string "] {
        if let Some((_, want)) = message
            .strip_prefix(start)
            .and_then(|m| m.rsplit_once(", expected "))
        {
            return format!("expected {want}, found a string");
        }
    }
    message.to_owned()
}

fn unknown_field(path: FieldPath) -> Option<Violation> {
    let Some(Step::Key(name)) = path.0.last() else {
        return None;
    };
    if path.0.len() == 1 && ["apiVersion", "kind"].contains(&name.as_str()) {
        return None;
    }
    let message = format!("unknown field `{name}`");
    Some(Violation {
        code: Code::UnknownField,
        path,
        message,
        remedy: "remove it".to_owned(),
    })
}

fn ignored_path(path: &serde_ignored::Path<'_>) -> FieldPath {
    use serde_ignored::Path;
    match path {
        Path::Root => FieldPath::default(),
        Path::Seq { parent, index } => ignored_path(parent).index(*index),
        Path::Map { parent, key } => ignored_path(parent).key(key),
        Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => ignored_path(parent),
    }
}

fn error_path(path: &serde_path_to_error::Path) -> FieldPath {
    use serde_path_to_error::Segment;
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    FieldPath(path.iter().filter_map(step).collect())
}
