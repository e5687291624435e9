//! What may not be said to a model, or by one (`promptGuard` of a policy).
//!
//! A guard looks for something ([`Rules`]) or asks somebody ([`Webhook`]); what is found is masked,
//! or the whole request or answer is refused.

mod alive;
mod builtin;
mod masker;
mod remote;
mod rules;

use std::fmt;

use http::StatusCode;
use serde::{Serialize, Serializer};

pub use builtin::Builtin;
pub use masker::{Form, Found, Masker, Piece, WINDOW};
pub use remote::{FailureMode, Webhook};
pub use rules::{Action, BadPattern, PATTERN_LIMIT, Rules};

/// What is looked at, in order. Each guard sees what those before it have left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PromptGuard {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub request: Vec<Guard>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response: Vec<Guard>,
    pub streaming: Streaming,
}

/// Whether answers that come bit by bit are looked at too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum Streaming {
    #[default]
    Enabled,
    Disabled,
}

/// One guard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guard {
    pub check: Check,
    pub scopes: Scopes,
    pub refusal: Refusal,
}

/// How a guard knows what may not be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Check {
    Rules(Rules),
    Webhook(Box<Webhook>),
    /// What was asked for cannot be done: nothing goes through.
    Broken,
}

/// What a client is told whose request, or whose answer, is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    #[serde(serialize_with = "number")]
    pub status: StatusCode,
    pub message: Box<str>,
}

/// Where in a conversation a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Scope {
    SystemPrompt,
    /// What is said by those who take part.
    Messages,
    /// What a tool is called with.
    ToolInput,
    /// What a tool has answered.
    ToolOutput,
}

/// A set of [`Scope`]s.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Scopes(u8);

impl PromptGuard {
    /// In the place of one that cannot be used, for that must not open what it was to close.
    pub fn broken() -> Self {
        let guard = Guard {
            check: Check::Broken,
            scopes: Scopes::ALL,
            refusal: Refusal {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                message: "the prompt guard of this route is not valid; see its status".into(),
            },
        };
        Self {
            request: vec![guard],
            ..Self::default()
        }
    }

    /// Whether somebody is asked about answers.
    pub fn asks_about_answers(&self) -> bool {
        self.response.iter().any(|guard| guard.rules().is_none())
    }

    /// Guards that only look, of those for answers.
    pub fn response_rules(&self) -> impl Iterator<Item = (&Rules, &Guard)> {
        self.response.iter().filter_map(Guard::rules)
    }
}

impl Guard {
    /// What it looks for, when it asks nobody.
    pub fn rules(&self) -> Option<(&Rules, &Self)> {
        match &self.check {
            Check::Rules(rules) => Some((rules, self)),
            Check::Webhook(_) | Check::Broken => None,
        }
    }
}

impl Default for Refusal {
    fn default() -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            message: Self::MESSAGE.into(),
        }
    }
}

impl Refusal {
    pub const MESSAGE: &str = "The request was rejected due to inappropriate content";
}

impl Scope {
    pub const ALL: [Self; 4] = [
        Self::SystemPrompt,
        Self::Messages,
        Self::ToolInput,
        Self::ToolOutput,
    ];

    /// As a manifest says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::SystemPrompt => "SystemPrompt",
            Self::Messages => "Messages",
            Self::ToolInput => "ToolInput",
            Self::ToolOutput => "ToolOutput",
        }
    }

    fn bit(self) -> u8 {
        1 << (self as u8)
    }
}

impl Scopes {
    pub const ALL: Self = Self(0b1111);

    /// All but what only machines write.
    pub const SPOKEN: Self = Self(0b1011);

    pub fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |all, scope| all | scope.bit()))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn number<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

#[cfg(test)]
mod tests;
