//! Reading a client's request.

use serde_json::{Map, Value};

use super::{content, thoughts};
use crate::chat::{
    AssistantPart, ChatRequest, Dropped, Effort, Json, Marked, Outcome, ResponseFormat, Sampling,
    Schema, Streaming, Text, Thinking, Tool, ToolCall, ToolChoice, ToolResult, Turn, UsageWish,
    UserPart,
};
use crate::error::Error;
use crate::format::anthropic::cache;
use crate::json::{Members, Path};

pub(super) fn read(body: Map<String, Value>, dropped: &mut Dropped) -> Result<ChatRequest, Error> {
    let root = Path::Root;
    let mut body = Members::new(body, root);
    refuse(&mut body)?;
    let mut request = ChatRequest {
        model: body.text("model")?.unwrap_or_default(),
        turns: turns(body.list("messages")?, root.key("messages"), dropped)?,
        tools: tools(body.list("tools")?, root.key("tools"), dropped)?,
        parallel_tools: body.flag("parallel_tool_calls")?,
        sampling: sampling(&mut body)?,
        thinking: effort(body.text("reasoning_effort")?, root.key("reasoning_effort"))?,
        user: body.prose("safety_identifier")?,
        ..ChatRequest::default()
    };
    if let Some(user) = body.prose("user")? {
        request.user.get_or_insert(user);
    }
    choice(
        &mut request,
        body.take("tool_choice"),
        root.key("tool_choice"),
    )?;
    if let Some(format) = body.map("response_format")? {
        let at = root.key("response_format");
        request.format = response_format(Members::new(format, at), dropped)?;
    }
    request.stream = streaming(&mut body, dropped)?;
    body.skip_false(&["logprobs", "store"]);
    body.rest(dropped);
    Ok(request)
}

/// What would make the answer one to another question.
fn refuse(body: &mut Members<'_>) -> Result<(), Error> {
    let root = Path::Root;
    if body.count("n")?.is_some_and(|n| n > 1) {
        let why = "is more than 1, and this provider gives one answer at a time; send several \
                   requests instead";
        return Err(root.key("n").untranslatable(why));
    }
    let audio = |value: &Value| value.as_str() == Some("audio");
    if body.list("modalities")?.iter().any(audio) {
        let why = "asks for speech, which this provider does not give; ask for text";
        return Err(root.key("modalities").untranslatable(why));
    }
    if !body.list("functions")?.is_empty() {
        let why = "is the old form of `tools`, which is not translated; use `tools`";
        return Err(root.key("functions").untranslatable(why));
    }
    Ok(())
}

fn sampling(body: &mut Members<'_>) -> Result<Sampling, Error> {
    let old = body.count("max_tokens")?;
    let stop = match body.take("stop") {
        None => Vec::new(),
        Some(Value::String(stop)) => vec![Text(stop)],
        Some(Value::Array(stops)) => stops
            .into_iter()
            .map(|stop| match stop {
                Value::String(stop) => Ok(Text(stop)),
                _ => Err(Path::Root
                    .key("stop")
                    .wrong("a string or a list of strings")),
            })
            .collect::<Result<_, _>>()?,
        Some(_) => {
            return Err(Path::Root
                .key("stop")
                .wrong("a string or a list of strings"));
        }
    };
    Ok(Sampling {
        max_tokens: body.count("max_completion_tokens")?.or(old),
        temperature: body.number("temperature")?,
        top_p: body.number("top_p")?,
        top_k: body.count("top_k")?,
        stop,
        seed: body.integer("seed")?,
        presence_penalty: body.number("presence_penalty")?,
        frequency_penalty: body.number("frequency_penalty")?,
    })
}

pub(in crate::format) fn effort(
    word: Option<String>,
    path: Path<'_>,
) -> Result<Option<Thinking>, Error> {
    match word.as_deref() {
        None => Ok(None),
        Some("none") => Ok(Some(Thinking::Off)),
        Some(word) => match Effort::of(word) {
            Some(effort) => Ok(Some(Thinking::Effort(effort))),
            None => Err(path.wrong("none, minimal, low, medium, high, xhigh or max")),
        },
    }
}

fn streaming(body: &mut Members<'_>, dropped: &mut Dropped) -> Result<Streaming, Error> {
    let options = body.map("stream_options")?;
    let wish = match options {
        None => UsageWish::NotAsked,
        Some(options) => {
            let mut options = Members::new(options, Path::Root.key("stream_options"));
            let asked = options.flag("include_usage")?;
            options.skip(&["include_obfuscation"]);
            options.rest(dropped);
            match asked {
                Some(true) => UsageWish::Asked,
                _ => UsageWish::NotAsked,
            }
        }
    };
    Ok(match body.flag("stream")? {
        Some(true) => Streaming::Events(wish),
        _ => Streaming::Whole,
    })
}

fn response_format(
    mut format: Members<'_>,
    dropped: &mut Dropped,
) -> Result<ResponseFormat, Error> {
    let path = format.path();
    let read = match format.required("type")?.as_str() {
        "text" => ResponseFormat::Text,
        "json_object" => ResponseFormat::Json,
        "json_schema" => {
            let at = path.key("json_schema");
            let schema = format.take("json_schema").unwrap_or_default();
            ResponseFormat::Schema(schema_of(Members::of(schema, at)?, dropped)?)
        }
        _ => return Err(path.key("type").wrong("text, json_object or json_schema")),
    };
    format.rest(dropped);
    Ok(read)
}

/// The members that describe a schema, which both of OpenAI's APIs have.
pub(in crate::format) fn schema_of(
    mut members: Members<'_>,
    dropped: &mut Dropped,
) -> Result<Schema, Error> {
    let schema = Schema {
        name: members.text("name")?,
        description: members.prose("description")?,
        schema: Json(members.map("schema")?.unwrap_or_default().into()),
        strict: members.flag("strict")?,
    };
    members.rest(dropped);
    Ok(schema)
}

fn tools(items: Vec<Value>, path: Path<'_>, dropped: &mut Dropped) -> Result<Vec<Tool>, Error> {
    let mut tools = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        let at = path.item(at);
        let mut item = Members::of(item, at)?;
        if item.required("type")? != "function" {
            // What a provider runs itself.
            dropped.add(&at);
            continue;
        }
        let cache = cache::read(&mut item, dropped)?;
        let function = at.key("function");
        let mut function = Members::of(item.take("function").unwrap_or_default(), function)?;
        let mut tool = tool(&mut function)?;
        tool.cache = match cache {
            Some(cache) => Some(cache),
            None => cache::read(&mut function, dropped)?,
        };
        function.rest(dropped);
        item.rest(dropped);
        tools.push(tool);
    }
    Ok(tools)
}

/// The members that describe a function, which both of OpenAI's APIs have.
pub(in crate::format) fn tool(function: &mut Members<'_>) -> Result<Tool, Error> {
    Ok(Tool {
        name: function.required("name")?,
        description: function.prose("description")?,
        parameters: function.map("parameters")?.map(|map| Json(map.into())),
        strict: function.flag("strict")?,
        cache: None,
    })
}

fn choice(request: &mut ChatRequest, choice: Option<Value>, path: Path<'_>) -> Result<(), Error> {
    let wrong = || path.wrong("none, auto, required or an object that names a tool");
    request.tool_choice = match choice {
        None => None,
        Some(Value::String(word)) => Some(mode(&word).ok_or_else(wrong)?),
        Some(value) => {
            let mut choice = Members::of(value, path).map_err(|_| wrong())?;
            match choice.required("type")?.as_str() {
                "function" => {
                    let at = path.key("function");
                    let function = choice.take("function").unwrap_or_default();
                    let name = Members::of(function, at)?.required("name")?;
                    Some(ToolChoice::Named(name))
                }
                "allowed_tools" => {
                    let at = path.key("allowed_tools");
                    let allowed = choice.take("allowed_tools").unwrap_or_default();
                    let mut allowed = Members::of(allowed, at)?;
                    let names: Vec<_> = allowed
                        .list("tools")?
                        .iter()
                        .filter_map(|tool| tool["function"]["name"].as_str().map(str::to_owned))
                        .collect();
                    request.tools.retain(|tool| names.contains(&tool.name));
                    mode(&allowed.required("mode")?)
                }
                _ => return Err(wrong()),
            }
        }
    };
    Ok(())
}

pub(in crate::format) fn mode(word: &str) -> Option<ToolChoice> {
    match word {
        "auto" => Some(ToolChoice::Auto),
        "none" => Some(ToolChoice::None),
        "required" => Some(ToolChoice::Required),
        _ => None,
    }
}

fn turns(items: Vec<Value>, path: Path<'_>, dropped: &mut Dropped) -> Result<Vec<Turn>, Error> {
    let mut turns: Vec<Turn> = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        let at = path.item(at);
        let mut message = Members::of(item, at)?;
        let place = at.key("content");
        let role = message.required("role")?;
        match role.as_str() {
            "system" | "developer" => {
                let texts = content::texts(message.take("content"), place, dropped)?;
                match turns.last_mut() {
                    Some(Turn::System(before)) => before.extend(texts),
                    _ => turns.push(Turn::System(texts)),
                }
            }
            "user" => {
                let parts = content::inputs(message.take("content"), place, dropped)?;
                push_user(
                    &mut turns,
                    parts.into_iter().map(|Marked { part, cache }| Marked {
                        part: UserPart::Input(part),
                        cache,
                    }),
                );
            }
            "assistant" => turns.push(Turn::Assistant(assistant(&mut message, dropped)?)),
            "tool" => {
                let result = ToolResult {
                    call: message.required("tool_call_id")?,
                    parts: content::inputs(message.take("content"), place, dropped)?,
                    outcome: Outcome::Good,
                };
                push_user(
                    &mut turns,
                    [Marked::plain(UserPart::Result(result))].into_iter(),
                );
            }
            _ => {
                let at = at.key("role");
                return Err(at.wrong("system, developer, user, assistant or tool"));
            }
        }
        message.rest(dropped);
    }
    Ok(turns)
}

/// Results of one turn's calls, and what the user says to them, are one turn.
pub(in crate::format) fn push_user(
    turns: &mut Vec<Turn>,
    parts: impl Iterator<Item = Marked<UserPart>>,
) {
    match turns.last_mut() {
        Some(Turn::User(before))
            if before
                .last()
                .is_some_and(|last| matches!(last.part, UserPart::Result(_))) =>
        {
            before.extend(parts);
        }
        _ => turns.push(Turn::User(parts.collect())),
    }
}

fn assistant(
    message: &mut Members<'_>,
    dropped: &mut Dropped,
) -> Result<Vec<Marked<AssistantPart>>, Error> {
    let path = message.path();
    let thoughts = thoughts::take(message).into_iter();
    let mut parts: Vec<_> = thoughts
        .map(|thought| Marked::plain(AssistantPart::Reasoning(thought)))
        .collect();
    said(
        message.take("content"),
        path.key("content"),
        &mut parts,
        dropped,
    )?;
    if let Some(refusal) = message.prose("refusal")? {
        parts.push(Marked::plain(AssistantPart::Refusal(refusal)));
    }
    let at = path.key("tool_calls");
    for (index, call) in message.list("tool_calls")?.into_iter().enumerate() {
        let at = at.item(index);
        let mut call = Members::of(call, at)?;
        let function = call.take("function").unwrap_or_default();
        let mut function = Members::of(function, at.key("function"))?;
        parts.push(Marked::plain(AssistantPart::Call(ToolCall {
            id: call.required("id")?,
            name: function.required("name")?,
            arguments: function.prose("arguments")?.unwrap_or_default(),
            signature: super::response::signature(&mut call),
        })));
        call.skip(&["type", "index"]);
        function.rest(dropped);
        call.rest(dropped);
    }
    if message.take("function_call").is_some() {
        let why = "is the old form of `tool_calls`, which is not translated; use `tool_calls`";
        return Err(path.key("function_call").untranslatable(why));
    }
    message.skip(&["annotations"]);
    Ok(parts)
}

/// The `content` of an assistant's message.
fn said(
    content: Option<Value>,
    path: Path<'_>,
    parts: &mut Vec<Marked<AssistantPart>>,
    dropped: &mut Dropped,
) -> Result<(), Error> {
    let items = match content {
        None => return Ok(()),
        Some(Value::String(text)) if text.is_empty() => return Ok(()),
        Some(Value::String(text)) => {
            parts.push(Marked::plain(AssistantPart::Text(Text(text))));
            return Ok(());
        }
        Some(Value::Array(items)) => items,
        Some(_) => return Err(path.wrong("a string or a list of parts")),
    };
    for (index, item) in items.into_iter().enumerate() {
        let at = path.item(index);
        let mut item = Members::of(item, at)?;
        let cache = cache::read(&mut item, dropped)?;
        let part = match item.required("type")?.as_str() {
            "text" => AssistantPart::Text(Text(item.required("text")?)),
            "refusal" => AssistantPart::Refusal(Text(item.required("refusal")?)),
            _ => {
                dropped.add(&at);
                continue;
            }
        };
        item.rest(dropped);
        parts.push(Marked { part, cache });
    }
    Ok(())
}
