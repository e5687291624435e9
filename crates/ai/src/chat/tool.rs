//! What a model may call.

use super::message::Cache;
use super::text::{Json, Text};

/// A function of the client's. Tools that a provider runs itself are in no other's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    pub name: String,
    pub description: Option<Text>,
    /// JSON schema of the arguments.
    pub parameters: Option<Json>,
    /// Whether the model is held to the schema.
    pub strict: Option<bool>,
    pub cache: Option<Cache>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    Auto,
    None,
    /// Some tool must be called.
    Required,
    Named(String),
}
