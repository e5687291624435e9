//! What a request asks of the mock model, whichever dialect it came in.

use crate::{
    cache::CacheUse,
    calling::{ToolChoice, called},
    dialect::Context,
    prompt::Prompt,
    text::{Choice, Format, Generation, Tool, Turn},
    tokens::Encoding,
};

/// A conversation and how to go on with it.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) model: &'a str,
    pub(crate) prompt: Prompt<'a>,
    pub(crate) turn: Turn,
    pub(crate) tools: Vec<Tool>,
    pub(crate) choice: ToolChoice<'a>,
    pub(crate) format: Format,
    pub(crate) stops: Vec<String>,
    pub(crate) limit: Option<usize>,
    pub(crate) thinking: Thinking,
    /// How many answers.
    pub(crate) choices: usize,
}

/// Whether the model thinks before it answers, and how long at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Thinking {
    #[default]
    Off,
    Tokens(usize),
}

/// What prompts a provider caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caching {
    Implicit,
    Marked,
}

/// The model's answers and what they cost.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) choices: Vec<Choice>,
    /// The thought before each of them, in pieces of a token each.
    pub(crate) thought: Vec<String>,
    pub(crate) prompt_tokens: usize,
    pub(crate) cache: CacheUse,
}

// === impl Ask ===

impl Ask<'_> {
    pub(crate) fn prompt_tokens(&self) -> usize {
        self.prompt.tokens(Encoding::of(self.model))
    }

    pub(crate) fn answered(&self, context: &Context<'_>, caching: Caching) -> Answered {
        let mut generation = Generation {
            model: self.model,
            turn: &self.turn,
            format: &self.format,
            call: called(&self.tools, self.choice, &self.turn),
            stops: &self.stops,
            limit: self.limit,
            reasoning: 0,
            min_tokens: context.settings.min_answer_tokens,
            choices: self.choices,
        };
        let mut thought = match self.thinking {
            Thinking::Off => Vec::new(),
            Thinking::Tokens(_) => generation.thought(),
        };
        if let Thinking::Tokens(most) = self.thinking {
            thought.truncate(most.min(self.limit.unwrap_or(usize::MAX)));
        }
        generation.reasoning = thought.len();
        let prompt_tokens = self.prompt_tokens();
        let cache = match caching {
            Caching::Implicit => context
                .cache
                .implicit(self.model, prompt_tokens, &self.prompt),
            Caching::Marked => context.cache.marked(self.model, &self.prompt),
        };
        Answered {
            choices: (0..self.choices)
                .map(|index| generation.choice(index))
                .collect(),
            thought,
            prompt_tokens,
            cache,
        }
    }
}

// === impl Answered ===

impl Answered {
    /// Tokens of all answers, thoughts included.
    pub(crate) fn output_tokens(&self) -> usize {
        self.choices.iter().map(|choice| choice.tokens).sum()
    }

    pub(crate) fn thought_tokens(&self) -> usize {
        self.choices.iter().map(|choice| choice.reasoning).sum()
    }

    /// Prompt tokens that the cache neither gave nor took.
    pub(crate) fn uncached_tokens(&self) -> usize {
        self.prompt_tokens
            .saturating_sub(self.cache.read + self.cache.written)
    }
}
