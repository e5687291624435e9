//! What a model's tokens and searches cost.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Prices by the names of models; a Gateway's own go before those that come with the program.
pub type Prices = BTreeMap<Arc<str>, Price>;

/// Prices of one model in micro-USD: per million tokens, and per search unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Zero for models that are paid by the search.
    #[serde(default)]
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
    /// Of one search unit: a query over up to a hundred documents, as a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_unit: Option<u64>,
}
