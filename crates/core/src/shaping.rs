//! What policies make of the requests that go to models (`ai` of a backend's policies).

mod pattern;

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::expr::Expression;
use crate::guard::PromptGuard;

pub use pattern::ModelPattern;

/// Changes of requests to models, in the order in which they are made. A part that is `None`
/// leaves the wider target's in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Shaping {
    /// Members that a request gets unless it has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defaults: Option<Arc<[Member]>>,
    /// Members that a request gets whatever it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overrides: Option<Arc<[Member]>>,
    /// Members that are computed from the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transformations: Option<Arc<[Computed]>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aliases: Option<Arc<Aliases>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Arc<Prompt>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caching: Option<Arc<PromptCaching>>,
    /// The same as `transformations`, in the words of the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_transformations: Option<Arc<[Computed]>>,
    /// What may not be said. Looks before anything else is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<Arc<PromptGuard>>,
}

/// A member of a request's body at its top level, and what it is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    pub field: Box<str>,
    pub value: Json,
}

/// A member of a request's body at its top level, and what its value is computed by. Where the
/// expression has no value the request is without the member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Computed {
    pub field: Box<str>,
    pub value: Expression,
}

/// A JSON value as it goes into a body.
#[derive(Clone, PartialEq, Eq)]
pub struct Json(Box<str>);

/// Names that clients may call models by. The nearest wins: an exact name, then the longest
/// pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Aliases(Vec<(ModelPattern, Arc<str>)>);

/// Turns that every conversation starts or ends with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Prompt {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prepend: Vec<Turn>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub append: Vec<Turn>,
}

/// What is said, and in whose name. What it says never prints.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Turn {
    pub role: Role,
    pub content: Box<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Role {
    System,
    /// What newer models of OpenAI call the system.
    Developer,
    User,
    Assistant,
}

/// Where providers are told to keep what they have read so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PromptCaching {
    /// Each at most once.
    pub places: Vec<CachePlace>,
    /// A system prompt that is estimated to be shorter is not marked.
    pub min_tokens: u32,
    /// How many messages before the last but one the mark stands.
    pub message_offset: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum CachePlace {
    System,
    Tools,
    Messages,
}

impl Shaping {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This shaping with the gaps filled from the wider target's.
    #[must_use]
    pub fn over(&self, wider: &Self) -> Self {
        fn or<T: Clone>(near: &Option<T>, far: &Option<T>) -> Option<T> {
            near.clone().or_else(|| far.clone())
        }
        Self {
            defaults: or(&self.defaults, &wider.defaults),
            overrides: or(&self.overrides, &wider.overrides),
            transformations: or(&self.transformations, &wider.transformations),
            aliases: or(&self.aliases, &wider.aliases),
            prompt: or(&self.prompt, &wider.prompt),
            caching: or(&self.caching, &wider.caching),
            final_transformations: or(&self.final_transformations, &wider.final_transformations),
            guard: or(&self.guard, &wider.guard),
        }
    }

    /// Whether there are expressions to evaluate.
    pub fn computes(&self) -> bool {
        self.transformations.is_some() || self.final_transformations.is_some()
    }

    /// Whether both set the same part.
    pub fn overlaps(&self, other: &Self) -> bool {
        (self.defaults.is_some() && other.defaults.is_some())
            || (self.overrides.is_some() && other.overrides.is_some())
            || (self.transformations.is_some() && other.transformations.is_some())
            || (self.aliases.is_some() && other.aliases.is_some())
            || (self.prompt.is_some() && other.prompt.is_some())
            || (self.caching.is_some() && other.caching.is_some())
            || (self.final_transformations.is_some() && other.final_transformations.is_some())
            || (self.guard.is_some() && other.guard.is_some())
    }
}

impl Json {
    pub fn of(value: &Value) -> Self {
        Self(value.to_string().into())
    }

    /// `text`, if it is JSON.
    pub fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        Some(Self::of(&value))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A body's content may be a prompt.
impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.0.len())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: Value = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        value.serialize(serializer)
    }
}

impl Aliases {
    pub fn new(aliases: impl IntoIterator<Item = (ModelPattern, Arc<str>)>) -> Self {
        let mut all: Vec<_> = aliases.into_iter().collect();
        all.sort();
        Self(all)
    }

    /// What `model` is another name for.
    pub fn resolve(&self, model: &str) -> Option<&Arc<str>> {
        let found = self.0.iter().find(|(pattern, _)| pattern.matches(model));
        found.map(|(_, model)| model)
    }

    pub fn iter(&self) -> impl Iterator<Item = &(ModelPattern, Arc<str>)> {
        self.0.iter()
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("role", &self.role)
            .field("bytes", &self.content.len())
            .finish_non_exhaustive()
    }
}

impl Role {
    pub const ALL: [Self; 4] = [Self::System, Self::Developer, Self::User, Self::Assistant];

    /// As OpenAI's messages say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Developer => "developer",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }

    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }

    /// Whether it is the gateway's operator who speaks, and not one of the conversation.
    pub fn instructs(self) -> bool {
        matches!(self, Self::System | Self::Developer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases(of: &[(&str, &str)]) -> Aliases {
        Aliases::new(
            of.iter()
                .map(|(from, to)| (ModelPattern::new(from), Arc::from(*to))),
        )
    }

    #[test]
    fn an_exact_alias_wins_then_the_longest_pattern() {
        let aliases = aliases(&[
            ("*", "rest"),
            ("gpt-*", "any-gpt"),
            ("gpt-4*", "any-gpt-4"),
            ("*-latest", "latest"),
            ("gpt-4o", "exact"),
        ]);
        for (model, want) in [
            ("gpt-4o", "exact"),
            ("gpt-4.1", "any-gpt-4"),
            ("gpt-3", "any-gpt"),
            ("claude-latest", "latest"),
            ("mistral", "rest"),
            ("", "rest"),
        ] {
            assert_eq!(aliases.resolve(model).map(|m| &**m), Some(want), "{model}");
        }
    }

    #[test]
    fn the_narrower_target_wins_part_by_part() {
        let near = Shaping {
            aliases: Some(Arc::new(aliases(&[("a", "b")]))),
            ..Shaping::default()
        };
        let far = Shaping {
            aliases: Some(Arc::new(aliases(&[("a", "c")]))),
            prompt: Some(Arc::default()),
            ..Shaping::default()
        };
        let merged = near.over(&far);
        assert_eq!(merged.aliases, near.aliases);
        assert_eq!(merged.prompt, far.prompt);
        assert!(near.overlaps(&far) && !near.overlaps(&Shaping::default()));
        assert_eq!(Shaping::default().over(&far), far);
    }

    #[test]
    fn prompts_do_not_print() {
        let turn = Turn {
            role: Role::System,
            content: "confidential".into(),
        };
        let value = Json::parse(r#"{"system": "confidential"}"#).unwrap();
        assert!(!format!("{turn:?} {value:?}").contains("confidential"));
        assert_eq!(value.as_str(), r#"{"system":"confidential"}"#);
        assert!(Json::parse("{").is_none());
    }
}
