//! Why an answer ended, in Anthropic's words.

use crate::chat::{Finish, Text};

/// Unknown reasons are taken for the usual one.
pub(super) fn read(reason: &str, sequence: Option<String>) -> Finish {
    match reason {
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "stop_sequence" => Finish::StopSequence(sequence.map(Text)),
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::Filtered,
        "pause_turn" => Finish::Paused,
        _ => Finish::Stop,
    }
}

/// The reason, and the stop sequence.
pub(super) fn words(finish: Finish) -> (&'static str, Option<Text>) {
    match finish {
        Finish::Stop => ("end_turn", None),
        Finish::StopSequence(sequence) => ("stop_sequence", sequence),
        Finish::Length => ("max_tokens", None),
        Finish::ToolCalls => ("tool_use", None),
        Finish::Filtered => ("refusal", None),
        Finish::Paused => ("pause_turn", None),
    }
}
