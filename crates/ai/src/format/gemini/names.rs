//! Members go by two spellings: `systemInstruction` and `system_instruction` are the same.

use serde_json::{Map, Value};

use crate::error::Error;
use crate::json::{Members, Path};

/// The members of an object of the API's own, under their usual names.
pub(super) fn members(value: Value, path: Path<'_>) -> Result<Members<'_>, Error> {
    match value {
        Value::Object(map) => Ok(Members::new(usual(map), path)),
        _ => Err(path.wrong("an object")),
    }
}

/// The same for a member that may be absent.
pub(super) fn inner<'p>(
    members: &mut Members<'_>,
    key: &str,
    path: Path<'p>,
) -> Result<Option<Members<'p>>, Error> {
    members
        .take(key)
        .map(|value| self::members(value, path))
        .transpose()
}

pub(super) fn usual(map: Map<String, Value>) -> Map<String, Value> {
    if !map.keys().any(|key| key.contains('_')) {
        return map;
    }
    map.into_iter()
        .map(|(key, value)| (camel(&key), value))
        .collect()
}

fn camel(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    let mut raise = false;
    for c in key.chars() {
        match c {
            '_' => raise = !out.is_empty(),
            c if raise => {
                out.push(c.to_ascii_uppercase());
                raise = false;
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_one() {
        let table = [
            ("system_instruction", "systemInstruction"),
            ("inlineData", "inlineData"),
            ("top_k", "topK"),
            ("_", ""),
            ("a__b", "aB"),
        ];
        for (key, expected) in table {
            assert_eq!(camel(key), expected);
        }
    }
}
