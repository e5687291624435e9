//! A Converse request, checked and read.

use serde_json::{Map, Value};

use super::{
    conversation,
    error::violated,
    shapes::{CONVERSE, COUNT_TOKENS},
};
use crate::{
    ask::{Ask, Thinking},
    calling::ToolChoice,
    dialect::Context,
    error::ApiError,
    prompt::Prompt,
    shape::{self, Naming, Record},
    text::{Format, Tool, Turn},
};

/// Where Claude's thinking is asked for: now, and before it was released.
const THINKING: [&str; 2] = ["thinking", "reasoning_config"];

/// Reads the body of a request to answer.
pub(super) fn parse<'a>(
    body: &'a Map<String, Value>,
    model: &'a str,
    context: &Context<'_>,
) -> Result<Ask<'a>, ApiError> {
    check(body, &CONVERSE)?;
    context.listed(model)?;
    ask(body, model)
}

/// Reads the body of a request to count the tokens of.
pub(super) fn parse_counted<'a>(
    body: &'a Map<String, Value>,
    model: &'a str,
    context: &Context<'_>,
) -> Result<Ask<'a>, ApiError> {
    check(body, &COUNT_TOKENS)?;
    context.listed(model)?;
    let converse = object(body, "input").and_then(|input| object(input, "converse"));
    ask(converse.unwrap_or(body), model)
}

pub(super) fn check(body: &Map<String, Value>, record: &Record) -> Result<(), ApiError> {
    shape::check(body, record, Naming::Exact).map_err(|violation| violated(&violation))
}

fn get<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    Naming::Exact.get(object, name)
}

pub(super) fn object<'a>(
    outer: &'a Map<String, Value>,
    name: &str,
) -> Option<&'a Map<String, Value>> {
    get(outer, name)?.as_object()
}

pub(super) fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    get(object, name)?.as_str()
}

pub(super) fn list<'a>(object: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    get(object, name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn ask<'a>(body: &'a Map<String, Value>, model: &'a str) -> Result<Ask<'a>, ApiError> {
    conversation::check(body)?;
    let mut prompt = Prompt::new();
    let tool_config = object(body, "toolConfig");
    if let Some(config) = tool_config {
        let tools = list(config, "tools");
        prompt.text(Value::from(tools.to_vec()).to_string());
        if tools.iter().any(|tool| tool.get("cachePoint").is_some()) {
            prompt.mark();
        }
    }
    if !list(body, "system").is_empty() {
        prompt.message();
        blocks(&mut prompt, list(body, "system"));
    }
    let mut turn = Turn::Nothing;
    for message in list(body, "messages").iter().filter_map(Value::as_object) {
        prompt.message();
        let said = blocks(&mut prompt, list(message, "content"));
        if text(message, "role") == Some("user") {
            turn = said;
        }
    }
    let none = Map::new();
    let inference = object(body, "inferenceConfig").unwrap_or(&none);
    let limit = get(inference, "maxTokens").and_then(Value::as_f64);
    let stops = list(inference, "stopSequences").iter();
    let tools = tool_config.map(tools).unwrap_or_default();
    let choice = match tool_config.and_then(|config| object(config, "toolChoice")) {
        Some(choice) => tool_choice(choice, &tools)?,
        None => ToolChoice::Auto,
    };
    Ok(Ask {
        model,
        prompt,
        turn,
        tools,
        choice,
        format: format(body)?,
        stops: stops.filter_map(Value::as_str).map(str::to_owned).collect(),
        limit: limit.map(|limit| limit as usize),
        thinking: thinking(body),
        choices: 1,
    })
}

/// Adds content blocks to a prompt; returns what they say, which is the last tool result if that comes last.
fn blocks<'a>(prompt: &mut Prompt<'a>, list: &'a [Value]) -> Turn {
    let mut said = Vec::new();
    let mut result = None;
    for block in list.iter().filter_map(Value::as_object) {
        if let Some(text) = text(block, "text") {
            prompt.text(text);
            said.push(text);
        } else if let Some(call) = object(block, "toolUse") {
            prompt.text(text(call, "name").unwrap_or_default());
            prompt.text(get(call, "input").unwrap_or(&Value::Null).to_string());
        } else if let Some(answer) = object(block, "toolResult") {
            let text = result_text(answer);
            prompt.text(text.clone());
            result = Some(text);
        } else if get(block, "cachePoint").is_some() {
            prompt.mark();
        } else if get(block, "reasoningContent").is_none() {
            prompt.medium();
        }
    }
    match (result, said.is_empty()) {
        (Some(result), true) => Turn::Tool(result),
        _ => Turn::User(said.join("\n")),
    }
}

fn result_text(result: &Map<String, Value>) -> String {
    let parts = list(result, "content").iter().filter_map(Value::as_object);
    let texts: Vec<String> = parts
        .filter_map(|part| match text(part, "text") {
            Some(text) => Some(text.to_owned()),
            None => get(part, "json").map(Value::to_string),
        })
        .collect();
    texts.join("\n")
}

fn tools(config: &Map<String, Value>) -> Vec<Tool> {
    let specs = list(config, "tools")
        .iter()
        .filter_map(|tool| tool.get("toolSpec"));
    specs
        .filter_map(|spec| {
            Some(Tool {
                name: spec.get("name")?.as_str()?.to_owned(),
                parameters: spec.pointer("/inputSchema/json")?.clone(),
            })
        })
        .collect()
}

fn tool_choice<'a>(
    choice: &'a Map<String, Value>,
    tools: &[Tool],
) -> Result<ToolChoice<'a>, ApiError> {
    if get(choice, "any").is_some() {
        return Ok(ToolChoice::Required);
    }
    match object(choice, "tool").and_then(|tool| text(tool, "name")) {
        None => Ok(ToolChoice::Auto),
        Some(name) if tools.iter().any(|tool| tool.name == name) => Ok(ToolChoice::Named(name)),
        Some(name) => Err(ApiError::refused(format!(
            "The tool {name} in toolConfig.toolChoice is not among toolConfig.tools."
        ))),
    }
}

fn format(body: &Map<String, Value>) -> Result<Format, ApiError> {
    let schema = get(body, "outputConfig")
        .and_then(|config| config.pointer("/textFormat/structure/jsonSchema/schema"))
        .and_then(Value::as_str);
    match schema.map(serde_json::from_str) {
        None => Ok(Format::Text),
        Some(Ok(schema)) => Ok(Format::JsonSchema(schema)),
        Some(Err(_)) => Err(ApiError::refused(
            "The schema at outputConfig.textFormat.structure.jsonSchema is not valid JSON.",
        )),
    }
}

fn thinking(body: &Map<String, Value>) -> Thinking {
    let fields = object(body, "additionalModelRequestFields");
    let asked = fields.and_then(|fields| THINKING.iter().find_map(|name| object(fields, name)));
    let Some(asked) = asked else {
        return Thinking::Off;
    };
    match text(asked, "type") {
        Some("enabled") => {
            let budget = get(asked, "budget_tokens").and_then(Value::as_u64);
            Thinking::Tokens(budget.map_or(usize::MAX, |budget| {
                usize::try_from(budget).unwrap_or(usize::MAX)
            }))
        }
        Some("adaptive") => Thinking::Tokens(usize::MAX),
        _ => Thinking::Off,
    }
}
