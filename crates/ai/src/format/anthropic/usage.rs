//! Token counts in Anthropic's words: what a cache took part in is counted beside `input_tokens`.

use serde_json::{Map, Value};

use crate::json::compact;
use crate::usage::Usage;

/// Reads a `usage` member. The counts of a stream's end replace those of its start.
pub(super) fn read(value: Option<Value>) -> Option<Usage> {
    let wire: crate::usage::Wire = serde_json::from_value(value?).ok()?;
    Some(wire.partial()).filter(|usage| !usage.is_empty())
}

pub(super) fn write(usage: &Usage) -> Map<String, Value> {
    let beside = usage
        .cached
        .unwrap_or(0)
        .saturating_add(usage.cache_write.unwrap_or(0));
    let input = usage.input.unwrap_or(0).saturating_sub(beside);
    compact([
        ("input_tokens", input.into()),
        ("cache_creation_input_tokens", usage.cache_write.into()),
        ("cache_read_input_tokens", usage.cached.into()),
        ("output_tokens", usage.output.unwrap_or(0).into()),
    ])
}
