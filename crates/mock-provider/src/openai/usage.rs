//! Token usage in the two forms that OpenAI reports it in.

use serde::Serialize;
use serde_json::{Value, json};

use super::fields::Fields;
use crate::{cache::CacheUse, error::ApiError, text::Choice, tokens::base_name};

/// Tokens of a request and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) prompt: usize,
    /// The parts of `prompt` that came from the prompt cache and went into it.
    pub(super) cache: CacheUse,
    pub(super) completion: usize,
    /// The part of `completion` that was reasoning.
    pub(super) reasoning: usize,
}

/// `usage` of chat and legacy completions.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct ChatUsage {
    prompt_tokens: usize,
    completion_tokens: usize,
    total_tokens: usize,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct PromptDetails {
    cached_tokens: usize,
    cache_write_tokens: usize,
    audio_tokens: usize,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct CompletionDetails {
    reasoning_tokens: usize,
    audio_tokens: usize,
    accepted_prediction_tokens: usize,
    rejected_prediction_tokens: usize,
}

// === impl Usage ===

impl Usage {
    /// Adds up the choices of an answer.
    pub(super) fn of(prompt: usize, cache: CacheUse, choices: &[Choice]) -> Self {
        Self {
            prompt,
            cache,
            completion: choices.iter().map(|choice| choice.tokens).sum(),
            reasoning: choices.iter().map(|choice| choice.reasoning).sum(),
        }
    }

    pub(super) fn chat(self) -> ChatUsage {
        ChatUsage {
            prompt_tokens: self.prompt,
            completion_tokens: self.completion,
            total_tokens: self.prompt + self.completion,
            prompt_tokens_details: PromptDetails {
                cached_tokens: self.cache.read,
                cache_write_tokens: self.cache.written,
                audio_tokens: 0,
            },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: self.reasoning,
                audio_tokens: 0,
                accepted_prediction_tokens: 0,
                rejected_prediction_tokens: 0,
            },
        }
    }

    pub(super) fn responses(self) -> Value {
        json!({
            "input_tokens": self.prompt,
            "input_tokens_details": {
                "cached_tokens": self.cache.read,
                "cache_write_tokens": self.cache.written,
            },
            "output_tokens": self.completion,
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.prompt + self.completion,
        })
    }
}

/// Tokens of a reasoning model's thinking, by effort; other models do not think.
pub(super) fn reasoning_tokens(model: &str, effort: Option<&str>) -> usize {
    const REASONING: [&str; 4] = ["o1", "o3", "o4", "gpt-5"];
    let name = base_name(model);
    if name.contains("chat") || !REASONING.iter().any(|prefix| name.starts_with(prefix)) {
        return 0;
    }
    match effort {
        Some("none" | "minimal") => 0,
        Some("low") => 64,
        Some("high") => 256,
        Some("xhigh") => 512,
        _ => 128,
    }
}

/// The effort asked for, in chat's or the Responses API's place.
pub(super) fn effort<'a>(body: &Fields<'a>) -> Result<Option<&'a str>, ApiError> {
    match body.object("reasoning")? {
        Some(reasoning) => reasoning.string("effort"),
        None => body.string("reasoning_effort"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reasoning_models_think() {
        for (model, effort, expected) in [
            ("gpt-4o", Some("high"), 0),
            ("gpt-5-chat-latest", None, 0),
            ("o3-mini", None, 128),
            ("openai/gpt-5", Some("low"), 64),
            ("gpt-5-nano", Some("minimal"), 0),
        ] {
            assert_eq!(reasoning_tokens(model, effort), expected, "{model}");
        }
    }

    #[test]
    fn adds_up() {
        let usage = Usage {
            prompt: 10,
            cache: CacheUse::default(),
            completion: 5,
            reasoning: 2,
        };
        let chat = serde_json::to_value(usage.chat()).unwrap();
        assert_eq!(chat["total_tokens"], 15);
        assert_eq!(usage.responses()["total_tokens"], 15);
    }
}
