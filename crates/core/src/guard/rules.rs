//! What a guard looks for in texts: patterns, each compiled once.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::Hir;
use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::alive::Alive;
use super::builtin::Builtin;

/// A compiled pattern may be this large, in bytes.
pub const PATTERN_LIMIT: usize = 1 << 20;

/// How deep a pattern may be nested.
const NEST_LIMIT: u32 = 100;

/// Patterns, and what becomes of what they match. Two are equal when they were written the same.
#[derive(Clone)]
pub struct Rules(Arc<Inner>);

struct Inner {
    action: Action,
    builtins: Vec<Builtin>,
    patterns: Vec<Box<str>>,
    rules: Vec<Arc<Rule>>,
}

/// What becomes of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Action {
    /// Something else stands in its place.
    Mask,
    /// Nothing of the text goes on.
    Reject,
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    #[error("at character {at}: {why}")]
    Syntax { at: usize, why: String },
    #[error("it is larger than {PATTERN_LIMIT} bytes when it is compiled")]
    TooLarge,
    #[error("it matches where nothing stands, so it would match everywhere")]
    MatchesNothing,
}

/// Whether a match is one, by what a pattern cannot say.
pub(super) type Validate = fn(&str, &Range<usize>) -> bool;

/// One thing to look for.
pub(super) struct Rule {
    regex: Regex,
    pub(super) alive: Alive,
    validate: Option<Validate>,
    /// What stands in a match's place.
    pub(super) mask: &'static str,
}

impl Rules {
    /// The error names the pattern by its index.
    pub fn new(
        action: Action,
        builtins: Vec<Builtin>,
        patterns: Vec<Box<str>>,
    ) -> Result<Self, (usize, BadPattern)> {
        let mut rules: Vec<_> = builtins.iter().map(|builtin| builtin.rule()).collect();
        for (index, pattern) in patterns.iter().enumerate() {
            let rule = Rule::new(pattern, None, "<masked>").map_err(|why| (index, why))?;
            rules.push(Arc::new(rule));
        }
        Ok(Self(Arc::new(Inner {
            action,
            builtins,
            patterns,
            rules,
        })))
    }

    pub fn action(&self) -> Action {
        self.0.action
    }

    pub fn builtins(&self) -> &[Builtin] {
        &self.0.builtins
    }

    pub fn patterns(&self) -> &[Box<str>] {
        &self.0.patterns
    }

    pub(super) fn rules(&self) -> &[Arc<Rule>] {
        &self.0.rules
    }
}

impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        let said = |rules: &'_ Self| (rules.0.action, rules.0.builtins.clone());
        said(self) == said(other) && self.0.patterns == other.0.patterns
    }
}

impl Eq for Rules {}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("action", &self.0.action)
            .field("builtins", &self.0.builtins)
            .field("patterns", &self.0.patterns)
            .finish_non_exhaustive()
    }
}

impl Serialize for Rules {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rules = serializer.serialize_struct("Rules", 3)?;
        rules.serialize_field("action", &self.0.action)?;
        rules.serialize_field("builtins", &self.0.builtins)?;
        rules.serialize_field("matches", &self.0.patterns)?;
        rules.end()
    }
}

impl Rule {
    pub(super) fn new(
        pattern: &str,
        validate: Option<Validate>,
        mask: &'static str,
    ) -> Result<Self, BadPattern> {
        let parsed = parse(pattern)?;
        if parsed
            .properties()
            .minimum_len()
            .is_none_or(|least| least == 0)
        {
            return Err(BadPattern::MatchesNothing);
        }
        let regex = RegexBuilder::new(pattern)
            .nest_limit(NEST_LIMIT)
            .size_limit(PATTERN_LIMIT)
            .build()
            .map_err(|_| BadPattern::TooLarge)?;
        let alive = Alive::new(parsed, PATTERN_LIMIT).ok_or(BadPattern::TooLarge)?;
        Ok(Self {
            regex,
            alive,
            validate,
            mask,
        })
    }

    /// The first match that starts at `from` or behind it.
    pub(super) fn find(&self, text: &str, from: usize) -> Option<Range<usize>> {
        let mut at = from;
        loop {
            let found = self.regex.find_at(text, at)?.range();
            let valid = self.validate.is_none_or(|valid| valid(text, &found));
            if valid && !found.is_empty() {
                return Some(found);
            }
            let next = text[found.start..].chars().next()?;
            at = found.start + next.len_utf8();
        }
    }
}

fn parse(pattern: &str) -> Result<Hir, BadPattern> {
    let mut parser = regex_syntax::ParserBuilder::new()
        .nest_limit(NEST_LIMIT)
        .build();
    parser.parse(pattern).map_err(|error| {
        let (at, why) = match &error {
            regex_syntax::Error::Parse(error) => {
                (error.span().start.offset, error.kind().to_string())
            }
            regex_syntax::Error::Translate(error) => {
                (error.span().start.offset, error.kind().to_string())
            }
            other => (0, other.to_string()),
        };
        let at = pattern
            .get(..at)
            .map_or(at, |before| before.chars().count())
            + 1;
        BadPattern::Syntax { at, why }
    })
}
