//! What a mock provider is told once, at its start.

use std::{fmt, time::Duration};

/// Whether a request must carry a credential where its dialect has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyCheck {
    /// A missing or blank credential is refused in the dialect's words. Any other value is accepted, but for AWS
    /// signatures that are malformed or, of a key in [`Settings::aws_keys`], wrong; those are never.
    Required,
    /// The credential is journaled (redacted) and otherwise ignored.
    #[default]
    Ignored,
}

/// Which model names may be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModelCheck {
    /// Only [`Settings::models`]; others are refused in the dialect's words.
    Listed,
    /// Every name is answered; `GET /v1/models` still lists [`Settings::models`] only.
    #[default]
    Any,
}

/// An access key of AWS whose signatures are judged. Of others, the form is.
#[derive(Clone, PartialEq, Eq)]
pub struct AwsKey {
    /// The access key id, which requests name.
    pub id: String,
    /// The secret access key, by which they are signed.
    pub secret: String,
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
    /// Whose signatures are judged; by default the two keys that AWS's documentation signs its examples with,
    /// `AKIDEXAMPLE` and `AKIAIOSFODNN7EXAMPLE`.
    pub aws_keys: Vec<AwsKey>,
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

// === impl AwsKey ===

impl From<(&str, &str)> for AwsKey {
    fn from((id, secret): (&str, &str)) -> Self {
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
        }
    }
}

impl fmt::Debug for AwsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            models: DEFAULT_MODELS.iter().map(|&name| name.to_owned()).collect(),
            model_check: ModelCheck::default(),
            require_key: KeyCheck::default(),
            aws_keys: PUBLISHED_AWS_KEYS.map(AwsKey::from).into(),
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

const PUBLISHED_AWS_KEYS: [(&str, &str); 2] = [
    ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    (
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
];

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
