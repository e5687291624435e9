//! Credentials that requests show, and what is known of those who show them.
//!
//! ```text
//! Verifiers (one for each snapshot) ── TokenVerifier (one for each policy on tokens)
//!     └─ KeyRing: keys of the manifest, or those that an issuer publishes (a Refresher)
//! Passwords (hashes that take their time: off the workers, few at once, answers kept)
//! ```

mod decisions;
mod keys;
mod password;
mod token;

pub(crate) use decisions::{Answers, Decision, Decisions, Key as DecisionKey};
pub(crate) use password::Passwords;
pub(crate) use token::{TokenError, Verifiers};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// What is known of who asks, as expressions see it.
#[derive(Clone, Default)]
pub(crate) struct Identity {
    pub(crate) jwt: Option<Value>,
    pub(crate) api_key: Option<Value>,
    pub(crate) basic: Option<Value>,
    /// What a server said that was asked.
    pub(crate) external: Option<Value>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<identity>")
    }
}

/// A map with one text.
pub(crate) fn single(name: &str, text: &str) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), text.into())]))
}

/// What is kept of an API key.
pub(crate) fn hashed(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}
