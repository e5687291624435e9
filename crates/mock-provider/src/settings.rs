//! What a mock provider is told once, at its start.

use std::time::Duration;

/// Whether a request must carry an `Authorization` header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyCheck {
    /// A missing or blank credential is answered with OpenAI's 401. Any other value is accepted.
    Required,
    /// The header is journaled (redacted) and otherwise ignored.
    #[default]
    Ignored,
}

/// Which model names may be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModelCheck {
    /// Only [`Settings::models`]; others are answered with OpenAI's 404 `model_not_found`.
    Listed,
    /// Every name is answered; `GET /v1/models` still lists [`Settings::models`] only.
    #[default]
    Any,
}

/// Configuration of a [`MockProvider`](crate::MockProvider).
#[derive(Clone, Debug)]
pub struct Settings {
    /// Names that `GET /v1/models` lists, in this order.
    pub models: Vec<String>,
    /// Whether names outside `models` are served.
    pub model_check: ModelCheck,
    /// Whether a credential is demanded.
    pub require_key: KeyCheck,
    /// Wait before each answer starts. A fault's `delay` comes on top.
    pub answer_delay: Duration,
    /// Wait between two chunks of a stream. A fault's `chunk-delay` replaces it.
    pub token_delay: Duration,
    /// Text answers are padded to at least this many tokens (at most 16,384 over all
    /// choices of an answer), for long streams.
    pub min_answer_tokens: usize,
    /// Seed of generated ids and fingerprints: equal seeds and equal requests give equal answers,
    /// apart from timestamps.
    pub seed: u64,
    /// Largest request body in bytes; a larger one is answered with 413.
    pub body_limit: usize,
    /// Connections served at once; further ones wait in the listen queue.
    pub max_connections: usize,
    /// How long open connections may go on after the shutdown was asked for.
    pub shutdown_grace: Duration,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            models: DEFAULT_MODELS.iter().map(|&name| name.to_owned()).collect(),
            model_check: ModelCheck::default(),
            require_key: KeyCheck::default(),
            answer_delay: Duration::ZERO,
            token_delay: Duration::ZERO,
            min_answer_tokens: 0,
            seed: 0,
            body_limit: 16 << 20,
            max_connections: 8192,
            shutdown_grace: Duration::from_secs(3),
        }
    }
}

const DEFAULT_MODELS: &[&str] = &[
    "gpt-5",
    "gpt-5-mini",
    "gpt-5-nano",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4.1-nano",
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-4-turbo",
    "gpt-4",
    "gpt-3.5-turbo",
    "gpt-3.5-turbo-instruct",
    "o3",
    "o4-mini",
    "text-embedding-3-small",
    "text-embedding-3-large",
    "text-embedding-ada-002",
];
