//! Why an answer ended, in Bedrock's words.

use crate::chat::Finish;
use crate::dialect::ProviderError;

/// Unknown reasons are taken for the usual one. An error where the model went wrong: there is no
/// answer, or only part of one.
pub(super) fn read(reason: &str) -> Result<Finish, ProviderError> {
    Ok(match reason {
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "stop_sequence" => Finish::StopSequence(None),
        "tool_use" => Finish::ToolCalls,
        "content_filtered" | "guardrail_intervened" => Finish::Filtered,
        "malformed_model_output" | "malformed_tool_use" => {
            return Err(ProviderError {
                message: format!("the model's answer failed: {reason}"),
                kind: Some(reason.to_owned()),
                code: None,
            });
        }
        _ => Finish::Stop,
    })
}

pub(super) fn word(finish: &Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Paused => "end_turn",
        Finish::StopSequence(_) => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::Filtered => "content_filtered",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_comes_back() {
        for word in [
            "end_turn",
            "stop_sequence",
            "max_tokens",
            "tool_use",
            "content_filtered",
        ] {
            assert_eq!(read(word).map(|finish| super::word(&finish)), Ok(word));
        }
        assert_eq!(read("guardrail_intervened"), Ok(Finish::Filtered));
        assert_eq!(read("something_new"), Ok(Finish::Stop));
        let failed = read("malformed_tool_use").unwrap_err();
        assert_eq!(failed.kind.as_deref(), Some("malformed_tool_use"));
    }
}
