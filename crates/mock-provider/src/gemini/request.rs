//! A generateContent request, checked and read.

use serde_json::{Map, Value};

use super::{
    conversation,
    error::violated,
    shapes::{COUNT, GENERATE},
};
use crate::{
    ask::{Ask, Thinking},
    calling::ToolChoice,
    error::ApiError,
    prompt::Prompt,
    shape::{self, Naming, Record},
    text::{Format, Tool, Turn},
    tokens::Encoding,
};

const MOST_STOPS: usize = 5;
/// Where a function's result is usually put in its response.
const RESULT_NAMES: [&str; 4] = ["output", "result", "content", "response"];

/// Reads the body of a request to answer.
pub(super) fn parse<'a>(body: &'a Map<String, Value>, model: &'a str) -> Result<Ask<'a>, ApiError> {
    check(body, &GENERATE)?;
    ask(body, model)
}

/// Reads the body of a request to count the tokens of: a request to answer, or its parts that have tokens.
pub(super) fn parse_counted<'a>(
    body: &'a Map<String, Value>,
    model: &'a str,
) -> Result<Ask<'a>, ApiError> {
    check(body, &COUNT)?;
    match object(body, "generateContentRequest") {
        Some(request) => ask(request, model),
        None => ask(body, model),
    }
}

pub(super) fn check(body: &Map<String, Value>, record: &Record) -> Result<(), ApiError> {
    shape::check(body, record, Naming::CamelOrSnake).map_err(|violation| violated(&violation))
}

pub(super) fn get<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    Naming::CamelOrSnake.get(object, name)
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

pub(super) fn objects<'a>(
    outer: &'a Map<String, Value>,
    name: &str,
) -> impl DoubleEndedIterator<Item = &'a Map<String, Value>> {
    get(outer, name)
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .filter_map(Value::as_object)
}

fn texts<'a>(outer: &'a Map<String, Value>, name: &str) -> Vec<&'a str> {
    get(outer, name)
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .filter_map(Value::as_str)
        .collect()
}

fn ask<'a>(body: &'a Map<String, Value>, model: &'a str) -> Result<Ask<'a>, ApiError> {
    if let Some(name) = text(body, "cachedContent") {
        return Err(ApiError::refused(format!(
            "CachedContent {name} not found (or permission denied)"
        )));
    }
    let contents: Vec<_> = objects(body, "contents").collect();
    conversation::check(&contents, model)?;
    let mut prompt = Prompt::new();
    if let Some(tools) = get(body, "tools") {
        prompt.extra(Encoding::of(model).count(&tools.to_string()));
    }
    if let Some(system) = object(body, "systemInstruction") {
        prompt.message();
        for part in objects(system, "parts") {
            let said = text(part, "text").ok_or_else(|| {
                ApiError::refused("* GenerateContentRequest.system_instruction: only text is supported in system instruction.")
            })?;
            prompt.text(said);
        }
    }
    let mut turn = Turn::Nothing;
    for content in &contents {
        prompt.message();
        let said = parts(&mut prompt, content);
        if text(content, "role") != Some("model") {
            turn = said;
        }
    }
    let none = Map::new();
    let config = object(body, "generationConfig");
    let format = format(config.unwrap_or(&none))?;
    let tools = tools(body)?;
    if format != Format::Text && !tools.is_empty() {
        return Err(ApiError::refused(
            "Function calling with a response mime type: 'application/json' is unsupported",
        ));
    }
    let choice = tool_choice(body, &tools)?;
    let stops: Vec<String> = config
        .map(|config| texts(config, "stopSequences"))
        .unwrap_or_default()
        .into_iter()
        .map(str::to_owned)
        .collect();
    if stops.len() > MOST_STOPS {
        return Err(ApiError::refused(format!(
            "* GenerateContentRequest.generation_config.stop_sequences: at most {MOST_STOPS} stop sequences are allowed."
        )));
    }
    let number = |name| {
        let number = get(config?, name)?.as_f64()?;
        Some(number as usize)
    };
    Ok(Ask {
        model,
        prompt,
        turn,
        tools,
        choice,
        format,
        stops,
        limit: number("maxOutputTokens"),
        thinking: config.map_or(Thinking::Off, thinking),
        choices: number("candidateCount").unwrap_or(1),
    })
}

/// Adds the parts of a content to a prompt; returns what they say.
fn parts<'a>(prompt: &mut Prompt<'a>, content: &'a Map<String, Value>) -> Turn {
    let mut said = Vec::new();
    let mut result = None;
    for part in objects(content, "parts") {
        if get(part, "thought") == Some(&Value::Bool(true)) {
            // A model does not read what it thought before.
        } else if let Some(text) = text(part, "text") {
            prompt.text(text);
            said.push(text);
        } else if let Some(call) = object(part, "functionCall") {
            prompt.text(text(call, "name").unwrap_or_default());
            prompt.text(get(call, "args").map_or("{}".to_owned(), Value::to_string));
        } else if let Some(response) = object(part, "functionResponse") {
            let text = response_text(response);
            prompt.text(text.clone());
            result = Some(text);
        } else {
            prompt.medium();
        }
    }
    match (result, said.is_empty()) {
        (Some(result), true) => Turn::Tool(result),
        _ => Turn::User(said.join("\n")),
    }
}

/// What a function returned: the text, if it returned nothing else.
fn response_text(response: &Map<String, Value>) -> String {
    let Some(fields) = object(response, "response") else {
        return String::new();
    };
    let mut entries = fields.iter();
    match (entries.next(), entries.next()) {
        (Some((name, Value::String(text))), None) if RESULT_NAMES.contains(&name.as_str()) => {
            text.clone()
        }
        _ => Value::Object(fields.clone()).to_string(),
    }
}

fn format(config: &Map<String, Value>) -> Result<Format, ApiError> {
    let schema = get(config, "responseSchema").or_else(|| get(config, "responseJsonSchema"));
    match (text(config, "responseMimeType"), schema) {
        (Some("application/json"), Some(schema)) => Ok(Format::JsonSchema(schema.clone())),
        (Some("application/json"), None) => Ok(Format::JsonObject),
        (None | Some("text/plain"), Some(_)) => Err(ApiError::refused(
            "* GenerateContentRequest.generation_config.response_schema: only allowed with response_mime_type 'application/json'.",
        )),
        (None | Some("text/plain"), None) => Ok(Format::Text),
        (Some(other), _) => Err(ApiError::refused(format!(
            "* GenerateContentRequest.generation_config.response_mime_type: '{other}' is not allowed; allowed mimetypes are `text/plain` and `application/json`."
        ))),
    }
}

fn thinking(config: &Map<String, Value>) -> Thinking {
    let Some(asked) = object(config, "thinkingConfig") else {
        return Thinking::Off;
    };
    match get(asked, "thinkingBudget").and_then(Value::as_i64) {
        Some(0) => Thinking::Off,
        Some(budget @ 1..) => Thinking::Tokens(usize::try_from(budget).unwrap_or(usize::MAX)),
        _ => Thinking::Tokens(usize::MAX),
    }
}

fn tools(body: &Map<String, Value>) -> Result<Vec<Tool>, ApiError> {
    let mut functions: Vec<Tool> = Vec::new();
    for (index, declared) in objects(body, "tools")
        .flat_map(|tool| objects(tool, "functionDeclarations"))
        .enumerate()
    {
        let name = text(declared, "name").unwrap_or_default();
        let path = format!("* GenerateContentRequest.tools[0].function_declarations[{index}]");
        if !is_function_name(name) {
            return Err(ApiError::refused(format!(
                "{path}.name: Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64."
            )));
        }
        if functions.iter().any(|function| function.name == name) {
            return Err(ApiError::refused(format!(
                "Duplicate function declaration found: {name}"
            )));
        }
        let parameters = (
            get(declared, "parameters"),
            get(declared, "parametersJsonSchema"),
        );
        let parameters = match parameters {
            (Some(_), Some(_)) => {
                return Err(ApiError::refused(format!(
                    "{path}: parameters and parameters_json_schema are mutually exclusive."
                )));
            }
            (Some(schema), None) | (None, Some(schema)) => schema.clone(),
            (None, None) => Value::Object(Map::new()),
        };
        functions.push(Tool {
            name: name.to_owned(),
            parameters,
        });
    }
    Ok(functions)
}

fn is_function_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte))
}

fn tool_choice<'a>(
    body: &'a Map<String, Value>,
    tools: &[Tool],
) -> Result<ToolChoice<'a>, ApiError> {
    let Some(config) =
        object(body, "toolConfig").and_then(|config| object(config, "functionCallingConfig"))
    else {
        return Ok(ToolChoice::Auto);
    };
    let allowed = texts(config, "allowedFunctionNames");
    let declared = |name: &str| tools.iter().any(|tool| tool.name == name);
    if let Some(name) = allowed.iter().find(|name| !declared(name)) {
        return Err(ApiError::refused(format!(
            "* GenerateContentRequest.tool_config.function_calling_config.allowed_function_names: function {name} is not declared."
        )));
    }
    match (text(config, "mode"), allowed.first()) {
        (Some("ANY"), _) if tools.is_empty() => Err(ApiError::refused(
            "Function calling mode is ANY but no function_declarations are provided.",
        )),
        (Some("ANY"), Some(name)) => Ok(ToolChoice::Named(name)),
        (Some("ANY"), None) => Ok(ToolChoice::Required),
        (Some("NONE"), None) => Ok(ToolChoice::None),
        (Some("VALIDATED"), _) | (_, None) => Ok(ToolChoice::Auto),
        (_, Some(_)) => Err(ApiError::refused(
            "Allowed function names should only be set when the function calling mode is ANY.",
        )),
    }
}
