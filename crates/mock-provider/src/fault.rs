//! Faults: what to do to one answer, and how a user writes it.

mod spec;
mod table;

pub use table::{FaultRule, ModelSelector, TableFull};
pub(crate) use table::{FaultTable, Source};

use std::time::Duration;

use http::StatusCode;
use thiserror::Error;

/// What goes wrong with one answer. The default is nothing.
///
/// Written as a semicolon list in the header `x-mock-fault` ([`FromStr`](std::str::FromStr),
/// [`Display`](std::fmt::Display)): `status=503;retry-after=2`, `chunk-delay=20ms;cut-after=3`. A duration is a whole number
/// with `ms` or `s`; without a unit it is milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// `delay`: wait before anything is answered.
    pub delay: Duration,
    /// `chunk-delay`: wait between two chunks; replaces the configured token delay.
    pub chunk_delay: Option<Duration>,
    /// What replaces the answer or ends it early; at most one.
    pub action: Option<Action>,
}

/// What replaces an answer or ends it early.
///
/// A chunk is one event of a stream, or 64 bytes of an answer that is not streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `status=503[;retry-after=2]`: the dialect's error envelope under this status, 300 to 599.
    Status {
        /// The status sent.
        code: StatusCode,
        /// Seconds in `Retry-After`.
        retry_after: Option<u32>,
    },
    /// `cut-after=N`: N chunks, then the connection (h2: the stream) is aborted. 0 sends the head only.
    /// An answer of no more than N chunks is whole.
    CutAfter(u32),
    /// `end-after=N`: N chunks, then a clean end of the body, so that only the protocol inside
    /// (`[DONE]`, the closing brace) shows that something is missing.
    EndAfter(u32),
    /// `error-in-200[=N]`: N events (0 when not given), then an error object, under status 200. A
    /// stream of no more than N events is whole. An answer that is not streamed is the error object alone.
    ErrorIn200 {
        /// Events before the error.
        after: u32,
    },
    /// `empty-stream`: what a stream sends before its first content (the role chunk), then an abort. An
    /// answer that is not streamed is cut after its head.
    EmptyStream,
    /// `garbage`: status 200 and bytes that are no JSON.
    Garbage,
    /// `silence`: the request is taken and never answered.
    Silence,
    /// `reset`: the TCP connection is reset before a response.
    Reset,
}

/// Why a fault was not understood. Always the writer's mistake; repeating it does not help.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FaultError {
    /// The field does not exist.
    #[error("unknown fault field '{field}'; allowed are: {allowed}", allowed = spec::allowed())]
    Unknown {
        /// As it was written.
        field: String,
    },
    /// The field exists and its value is not one of its values.
    #[error("invalid value '{value}' for fault field '{field}': expected {expected}")]
    Value {
        /// The field's name.
        field: &'static str,
        /// As it was written.
        value: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// The field is given twice.
    #[error("fault field '{field}' is given twice")]
    Twice {
        /// The field's name.
        field: &'static str,
    },
    /// Two fields exclude each other.
    #[error("fault field '{field}' cannot be combined with '{other}'")]
    Conflict {
        /// The later of the two.
        field: &'static str,
        /// The earlier.
        other: &'static str,
    },
    /// `retry-after` stands alone.
    #[error("fault field 'retry-after' needs 'status'")]
    RetryAfterWithoutStatus,
    /// Nothing is given.
    #[error("the fault is empty; give at least one of: {allowed}", allowed = spec::allowed())]
    Empty,
    /// The control body is not a JSON object.
    #[error("a fault is a JSON object with the fields: {allowed}", allowed = spec::allowed())]
    NotAnObject,
}

// === impl FaultError ===

impl FaultError {
    /// The field to blame, where there is one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Unknown { field } => Some(field),
            Self::Value { field, .. } | Self::Twice { field } | Self::Conflict { field, .. } => {
                Some(field)
            }
            Self::RetryAfterWithoutStatus => Some("retry-after"),
            Self::Empty | Self::NotAnObject => None,
        }
    }
}
