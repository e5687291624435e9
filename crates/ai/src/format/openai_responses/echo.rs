//! The response object around what a model answered: it repeats much of the request.

use serde_json::{Map, Value, json};

use super::request_out;
use crate::chat::{Dropped, Finish, ToolChoice};
use crate::format::Asked;
use crate::usage::Usage;

/// What is known of the response when it is written.
pub(super) struct State<'a> {
    pub(super) id: &'a str,
    pub(super) model: &'a str,
    pub(super) created: u64,
    pub(super) output: &'a [Value],
    /// Why it ended; `None` while it goes on.
    pub(super) finish: Option<&'a Finish>,
    pub(super) usage: Option<&'a Usage>,
}

/// Clients' types require nearly all of it.
pub(super) fn response(state: &State<'_>, asked: &Asked) -> Map<String, Value> {
    let (status, reason) = status(state.finish);
    let tools = asked.tools.iter().cloned();
    let tools = tools.map(|tool| request_out::tool(tool, &mut Dropped::default()));
    let choice = asked.tool_choice.clone().unwrap_or(ToolChoice::Auto);
    let object = json!({
        "id": state.id,
        "object": "response",
        "created_at": state.created,
        "status": status,
        "error": null,
        "incomplete_details": reason.map(|reason| json!({"reason": reason})),
        "instructions": null,
        "max_output_tokens": asked.sampling.max_tokens,
        "metadata": {},
        "model": state.model,
        "output": state.output,
        "parallel_tool_calls": asked.parallel_tools.unwrap_or(true),
        "previous_response_id": null,
        "store": false,
        "temperature": asked.sampling.temperature,
        "tool_choice": request_out::choice(choice),
        "tools": tools.collect::<Value>(),
        "top_p": asked.sampling.top_p,
        "truncation": "disabled",
        "usage": state.usage.map(usage),
    });
    match object {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn status(finish: Option<&Finish>) -> (&'static str, Option<&'static str>) {
    match finish {
        None => ("in_progress", None),
        Some(Finish::Length) => ("incomplete", Some("max_output_tokens")),
        Some(Finish::Filtered) => ("incomplete", Some("content_filter")),
        Some(_) => ("completed", None),
    }
}

fn usage(usage: &Usage) -> Value {
    let (input, output) = (usage.input.unwrap_or(0), usage.output.unwrap_or(0));
    json!({
        "input_tokens": input,
        "input_tokens_details": {"cached_tokens": usage.cached.unwrap_or(0)},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning.unwrap_or(0)},
        "total_tokens": usage.total.unwrap_or(input.saturating_add(output)),
    })
}
