//! `RequestHeaderModifier` and `ResponseHeaderModifier`.

use http::HeaderMap;
use serde::Serialize;

use crate::header::{FieldName, FieldValue};

/// Header edits with fixed values, applied in the order set, add, remove.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HeaderEdits {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<(FieldName, FieldValue)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<(FieldName, FieldValue)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<FieldName>,
}

impl HeaderEdits {
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.set {
            headers.insert(name.name().clone(), value.0.clone());
        }
        for (name, value) in &self.add {
            headers.append(name.name().clone(), value.0.clone());
        }
        for name in &self.remove {
            headers.remove(name.name());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_adds_and_removes() {
        let pair = |n: &str, v: &str| (FieldName::parse(n).unwrap(), FieldValue::parse(v).unwrap());
        let edits = HeaderEdits {
            set: vec![pair("X-Set", "new")],
            add: vec![pair("X-Add", "2")],
            remove: vec![FieldName::parse("X-Gone").unwrap()],
        };
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-set", "old"),
            ("x-set", "older"),
            ("x-add", "1"),
            ("x-gone", "1"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        edits.apply(&mut headers);
        let all = |name| {
            headers
                .get_all(name)
                .iter()
                .map(|v| v.to_str().unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(all("x-set"), ["new"]);
        assert_eq!(all("x-add"), ["1", "2"]);
        assert!(all("x-gone").is_empty());
    }
}
