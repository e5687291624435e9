//! A conversation with a model, in no provider's words.
//!
//! What can be said here is what can be translated: a request, an answer, or an event of a stream
//! is read from the format of one side into these types and written in the format of the other. No
//! format knows another. What a format says beyond them, or cannot say of them, is in [`Dropped`].
//!
//! Everything that a person or a model wrote is in [`Text`] or [`Json`], which never print.

mod answer;
mod dropped;
mod message;
mod opaque;
mod request;
mod text;
mod tool;
mod word;

pub use answer::{ChatEvent, ChatResponse, Finish};
pub use dropped::Dropped;
pub use message::{
    AssistantPart, Audio, Cache, Detail, File, Image, Input, Marked, Outcome, Reasoning, Source,
    ToolCall, ToolResult, Turn, UserPart,
};
pub use opaque::Opaque;
pub use request::{
    ChatRequest, Effort, ResponseFormat, Sampling, Schema, Streaming, Thinking, UsageWish,
};
pub use text::{Json, Text};
pub use tool::{Tool, ToolChoice};
pub(crate) use word::words;
