//! Guards that ask somebody.

use std::sync::Arc;

use serde::Serialize;

use crate::backend::{AppProtocol, Endpoint};
use crate::expr::Expression;
use crate::header::FieldName;
use crate::matcher::HeaderMatch;

/// A server that is shown what is said, and says what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Webhook {
    /// Whom it belongs to, for logs.
    pub label: Arc<str>,
    /// What it is called in requests to it.
    pub authority: Arc<str>,
    /// Any of them is asked.
    pub endpoints: Vec<Endpoint>,
    pub protocol: AppProtocol,
    /// Headers that it gets, computed from the client's request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(FieldName, Expression)>,
    /// Where it is asked, if not at `/request` and `/response`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Expression>,
    /// Headers of the client's request that it gets too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forwarded: Vec<HeaderMatch>,
    pub failure_mode: FailureMode,
}

/// What becomes of a message that nobody could be asked about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum FailureMode {
    #[default]
    FailClosed,
    FailOpen,
}
