//! What is fuzzed.

mod anthropic;
mod bedrock;
mod exchange;
mod expression;
mod gemini;
mod http1;
mod manifest;
mod matcher;
mod openai_chat;
mod openai_responses;
mod splice;
mod sse;

use crate::random::hash;

/// What the code did with an input, as far as it tells inputs apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Behaviour(u64);

/// The behaviour, or what is wrong with it.
pub type Verdict = Result<Behaviour, String>;

/// A part of the code and how to judge it.
#[derive(Debug)]
pub struct Target {
    pub name: &'static str,
    /// Words that inputs are made of.
    pub dictionary: &'static [&'static str],
    /// Folders from the root whose files are inputs too.
    pub more_seeds: &'static [&'static str],
    pub run: fn(&[u8]) -> Verdict,
}

pub const ALL: &[Target] = &[
    anthropic::TARGET,
    bedrock::TARGET,
    expression::TARGET,
    gemini::TARGET,
    http1::TARGET,
    manifest::TARGET,
    matcher::TARGET,
    openai_chat::TARGET,
    openai_responses::TARGET,
    splice::TARGET,
    sse::TARGET,
];

/// The target of that name.
pub fn named(name: &str) -> Option<&'static Target> {
    ALL.iter().find(|target| target.name == name)
}

impl Behaviour {
    /// Tells behaviours apart by a text, in which numbers and quoted parts do not count.
    fn of(text: &str) -> Self {
        let mut shape = String::new();
        let mut quoted = false;
        for c in text.chars() {
            if matches!(c, '`' | '"') {
                quoted = !quoted;
            } else if !quoted && !c.is_ascii_digit() {
                shape.push(c);
            }
        }
        Self(hash(shape.as_bytes()))
    }
}

/// Cuts `bytes` into chunks whose lengths follow from the bytes themselves.
fn chunks(bytes: &[u8]) -> Vec<&[u8]> {
    let mut random = crate::random::Random::new(hash(bytes));
    let most = 1 + random.below(24);
    let mut rest = bytes;
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(random.below(most + 1).min(rest.len()));
        chunks.push(chunk);
        rest = after;
    }
    chunks
}
