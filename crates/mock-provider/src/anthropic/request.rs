//! A Messages request, checked and read.

use serde_json::{Map, Value};

use super::{
    Place,
    conversation::Conversation,
    error::violated,
    shapes::{COUNT_TOKENS, CUSTOM_TOOL, MESSAGES, VERTEX_MESSAGES},
};
use crate::{
    ask::{Ask, Thinking},
    calling::ToolChoice,
    dialect::Context,
    error::ApiError,
    prompt::Prompt,
    shape::{self, Naming},
    text::{Format, Tool, Turn},
};

/// Marks for caching in one request.
const MOST_MARKS: usize = 4;
/// Tools that Anthropic runs or describes itself; their `type` ends in a date.
const BUILT_IN: [&str; 8] = [
    "bash_",
    "text_editor_",
    "web_search_",
    "web_fetch_",
    "code_execution_",
    "computer_",
    "memory_",
    "tool_search_tool_",
];

/// Which of the two endpoints is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Answer,
    Count,
}

/// Reads the body of a request to answer, or to count the tokens of.
pub(super) fn parse<'a>(
    body: &'a Map<String, Value>,
    place: &'a Place,
    purpose: Purpose,
    context: &Context<'_>,
) -> Result<Ask<'a>, ApiError> {
    let record = match (purpose, place) {
        (Purpose::Count, _) => &COUNT_TOKENS,
        (Purpose::Answer, Place::Own) => &MESSAGES,
        (Purpose::Answer, Place::Vertex { .. }) => &VERTEX_MESSAGES,
    };
    shape::check(body, record, Naming::Exact).map_err(|violation| violated(&violation, &[]))?;
    let model = match place {
        Place::Own => text(body, "model").unwrap_or_default(),
        Place::Vertex { model } => model,
    };
    if model.trim().is_empty() {
        return Err(ApiError::refused(
            "model: String should have at least 1 character",
        ));
    }
    context.listed(model)?;
    let thinking = thinking(body)?;
    let tools = tools(body)?;
    let choice = tool_choice(body, &tools, thinking)?;
    let mut prompt = Prompt::new();
    if let Some(described) = get(body, "tools") {
        prompt.text(described.to_string());
        if list(body, "tools").iter().any(is_marked) {
            prompt.mark();
        }
    }
    if let Some(system) = get(body, "system") {
        prompt.message();
        blocks(&mut prompt, system);
    }
    let conversation = Conversation::of(list(body, "messages"))?;
    conversation.check(thinking)?;
    let turn = turns(&mut prompt, list(body, "messages"));
    if is_marked_object(body) {
        prompt.mark();
    }
    let marks = marks(&Value::Object(body.clone()));
    if marks > MOST_MARKS {
        return Err(ApiError::refused(format!(
            "A maximum of {MOST_MARKS} blocks with cache_control may be provided. Found {marks}."
        )));
    }
    let limit = get(body, "max_tokens").and_then(Value::as_u64);
    Ok(Ask {
        model,
        prompt,
        turn,
        tools: tools.callable,
        choice,
        format: format(body),
        stops: stops(body)?,
        limit: limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        thinking,
        choices: 1,
    })
}

pub(super) fn get<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

pub(super) fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    get(object, name)?.as_str()
}

pub(super) fn list<'a>(object: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    get(object, name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// `thinking`, and what may not go with it.
fn thinking(body: &Map<String, Value>) -> Result<Thinking, ApiError> {
    let Some(Value::Object(asked)) = get(body, "thinking") else {
        return Ok(Thinking::Off);
    };
    let number = |object: &Map<String, Value>, name| get(object, name).and_then(Value::as_u64);
    let thinking = match text(asked, "type") {
        Some("enabled") => {
            let budget = number(asked, "budget_tokens").unwrap_or_default();
            if number(body, "max_tokens").is_some_and(|limit| limit <= budget) {
                return Err(ApiError::refused(
                    "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size",
                ));
            }
            Thinking::Tokens(usize::try_from(budget).unwrap_or(usize::MAX))
        }
        Some("adaptive") => Thinking::Tokens(usize::MAX),
        _ => return Ok(Thinking::Off),
    };
    let number = |name| get(body, name).and_then(Value::as_f64);
    if number("temperature").is_some_and(|temperature| temperature != 1.0) {
        return Err(ApiError::refused(
            "`temperature` may only be set to 1 when thinking is enabled.",
        ));
    }
    if number("top_p").is_some_and(|top_p| top_p < 0.95) {
        return Err(ApiError::refused(
            "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.",
        ));
    }
    if number("top_k").is_some() {
        return Err(ApiError::refused(
            "`top_k` must be unset when thinking is enabled.",
        ));
    }
    Ok(thinking)
}

/// The tools of a request.
struct Tools<'a> {
    /// Those that the mock model may call.
    callable: Vec<Tool>,
    names: Vec<&'a str>,
}

fn tools(body: &Map<String, Value>) -> Result<Tools<'_>, ApiError> {
    let mut tools = Tools {
        callable: Vec::new(),
        names: Vec::new(),
    };
    for (index, tool) in list(body, "tools").iter().enumerate() {
        let Value::Object(tool) = tool else { continue };
        let kind = text(tool, "type").unwrap_or("custom");
        let built_in = BUILT_IN.iter().any(|prefix| kind.starts_with(prefix));
        if !built_in && kind != "custom" {
            return Err(ApiError::refused(format!(
                "tools.{index}: Input tag '{kind}' found using 'type' does not match any of the expected tags: 'custom', 'bash_20250124', 'text_editor_20250728', 'web_search_20250305'"
            )));
        }
        if !built_in {
            shape::check(tool, &CUSTOM_TOOL, Naming::Exact).map_err(|violation| {
                violated(&violation, &["tools", &index.to_string(), "custom"])
            })?;
        }
        let name = text(tool, "name").unwrap_or_default();
        if tools.names.contains(&name) {
            return Err(ApiError::refused("tools: Tool names must be unique."));
        }
        tools.names.push(name);
        if let Some(schema) = get(tool, "input_schema").filter(|_| !built_in) {
            if schema.get("type").and_then(Value::as_str) != Some("object") {
                return Err(ApiError::refused(format!(
                    "tools.{index}.custom.input_schema.type: Input should be 'object'"
                )));
            }
            tools.callable.push(Tool {
                name: name.to_owned(),
                parameters: schema.clone(),
            });
        }
    }
    Ok(tools)
}

fn tool_choice<'a>(
    body: &'a Map<String, Value>,
    tools: &Tools<'_>,
    thinking: Thinking,
) -> Result<ToolChoice<'a>, ApiError> {
    let Some(Value::Object(asked)) = get(body, "tool_choice") else {
        return Ok(ToolChoice::Auto);
    };
    if tools.names.is_empty() {
        return Err(ApiError::refused(
            "tool_choice may only be specified while providing tools",
        ));
    }
    let choice = match (text(asked, "type"), text(asked, "name")) {
        (Some("any"), _) => ToolChoice::Required,
        (Some("none"), _) => ToolChoice::None,
        (Some("tool"), Some(name)) if !tools.names.contains(&name) => {
            return Err(ApiError::refused(format!(
                "Tool '{name}' not found in provided tools"
            )));
        }
        (Some("tool"), Some(name)) => ToolChoice::Named(name),
        _ => ToolChoice::Auto,
    };
    match choice {
        ToolChoice::Required | ToolChoice::Named(_) if thinking != Thinking::Off => Err(
            ApiError::refused("Thinking may not be enabled when tool_choice forces tool use."),
        ),
        choice => Ok(choice),
    }
}

fn format(body: &Map<String, Value>) -> Format {
    get(body, "output_config")
        .and_then(|config| config.pointer("/format/schema"))
        .map_or(Format::Text, |schema| Format::JsonSchema(schema.clone()))
}

fn stops(body: &Map<String, Value>) -> Result<Vec<String>, ApiError> {
    let stops = list(body, "stop_sequences").iter();
    let stops: Vec<String> = stops.filter_map(Value::as_str).map(str::to_owned).collect();
    match stops.iter().any(|stop| stop.trim().is_empty()) {
        true => Err(ApiError::refused(
            "stop_sequences: each stop sequence must contain non-whitespace",
        )),
        false => Ok(stops),
    }
}

/// Adds messages to a prompt; returns what the last user turn says.
fn turns<'a>(prompt: &mut Prompt<'a>, messages: &'a [Value]) -> Turn {
    let mut turn = Turn::Nothing;
    for message in messages.iter().filter_map(Value::as_object) {
        prompt.message();
        let content = message.get("content").unwrap_or(&Value::Null);
        let said = blocks(prompt, content);
        if text(message, "role") == Some("user") {
            turn = said;
        }
    }
    turn
}

/// Adds a string or blocks to a prompt; returns what they say, which is the last tool result if that comes last.
fn blocks<'a>(prompt: &mut Prompt<'a>, content: &'a Value) -> Turn {
    let list = match content {
        Value::String(text) => {
            prompt.text(text);
            return Turn::User(text.clone());
        }
        Value::Array(list) => list,
        _ => return Turn::Nothing,
    };
    let mut said = Vec::new();
    let mut result = None;
    for block in list.iter().filter_map(Value::as_object) {
        match text(block, "type") {
            Some("text") => {
                let text = text(block, "text").unwrap_or_default();
                prompt.text(text);
                said.push(text);
            }
            Some("tool_result") => {
                let content = block.get("content").unwrap_or(&Value::Null);
                result = match blocks(prompt, content) {
                    Turn::User(text) => Some(text),
                    _ => Some(String::new()),
                };
            }
            Some("tool_use") => {
                prompt.text(text(block, "name").unwrap_or_default());
                prompt.text(block.get("input").unwrap_or(&Value::Null).to_string());
            }
            // A model does not read what it thought before.
            Some("thinking" | "redacted_thinking") => {}
            Some("search_result") => {
                blocks(prompt, block.get("content").unwrap_or(&Value::Null));
            }
            _ => prompt.medium(),
        }
        if is_marked_object(block) {
            prompt.mark();
        }
    }
    match (result, said.is_empty()) {
        (Some(result), true) => Turn::Tool(result),
        _ => Turn::User(said.join("\n")),
    }
}

fn is_marked(value: &Value) -> bool {
    value.as_object().is_some_and(is_marked_object)
}

fn is_marked_object(object: &Map<String, Value>) -> bool {
    get(object, "cache_control").is_some()
}

/// How many blocks ask for caching.
fn marks(value: &Value) -> usize {
    match value {
        Value::Object(object) => {
            let inside: usize = ["tools", "system", "messages", "content"]
                .iter()
                .filter_map(|name| object.get(*name))
                .map(marks)
                .sum();
            inside + usize::from(is_marked_object(object))
        }
        Value::Array(list) => list.iter().map(marks).sum(),
        _ => 0,
    }
}
