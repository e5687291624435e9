//! Writing a request to a provider.

use serde_json::{Map, Value, json};

use super::{content, thoughts};
use crate::chat::{
    AssistantPart, ChatRequest, Dropped, Effort, Input, Marked, Outcome, ResponseFormat, Sampling,
    Schema, Streaming, Text, Thinking, Tool, ToolCall, ToolChoice, ToolResult, Turn, UserPart,
};
use crate::error::Error;
use crate::json::{compact, filled};

pub(super) fn write(
    request: ChatRequest,
    dropped: &mut Dropped,
) -> Result<Map<String, Value>, Error> {
    let ChatRequest {
        model,
        turns,
        tools,
        tool_choice,
        parallel_tools,
        sampling,
        format,
        thinking,
        user,
        stream,
    } = request;
    let mut messages = Vec::with_capacity(turns.len());
    for turn in turns {
        match turn {
            Turn::System(texts) => messages.push(system(texts, dropped)),
            Turn::User(parts) => self::user(parts, &mut messages, dropped)?,
            Turn::Assistant(parts) => messages.push(assistant(parts, dropped).into()),
        }
    }
    let has_tools = !tools.is_empty();
    let mut body = compact([
        ("model", model.into()),
        ("messages", messages.into()),
        ("tools", filled(tools.into_iter().map(|t| tool(t, dropped)))),
        // Providers refuse what is said of tools where there are none.
        (
            "tool_choice",
            tool_choice.filter(|_| has_tools).map(choice).into(),
        ),
        (
            "parallel_tool_calls",
            parallel_tools.filter(|_| has_tools).into(),
        ),
        ("response_format", response_format(format)),
        (
            "reasoning_effort",
            thinking
                .and_then(|thinking| effort(thinking, dropped))
                .into(),
        ),
        ("user", user.map(|user| user.0).into()),
    ]);
    put_sampling(sampling, &mut body, dropped);
    if let Streaming::Events(_) = stream {
        body.insert("stream".to_owned(), true.into());
        // Asked for whatever the client wants: the gateway counts.
        body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    Ok(body)
}

fn put_sampling(sampling: Sampling, body: &mut Map<String, Value>, dropped: &mut Dropped) {
    let Sampling {
        max_tokens,
        temperature,
        top_p,
        top_k,
        stop,
        seed,
        presence_penalty,
        frequency_penalty,
    } = sampling;
    if top_k.is_some() {
        dropped.name("top_k");
    }
    // Reasoning models refuse `max_tokens`, and servers that are not OpenAI know nothing else.
    let model = body
        .get("model")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let limit = match thinks(model) {
        true => "max_completion_tokens",
        false => "max_tokens",
    };
    let members = compact([
        (limit, max_tokens.into()),
        ("temperature", temperature.into()),
        ("top_p", top_p.into()),
        ("stop", filled(stop.into_iter().map(Value::from))),
        ("seed", seed.into()),
        ("presence_penalty", presence_penalty.into()),
        ("frequency_penalty", frequency_penalty.into()),
    ]);
    body.extend(members);
}

/// Whether it is a model of OpenAI's own that thinks, and refuses `max_tokens`: the `o` series, and
/// all since GPT-5.
pub(in crate::format) fn thinks(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let number = |prefix: &str| {
        let digits = name.strip_prefix(prefix)?;
        let end = digits
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(digits.len());
        digits[..end].parse::<u32>().ok()
    };
    number("o").is_some() || number("gpt-").is_some_and(|version| version >= 5)
}

/// Budgets are told apart by about what each effort takes.
pub(in crate::format) fn effort(thinking: Thinking, dropped: &mut Dropped) -> Option<&'static str> {
    match thinking {
        Thinking::Off => Some("none"),
        Thinking::Effort(effort) => Some(effort.word()),
        Thinking::Budget(tokens) => Some(
            match tokens {
                0..2048 => Effort::Low,
                2048..8192 => Effort::Medium,
                _ => Effort::High,
            }
            .word(),
        ),
        Thinking::Adaptive => {
            dropped.name("thinking");
            None
        }
    }
}

fn response_format(format: ResponseFormat) -> Value {
    match format {
        ResponseFormat::Text => Value::Null,
        ResponseFormat::Json => json!({"type": "json_object"}),
        ResponseFormat::Schema(schema) => {
            json!({"type": "json_schema", "json_schema": schema_members(schema)})
        }
    }
}

pub(in crate::format) fn schema_members(schema: Schema) -> Map<String, Value> {
    let Schema {
        name,
        description,
        schema,
        strict,
    } = schema;
    compact([
        // It must have one.
        ("name", name.unwrap_or_else(|| "answer".to_owned()).into()),
        ("description", description.map(|text| text.0).into()),
        ("schema", schema.0),
        ("strict", strict.into()),
    ])
}

fn tool(tool: Tool, dropped: &mut Dropped) -> Value {
    json!({"type": "function", "function": function(tool, dropped)})
}

pub(in crate::format) fn function(tool: Tool, dropped: &mut Dropped) -> Map<String, Value> {
    if tool.cache.is_some() {
        dropped.name("tools[].cache_control");
    }
    compact([
        ("name", tool.name.into()),
        ("description", tool.description.map(|text| text.0).into()),
        ("parameters", tool.parameters.map(|json| json.0).into()),
        ("strict", tool.strict.into()),
    ])
}

fn choice(choice: ToolChoice) -> Value {
    match choice {
        ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
        mode => mode_word(&mode).into(),
    }
}

pub(in crate::format) fn mode_word(choice: &ToolChoice) -> &'static str {
    match choice {
        ToolChoice::None => "none",
        ToolChoice::Required | ToolChoice::Named(_) => "required",
        ToolChoice::Auto => "auto",
    }
}

fn system(texts: Vec<Marked<Text>>, dropped: &mut Dropped) -> Value {
    if texts.iter().any(|text| text.cache.is_some()) {
        dropped.name("system[].cache_control");
    }
    let mut texts = texts.into_iter().map(|text| text.part);
    let content: Value = match (texts.next(), texts.len()) {
        (Some(text), 0) => text.into(),
        (first, _) => first
            .into_iter()
            .chain(texts)
            .map(|text| json!({"type": "text", "text": text}))
            .collect(),
    };
    json!({"role": "system", "content": content})
}

/// Results are messages of their own, and come before what the user says to them.
fn user(
    parts: Vec<Marked<UserPart>>,
    messages: &mut Vec<Value>,
    dropped: &mut Dropped,
) -> Result<(), Error> {
    let mut said = Vec::new();
    for Marked { part, cache } in parts {
        match part {
            UserPart::Input(part) => said.push(Marked { part, cache }),
            UserPart::Result(result) => {
                if cache.is_some() {
                    dropped.name("messages[].content[].cache_control");
                }
                tool_result(result, messages, &mut said, dropped);
            }
        }
    }
    if said.is_empty() {
        return Ok(());
    }
    let content = match (said.len(), said.pop()) {
        (
            1,
            Some(Marked {
                part: Input::Text(text),
                cache: None,
            }),
        ) => text.into(),
        (_, last) => {
            said.extend(last);
            let parts = said.into_iter().map(|part| content::write(part, dropped));
            parts.collect::<Result<Value, _>>()?
        }
    };
    messages.push(json!({"role": "user", "content": content}));
    Ok(())
}

/// A tool's message has texts only: what else it brought is shown by the user.
fn tool_result(
    result: ToolResult,
    messages: &mut Vec<Value>,
    said: &mut Vec<Marked<Input>>,
    dropped: &mut Dropped,
) {
    if result.outcome == Outcome::Failed {
        dropped.name("messages[].content[].is_error");
    }
    let mut texts = Vec::new();
    for Marked { part, cache } in result.parts {
        match part {
            Input::Text(text) => texts.push(text),
            part => said.push(Marked { part, cache }),
        }
    }
    let content: Value = match (texts.len(), texts.pop()) {
        (1, Some(text)) => text.into(),
        (_, None) => "".into(),
        (_, Some(last)) => texts
            .into_iter()
            .chain([last])
            .map(|text| json!({"type": "text", "text": text}))
            .collect(),
    };
    messages.push(json!({"role": "tool", "tool_call_id": result.call, "content": content}));
}

fn assistant(parts: Vec<Marked<AssistantPart>>, dropped: &mut Dropped) -> Map<String, Value> {
    if parts.iter().any(|part| part.cache.is_some()) {
        dropped.name("messages[].content[].cache_control");
    }
    if let Some(AssistantPart::Reasoning(_)) = parts.first().map(|part| &part.part) {
        // Servers refuse or misread what their own models have not thought.
        dropped.name("messages[].reasoning");
    }
    let parts = parts.into_iter().map(|part| part.part);
    message(parts.filter(|part| !matches!(part, AssistantPart::Reasoning(_))))
}

/// The message in which an assistant says `parts`; its `content` is a text, or null.
pub(super) fn message(parts: impl Iterator<Item = AssistantPart>) -> Map<String, Value> {
    let mut texts = Vec::new();
    let mut refusal: Option<String> = None;
    let mut calls = Vec::new();
    let mut thoughts = Vec::new();
    for part in parts {
        match part {
            AssistantPart::Text(text) => texts.push(text.0),
            AssistantPart::Refusal(text) => refusal.get_or_insert_default().push_str(&text),
            AssistantPart::Reasoning(thought) => thoughts.push(thought),
            AssistantPart::Call(call) => calls.push(tool_call(call)),
        }
    }
    let mut message = Map::new();
    message.insert("role".to_owned(), "assistant".into());
    let content = (!texts.is_empty()).then(|| texts.concat());
    message.insert("content".to_owned(), content.into());
    if let Some(refusal) = refusal {
        message.insert("refusal".to_owned(), refusal.into());
    }
    thoughts::put(thoughts, &mut message);
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), calls.into());
    }
    message
}

fn tool_call(call: ToolCall) -> Value {
    let ToolCall {
        id,
        name,
        arguments,
        signature,
    } = call;
    let arguments = match arguments.is_empty() {
        true => "{}".into(),
        false => arguments,
    };
    let function = json!({"name": name, "arguments": arguments});
    let mut members = compact([
        ("id", id.into()),
        ("type", "function".into()),
        ("function", function),
    ]);
    super::response::put_signature(signature, &mut members);
    members.into()
}
