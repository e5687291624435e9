//! What is asked of a model.

use super::message::Turn;
use super::text::{Json, Text};
use super::tool::{Tool, ToolChoice};
use super::words;

/// A request for one answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChatRequest {
    pub model: String,
    pub turns: Vec<Turn>,
    pub tools: Vec<Tool>,
    pub tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called at once.
    pub parallel_tools: Option<bool>,
    pub sampling: Sampling,
    pub format: ResponseFormat,
    pub thinking: Option<Thinking>,
    /// Stands for the end user, to the provider.
    pub user: Option<Text>,
    pub stream: Streaming,
}

/// How tokens are chosen, and how many.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sampling {
    pub max_tokens: Option<u64>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u64>,
    pub stop: Vec<Text>,
    pub seed: Option<i64>,
    pub presence_penalty: Option<f64>,
    pub frequency_penalty: Option<f64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ResponseFormat {
    #[default]
    Text,
    /// Any JSON object.
    Json,
    Schema(Schema),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    pub name: Option<String>,
    pub description: Option<Text>,
    pub schema: Json,
    pub strict: Option<bool>,
}

/// How much a model is to think before it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thinking {
    Off,
    Effort(Effort),
    /// At most so many tokens.
    Budget(u64),
    /// As much as the model finds right.
    Adaptive,
}

words! {
    /// From little to much.
    pub enum Effort {
        Minimal = "minimal",
        Low = "low",
        Medium = "medium",
        High = "high",
        ExtraHigh = "xhigh",
        Max = "max",
    }
}

/// How the answer is to come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Streaming {
    #[default]
    Whole,
    Events(UsageWish),
}

/// Whether the client asked for the usage at the end of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageWish {
    Asked,
    NotAsked,
}
