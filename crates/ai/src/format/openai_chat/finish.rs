//! Why an answer ended, in OpenAI's words.

use crate::chat::Finish;

/// Unknown reasons are taken for the usual one.
pub(super) fn read(reason: &str) -> Finish {
    match reason {
        "length" | "max_tokens" | "model_length" => Finish::Length,
        "tool_calls" | "function_call" => Finish::ToolCalls,
        "content_filter" => Finish::Filtered,
        _ => Finish::Stop,
    }
}
