//! What each family of models wants beside what all have in common.

use serde_json::{Map, Value, json};

use crate::chat::{ChatRequest, Dropped, Effort, Sampling, Text, Thinking};
use crate::format::anthropic;
use crate::json::compact;

/// Whose model it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Claude,
    Nova,
    /// OpenAI's open models.
    GptOss,
    Other,
}

const FAMILIES: [(&str, Family); 4] = [
    ("anthropic.", Family::Claude),
    ("claude-", Family::Claude),
    ("amazon.nova", Family::Nova),
    ("openai.gpt-oss", Family::GptOss),
];

/// The members of a request that say how to sample and how much to think.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) inference: Map<String, Value>,
    /// `additionalModelRequestFields`
    pub(super) extra: Map<String, Value>,
    pub(super) effort: Option<Effort>,
}

impl Family {
    pub(super) fn of(model: &str) -> Self {
        let found = FAMILIES.iter().find(|(part, _)| model.contains(part));
        found.map_or(Self::Other, |(_, family)| *family)
    }

    /// Whether it takes marks of what a cache is to hold.
    pub(super) fn caches(self) -> bool {
        matches!(self, Self::Claude | Self::Nova)
    }

    /// Takes the sampling out of `request`.
    pub(super) fn settings(self, request: &mut ChatRequest, dropped: &mut Dropped) -> Settings {
        match self {
            Self::Claude => claude(request, dropped),
            _ => other(self, request, dropped),
        }
    }
}

/// By the rules of Anthropic's own API, under the names that this one has.
fn claude(request: &mut ChatRequest, dropped: &mut Dropped) -> Settings {
    let given = request.sampling.max_tokens;
    let most = given.unwrap_or_else(|| anthropic::max_tokens(&request.model));
    let (thinking, effort) = anthropic::thinking(request, most, dropped);
    let thinks = thinking.as_ref().is_some_and(|t| t["type"] != "disabled");
    let sampling = std::mem::take(&mut request.sampling);
    let mut native = Map::new();
    anthropic::put_sampling(sampling, &request.model, thinks, &mut native, dropped);
    let mut take = |key: &str| native.remove(key).unwrap_or_default();
    let max_tokens = given.or(thinks.then_some(most));
    Settings {
        inference: compact([
            ("maxTokens", max_tokens.into()),
            ("temperature", take("temperature")),
            ("topP", take("top_p")),
            ("stopSequences", take("stop_sequences")),
        ]),
        extra: compact([("top_k", take("top_k")), ("thinking", thinking.into())]),
        effort,
    }
}

fn other(family: Family, request: &mut ChatRequest, dropped: &mut Dropped) -> Settings {
    let Sampling {
        max_tokens,
        temperature,
        top_p,
        top_k,
        stop,
        seed,
        presence_penalty,
        frequency_penalty,
    } = std::mem::take(&mut request.sampling);
    let nova = family == Family::Nova;
    for (name, lost) in [
        ("seed", seed.is_some()),
        (
            "presence_penalty",
            presence_penalty.is_some_and(|n| n != 0.0),
        ),
        (
            "frequency_penalty",
            frequency_penalty.is_some_and(|n| n != 0.0),
        ),
        ("top_k", top_k.is_some() && !nova),
    ] {
        if lost {
            dropped.name(name);
        }
    }
    let stop: Vec<Text> = stop.into_iter().filter(|stop| !stop.is_empty()).collect();
    let free = max_tokens.is_none() && temperature.is_none() && top_p.is_none();
    let wanted = request.thinking.map(|wanted| match wanted {
        // Nova takes nothing else beside its highest effort.
        Thinking::Effort(effort) if nova && !free => Thinking::Effort(effort.min(Effort::Medium)),
        Thinking::Budget(budget) if nova && !free => Thinking::Budget(budget.min(4096)),
        wanted => wanted,
    });
    if wanted != request.thinking {
        dropped.name("reasoning");
    }
    let mut extra = thinking(family, wanted, dropped);
    if let Some(top_k) = top_k.filter(|_| nova) {
        extra.insert("inferenceConfig".to_owned(), json!({"topK": top_k}));
    }
    Settings {
        inference: compact([
            ("maxTokens", max_tokens.into()),
            ("temperature", temperature.into()),
            ("topP", top_p.into()),
            (
                "stopSequences",
                Some(json!(stop)).filter(|_| !stop.is_empty()).into(),
            ),
        ]),
        extra,
        effort: None,
    }
}

fn thinking(
    family: Family,
    thinking: Option<Thinking>,
    dropped: &mut Dropped,
) -> Map<String, Value> {
    let Some(thinking) = thinking else {
        return Map::new();
    };
    let word = match thinking {
        Thinking::Off => None,
        Thinking::Effort(Effort::Minimal | Effort::Low) | Thinking::Budget(0..2048) => Some("low"),
        Thinking::Effort(Effort::Medium) | Thinking::Budget(2048..8192) | Thinking::Adaptive => {
            Some("medium")
        }
        Thinking::Effort(_) | Thinking::Budget(_) => Some("high"),
    };
    match (family, word) {
        (Family::Nova, Some(word)) => compact([(
            "reasoningConfig",
            json!({"type": "enabled", "maxReasoningEffort": word}),
        )]),
        (Family::Nova, None) => Map::new(),
        (Family::GptOss, Some(word)) => compact([("reasoning_effort", word.into())]),
        _ => {
            dropped.name("reasoning");
            Map::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_told_by_names_of_all_kinds() {
        let table = [
            ("anthropic.claude-sonnet-4-5-20250929-v1:0", Family::Claude),
            ("eu.anthropic.claude-opus-4-6-v1", Family::Claude),
            ("amazon.nova-2-lite-v1:0", Family::Nova),
            ("openai.gpt-oss-120b-1:0", Family::GptOss),
            ("meta.llama3-1-70b-instruct-v1:0", Family::Other),
            (
                "arn:aws:bedrock:us-east-1:1:application-inference-profile/x",
                Family::Other,
            ),
        ];
        for (model, family) in table {
            assert_eq!(Family::of(model), family, "{model}");
        }
    }
}
