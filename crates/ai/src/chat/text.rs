//! Content that never prints.

use std::fmt;
use std::ops::Deref;

use serde_json::Value;

/// What a person or a model wrote.
#[derive(Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Text(pub String);

/// A document of theirs, such as the schema of a tool.
#[derive(Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Json(pub Value);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Json")
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Self {
        Self::String(text.0)
    }
}
