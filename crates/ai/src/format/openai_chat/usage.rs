//! Token counts in OpenAI's words.

use serde_json::{Map, Value, json};

use crate::json::compact;
use crate::usage::Usage;

/// Reads a `usage` member of either of OpenAI's APIs.
pub(in crate::format) fn read(value: Option<Value>) -> Option<Usage> {
    let usage: crate::usage::Wire = serde_json::from_value(value?).ok()?;
    Some(Usage::from(usage)).filter(|usage| !usage.is_empty())
}

/// Clients' types require the three sums.
pub(super) fn write(usage: &Usage) -> Map<String, Value> {
    let (input, output) = (usage.input.unwrap_or(0), usage.output.unwrap_or(0));
    let total = usage.total.unwrap_or(input.saturating_add(output));
    let mut members = compact([
        ("prompt_tokens", input.into()),
        ("completion_tokens", output.into()),
        ("total_tokens", total.into()),
    ]);
    let inputs = compact([
        ("cached_tokens", usage.cached.into()),
        ("cache_write_tokens", usage.cache_write.into()),
    ]);
    if !inputs.is_empty() {
        members.insert("prompt_tokens_details".to_owned(), inputs.into());
    }
    if let Some(reasoning) = usage.reasoning {
        let details = json!({"reasoning_tokens": reasoning});
        members.insert("completion_tokens_details".to_owned(), details);
    }
    members
}
