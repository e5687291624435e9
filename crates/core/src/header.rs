//! Header names and values as a manifest writes them.

use std::fmt;

use http::{HeaderName, HeaderValue};
use serde::{Serialize, Serializer};

/// A header name that remembers the letter case it was written in, for HTTP/1.1 responses.
#[derive(Clone, PartialEq, Eq)]
pub struct FieldName {
    name: HeaderName,
    written: Box<str>,
}

/// A header value that is known to be valid on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldValue(pub HeaderValue);

/// Why a name or value cannot go into a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidField {
    #[error(
        "{0:?} is not a valid header name (RFC 9110 §5.1: letters, digits and !#$%&'*+-.^_`|~)"
    )]
    Name(String),
    #[error("{0:?} is not a valid header value (RFC 9110 §5.5: no control characters)")]
    Value(String),
}

impl FieldName {
    pub fn parse(written: &str) -> Result<Self, InvalidField> {
        let name = HeaderName::from_bytes(written.as_bytes())
            .map_err(|_| InvalidField::Name(written.to_owned()))?;
        Ok(Self {
            name,
            written: written.into(),
        })
    }

    pub fn name(&self) -> &HeaderName {
        &self.name
    }

    pub fn written(&self) -> &str {
        &self.written
    }

    /// Whether HTTP/1.1 clients would see another case than the lower one that HTTP/2 sends.
    pub fn has_case(&self) -> bool {
        self.name.as_str() != &*self.written
    }
}

impl fmt::Debug for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Serialize for FieldName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl FieldValue {
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        HeaderValue::from_str(text)
            .map(Self)
            .map_err(|_| InvalidField::Value(text.to_owned()))
    }
}

impl Serialize for FieldValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&String::from_utf8_lossy(self.0.as_bytes()))
    }
}
