//! OpenAI's prompt cache, as its documentation describes it: prompts of 1,024 tokens and more reuse the
//! longest prefix seen before, in steps of 128 tokens.

use std::{
    borrow::Cow,
    collections::{HashSet, VecDeque},
};

use parking_lot::Mutex;

use crate::{
    ids::{self, mix},
    prompt::Prompt,
    tokens::Encoding,
};

/// The shortest prefix that is cached, in tokens.
const SHORTEST: usize = 1024;
const STEP: usize = 128;
/// Prefixes remembered.
const CAPACITY: usize = 16_384;

/// What the cache did for one prompt, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheUse {
    /// Leading tokens that were cached before.
    pub(crate) read: usize,
    /// Tokens after them that are cached now.
    pub(crate) written: usize,
}

/// Prefixes seen, by hash.
#[derive(Debug, Default)]
pub(crate) struct PromptCache {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

// === impl PromptCache ===

impl PromptCache {
    /// What a provider does that caches every prompt. Short prompts, which are never cached, are not encoded again.
    pub(crate) fn implicit(&self, model: &str, tokens: usize, prompt: &Prompt<'_>) -> CacheUse {
        if tokens < SHORTEST {
            return CacheUse::default();
        }
        self.texts(model, prompt.texts())
    }

    /// What a provider does that caches what is marked. All that is marked is read or written.
    pub(crate) fn marked(&self, model: &str, prompt: &Prompt<'_>) -> CacheUse {
        match prompt.marked() {
            [] => CacheUse::default(),
            texts => self.texts(model, texts),
        }
    }

    fn texts(&self, model: &str, texts: &[Cow<'_, str>]) -> CacheUse {
        let tokens = Encoding::of(model).encode(&texts.join("\n"));
        self.visit(ids::hash(model.as_bytes()), &tokens)
    }

    /// Remembers a prompt.
    fn visit(&self, model: u64, tokens: &[u32]) -> CacheUse {
        if tokens.len() < SHORTEST {
            return CacheUse::default();
        }
        let mut seen = self.seen.lock();
        let (mut hash, mut read) = (model, 0);
        for (index, token) in tokens.iter().enumerate() {
            hash = mix(hash ^ u64::from(*token));
            let length = index + 1;
            if length >= SHORTEST && length.is_multiple_of(STEP) && !seen.remember(hash) {
                read = length;
            }
        }
        CacheUse {
            read,
            written: tokens.len() / STEP * STEP - read,
        }
    }
}

// === impl Seen ===

impl Seen {
    /// Says whether the prefix is new.
    fn remember(&mut self, hash: u64) -> bool {
        if !self.known.insert(hash) {
            return false;
        }
        if self.order.len() == CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(hash);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reuses_the_longest_known_prefix_in_steps() {
        let cache = PromptCache::default();
        let long: Vec<u32> = (0..1500).collect();
        let used = |read, written| CacheUse { read, written };
        assert_eq!(cache.visit(1, &long), used(0, 1408));
        assert_eq!(cache.visit(1, &long), used(1408, 0));
        assert_eq!(cache.visit(1, &long[..1100]), used(1024, 0));
        let longer: Vec<u32> = (0..1700).collect();
        assert_eq!(cache.visit(1, &longer), used(1408, 256));
        assert_eq!(
            cache.visit(2, &long),
            used(0, 1408),
            "another model has its own cache"
        );
        assert_eq!(
            cache.visit(1, &long[..1000]),
            used(0, 0),
            "too short to be cached"
        );
        let other: Vec<u32> = (1..1501).collect();
        assert_eq!(cache.visit(1, &other), used(0, 1408));
    }
}
