//! What a model's tokens cost.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Prices by the names of models; a Gateway's own go before those that come with the program.
pub type Prices = BTreeMap<Arc<str>, Price>;

/// Prices of one model in micro-USD per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    pub input: u64,
    /// Zero for models that generate nothing.
    #[serde(default)]
    pub output: u64,
    /// Input read from the provider's cache; as `input` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<u64>,
    /// Input written to the provider's cache; as `input` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
}
