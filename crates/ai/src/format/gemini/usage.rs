//! Token counts in Gemini's words: `candidatesTokenCount` has no thoughts in it.

use serde_json::{Map, Value};

use crate::json::compact;
use crate::usage::Usage;

/// Reads a `usageMetadata` member.
pub(super) fn read(value: Option<Value>) -> Option<Usage> {
    let usage: crate::usage::Wire = serde_json::from_value(value?).ok()?;
    Some(Usage::from(usage)).filter(|usage| !usage.is_empty())
}

pub(super) fn write(usage: &Usage) -> Map<String, Value> {
    let (input, output) = (usage.input.unwrap_or(0), usage.output.unwrap_or(0));
    let thoughts = usage.reasoning.unwrap_or(0);
    compact([
        ("promptTokenCount", input.into()),
        (
            "candidatesTokenCount",
            output.saturating_sub(thoughts).into(),
        ),
        (
            "totalTokenCount",
            usage.total.unwrap_or(input.saturating_add(output)).into(),
        ),
        ("cachedContentTokenCount", usage.cached.into()),
        ("thoughtsTokenCount", usage.reasoning.into()),
    ])
}
