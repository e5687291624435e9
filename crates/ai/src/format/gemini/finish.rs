//! Why an answer ended, in Gemini's words.

use crate::chat::Finish;
use crate::dialect::ProviderError;

/// What a `finishReason` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    Finished(Finish),
    /// The model went wrong: there is no answer, or only part of one.
    Failed(ProviderError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Length,
    Filtered,
    Failed,
}

/// All but `STOP`, sorted by word.
const REASONS: &[(&str, Kind)] = &[
    ("BLOCKLIST", Kind::Filtered),
    ("IMAGE_OTHER", Kind::Failed),
    ("IMAGE_PROHIBITED_CONTENT", Kind::Filtered),
    ("IMAGE_RECITATION", Kind::Filtered),
    ("IMAGE_SAFETY", Kind::Filtered),
    ("LANGUAGE", Kind::Filtered),
    ("MALFORMED_FUNCTION_CALL", Kind::Failed),
    ("MALFORMED_RESPONSE", Kind::Failed),
    ("MAX_TOKENS", Kind::Length),
    ("MISSING_THOUGHT_SIGNATURE", Kind::Failed),
    ("MODEL_ARMOR", Kind::Filtered),
    ("NO_IMAGE", Kind::Failed),
    ("OTHER", Kind::Filtered),
    ("PROHIBITED_CONTENT", Kind::Filtered),
    ("RECITATION", Kind::Filtered),
    ("SAFETY", Kind::Filtered),
    ("SPII", Kind::Filtered),
    ("TOO_MANY_TOOL_CALLS", Kind::Failed),
    ("UNEXPECTED_TOOL_CALL", Kind::Failed),
];

/// Unknown reasons are taken for the usual one.
pub(super) fn read(reason: &str, message: Option<String>) -> Ending {
    let found = REASONS.binary_search_by_key(&reason, |(word, _)| word);
    match found.map(|at| REASONS[at].1) {
        Err(_) => Ending::Finished(Finish::Stop),
        Ok(Kind::Length) => Ending::Finished(Finish::Length),
        Ok(Kind::Filtered) => Ending::Finished(Finish::Filtered),
        Ok(Kind::Failed) => Ending::Failed(ProviderError {
            message: message
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| format!("the model's answer failed: {reason}")),
            kind: Some(reason.to_owned()),
            code: None,
        }),
    }
}

pub(super) fn word(finish: &Finish) -> &'static str {
    match finish {
        Finish::Length => "MAX_TOKENS",
        Finish::Filtered => "SAFETY",
        Finish::Stop | Finish::StopSequence(_) | Finish::ToolCalls | Finish::Paused => "STOP",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_told() {
        assert!(REASONS.is_sorted_by_key(|(word, _)| word));
        let finished = |reason| match read(reason, None) {
            Ending::Finished(finish) => Some(finish),
            Ending::Failed(_) => None,
        };
        assert_eq!(finished("STOP"), Some(Finish::Stop));
        assert_eq!(finished("MAX_TOKENS"), Some(Finish::Length));
        assert_eq!(finished("SAFETY"), Some(Finish::Filtered));
        assert_eq!(finished("RECITATION"), Some(Finish::Filtered));
        assert_eq!(finished("SOMETHING_NEW"), Some(Finish::Stop));
        assert_eq!(finished("MALFORMED_FUNCTION_CALL"), None);
        let told = read("MALFORMED_FUNCTION_CALL", Some("bad call".to_owned()));
        assert!(matches!(told, Ending::Failed(error) if error.message == "bad call"));
    }
}
