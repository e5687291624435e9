//! Names of models, and patterns of such names.

use std::cmp::{Ordering, Reverse};
use std::fmt;

use serde::Serialize;

/// A model's name, or a pattern in which every `*` stands for any text. In order, the more
/// specific comes first: exact names, then the longer pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct ModelPattern(Box<str>);

impl ModelPattern {
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    pub fn matches(&self, model: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else {
            return *self.0 == *model;
        };
        let Some(mut left) = model.strip_prefix(first) else {
            return false;
        };
        let mut parts = rest.split('*').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return left.ends_with(part);
            }
            let Some(at) = left.find(part) else {
                return false;
            };
            left = &left[at + part.len()..];
        }
        true
    }
}

impl Ord for ModelPattern {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |p: &Self| (!p.is_exact(), Reverse(p.0.len()));
        rank(self)
            .cmp(&rank(other))
            .then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for ModelPattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ModelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, model, want) in [
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("*", "", true),
            ("*", "anything/at:all", true),
            ("gpt-*", "gpt-4o", true),
            ("gpt-*", "gpt-", true),
            ("gpt-*", "my-gpt-4", false),
            ("*-latest", "claude-latest", true),
            ("*-latest", "claude-latest-2", false),
            ("claude-*-sonnet-*", "claude-3-5-sonnet-20241022", true),
            ("claude-*-sonnet-*", "claude-sonnet-", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("**", "x", true),
            ("GPT-*", "gpt-4", false),
        ] {
            assert_eq!(
                ModelPattern::new(pattern).matches(model),
                want,
                "{pattern} {model}"
            );
        }
    }

    #[test]
    fn the_more_specific_comes_first() {
        let mut all = ["*", "gpt-*", "a", "gpt-4*", "*-4o", "b"].map(ModelPattern::new);
        all.sort();
        let text = all.map(|p| p.to_string()).join(" ");
        assert_eq!(text, "a b gpt-4* gpt-* *-4o *");
    }
}
