//! How much a model is to think: `thinking`, and `output_config.effort`.

use serde_json::{Map, Value, json};

use super::model;
use crate::chat::{
    AssistantPart, ChatRequest, Dropped, Effort, Marked, Reasoning, Thinking, ToolChoice, Turn,
    UserPart,
};
use crate::error::Error;
use crate::format::Format;
use crate::json::{Members, Path};

/// The least budget that the API takes.
const LEAST: u64 = 1024;

/// An effort that is named counts before the form of thinking that it is for.
pub(super) fn read(
    thinking: Option<Map<String, Value>>,
    output: &mut Members<'_>,
    dropped: &mut Dropped,
) -> Result<Option<Thinking>, Error> {
    let effort = output.text("effort")?.and_then(|word| Effort::of(&word));
    let Some(map) = thinking else {
        return Ok(effort.map(Thinking::Effort));
    };
    let path = Path::Root.key("thinking");
    let mut thinking = Members::new(map, path);
    let read = match thinking.required("type")?.as_str() {
        "disabled" => Thinking::Off,
        "enabled" => match thinking.count("budget_tokens")? {
            Some(budget) => Thinking::Budget(budget),
            None => return Err(path.key("budget_tokens").wrong("a number of tokens")),
        },
        "adaptive" => effort.map_or(Thinking::Adaptive, Thinking::Effort),
        _ => return Err(path.key("type").wrong("enabled, disabled or adaptive")),
    };
    thinking.skip(&["display"]);
    thinking.rest(dropped);
    Ok(Some(read))
}

/// The members that ask for `thinking`, within `max_tokens`, which counts thoughts too. Where the
/// API would refuse the request as a whole it does not think.
pub(in crate::format) fn write(
    request: &ChatRequest,
    max_tokens: u64,
    dropped: &mut Dropped,
) -> (Option<Value>, Option<Effort>) {
    let Some(thinking) = request.thinking else {
        return (None, None);
    };
    let (member, effort) = match (thinking, model::thinks_adaptively(&request.model)) {
        (Thinking::Off, _) => return (Some(json!({"type": "disabled"})), None),
        (Thinking::Effort(effort), true) => {
            (json!({"type": "adaptive"}), Some(effort.max(Effort::Low)))
        }
        (Thinking::Adaptive, _) => (json!({"type": "adaptive"}), None),
        (Thinking::Budget(budget), _) => match within(budget, max_tokens, dropped) {
            Some(budget) => (budget, None),
            None => return (None, None),
        },
        (Thinking::Effort(effort), false) => match within(budget(effort), max_tokens, dropped) {
            Some(budget) => (budget, None),
            None => return (None, None),
        },
    };
    if forces_a_tool(request) || !thought_before(&request.turns) {
        dropped.name("reasoning");
        return (None, effort);
    }
    (Some(member), effort)
}

fn within(budget: u64, max_tokens: u64, dropped: &mut Dropped) -> Option<Value> {
    let budget = budget.min(max_tokens.saturating_sub(1));
    if budget < LEAST {
        dropped.name("reasoning");
        return None;
    }
    Some(json!({"type": "enabled", "budget_tokens": budget}))
}

/// About what other providers' models spend at this effort.
fn budget(effort: Effort) -> u64 {
    match effort {
        Effort::Minimal => 1024,
        Effort::Low => 2048,
        Effort::Medium => 8192,
        Effort::High => 16_384,
        Effort::ExtraHigh | Effort::Max => 32_768,
    }
}

fn forces_a_tool(request: &ChatRequest) -> bool {
    matches!(
        request.tool_choice,
        Some(ToolChoice::Required | ToolChoice::Named(_))
    ) && !request.tools.is_empty()
}

/// A model that has called a tool must be shown what it thought before it did: whether that is at
/// hand. Clients of other formats may have lost it, or another model may have made the call.
fn thought_before(turns: &[Turn]) -> bool {
    let [.., Turn::Assistant(said), Turn::User(results)] = turns else {
        return true;
    };
    let is_result = |part: &Marked<UserPart>| matches!(part.part, UserPart::Result(_));
    if !results.iter().any(is_result) {
        return true;
    }
    let thoughts = said.iter().filter_map(|part| match &part.part {
        AssistantPart::Reasoning(thought) => Some(thought),
        _ => None,
    });
    thoughts.into_iter().any(is_ours)
}

/// Whether the API takes the thought back: it is signed, and by the API itself.
pub(super) fn is_ours(thought: &Reasoning) -> bool {
    match thought {
        Reasoning::Hidden(data) => data.origin == Format::AnthropicMessages,
        Reasoning::Shown { signature, .. } => signature
            .as_ref()
            .is_some_and(|signature| signature.origin == Format::AnthropicMessages),
    }
}
