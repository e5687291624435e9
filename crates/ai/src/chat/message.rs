//! What is said in a conversation, by whom.

use super::text::Text;
use super::{Opaque, words};

/// One speaker's part of the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Instructions. The system prompt is the first turn, if it is one of these.
    System(Vec<Marked<Text>>),
    User(Vec<Marked<UserPart>>),
    Assistant(Vec<Marked<AssistantPart>>),
}

/// A part, and whether the provider's cache is to hold the conversation up to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked<T> {
    pub part: T,
    pub cache: Option<Cache>,
}

/// How long a cache is to hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// As long as the provider does by default: minutes.
    Short,
    Hour,
}

/// What a model is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    Text(Text),
    Image(Image),
    File(File),
    Audio(Audio),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub source: Source,
    pub detail: Option<Detail>,
}

words! {
    /// How closely the model is to look at an image.
    pub enum Detail {
        Auto = "auto",
        Low = "low",
        High = "high",
    }
}

/// A document, such as a PDF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub source: Source,
    pub name: Option<Text>,
}

/// A recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audio {
    /// Such as `wav`.
    pub format: String,
    pub base64: Text,
}

/// Where the bytes of an image or a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Url(Text),
    Base64 {
        mime: String,
        data: Text,
    },
    /// Plain text in place of bytes.
    Plain(Text),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserPart {
    Input(Input),
    Result(ToolResult),
}

/// What came of a tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolResult {
    /// The call's id.
    pub call: String,
    pub parts: Vec<Marked<Input>>,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Good,
    Failed,
}

/// What a model says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssistantPart {
    Text(Text),
    Refusal(Text),
    Reasoning(Reasoning),
    Call(ToolCall),
}

/// What a model thinks before it speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reasoning {
    Shown {
        text: Text,
        /// Proves to its provider that it thought so.
        signature: Option<Opaque>,
    },
    Hidden(Opaque),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// JSON as the model wrote it: an object, unless the model erred or was cut short.
    pub arguments: Text,
    /// Some providers sign calls as others sign thoughts.
    pub signature: Option<Opaque>,
}

impl<T> Marked<T> {
    pub fn plain(part: T) -> Self {
        Self { part, cache: None }
    }
}
