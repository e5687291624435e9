//! Status conditions as values: written by whoever has a client, and only if they changed.

mod facts;
mod finalize;

use agw_core::id::ObjectKey;
use serde::Serialize;
use serde_json::{Value, json};

use crate::finding::ObjectRef;

pub use facts::{Address, BackendHealth, Facts, GatewayFacts, Proxies};
pub use finalize::finalize;

/// The status that one object gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObjectStatus {
    pub object: ObjectRef,
    /// The Gateway of each of a route's `parents`, in their order; of a ListenerSet its own.
    #[serde(skip)]
    pub gateways: Vec<ObjectKey>,
    /// The object's `status`; of a route or policy only our own entries.
    pub status: Value,
}

impl ObjectStatus {
    /// A status that says nothing by Gateway.
    pub fn new(object: ObjectRef, status: Value) -> Self {
        Self {
            object,
            gateways: Vec::new(),
            status,
        }
    }
}

/// One condition, without its time of transition: that is the writer's to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) kind: &'static str,
    pub(crate) holds: Holds,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    True,
    False,
    Unknown,
}

impl Condition {
    pub(crate) fn yes(kind: &'static str, reason: &'static str) -> Self {
        Self {
            kind,
            holds: Holds::True,
            reason,
            message: String::new(),
        }
    }

    pub(crate) fn no(kind: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            holds: Holds::False,
            reason,
            message: message.into(),
        }
    }

    pub(crate) fn unknown(
        kind: &'static str,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            holds: Holds::Unknown,
            reason,
            message: message.into(),
        }
    }

    pub(crate) fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    pub(crate) fn json(&self, generation: Option<i64>) -> Value {
        json!({
            "type": self.kind,
            "status": match self.holds {
                Holds::True => "True",
                Holds::False => "False",
                Holds::Unknown => "Unknown",
            },
            "reason": self.reason,
            "message": self.message,
            "observedGeneration": generation.unwrap_or(0),
        })
    }
}

pub(crate) fn conditions(all: &[Condition], generation: Option<i64>) -> Value {
    all.iter().map(|c| c.json(generation)).collect()
}
