//! Edits of messages whose values are expressions.

mod computed;

use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::condition::Cases;
use crate::expr::Expression;
use crate::header::FieldName;

pub use computed::{Body, Computed, Head};

/// Transformations by condition; where none holds there is none.
pub type Transformations = Cases<Arc<Transformation>>;

/// A part of a message's head that is no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Part {
    /// Path, and query where the value has one.
    Path,
    Method,
    Authority,
    /// Of responses only.
    Status,
}

/// Edits of one message, in the order remove, set, add, body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Edits {
    /// Replaces what the message has under the name. When the expression fails the header is
    /// absent, also if the sender put one there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<(FieldName, Expression)>,
    /// Parts of the head that are replaced, where their expressions have values that can stand
    /// there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<(Part, Expression)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<(FieldName, Expression)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<FieldName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Expression>,
    /// Values that later expressions of the same request read as `metadata.<name>`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<(String, Expression)>,
}

/// What a policy does to requests and to their responses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Transformation {
    pub request: Edits,
    pub response: Edits,
}

impl Part {
    /// The part that HTTP/2 has under this name (RFC 9113 §8.3).
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            ":path" => Some(Self::Path),
            ":method" => Some(Self::Method),
            ":authority" => Some(Self::Authority),
            ":status" => Some(Self::Status),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Path => ":path",
            Self::Method => ":method",
            Self::Authority => ":authority",
            Self::Status => ":status",
        }
    }
}

impl Edits {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Every expression, in evaluation order.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.metadata
            .iter()
            .map(|(_, e)| e)
            .chain(self.parts.iter().map(|(_, e)| e))
            .chain(self.set.iter().map(|(_, e)| e))
            .chain(self.add.iter().map(|(_, e)| e))
            .chain(&self.body)
    }

    /// Whether the request's body has to be buffered before these edits can run.
    pub fn reads_request_body(&self) -> bool {
        self.expressions().any(|e| e.reads().request_body)
    }

    /// Whether the response's body has to be buffered before these edits can run.
    pub fn reads_response_body(&self) -> bool {
        self.expressions().any(|e| e.reads().response_body)
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.source())
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl Eq for Expression {}
