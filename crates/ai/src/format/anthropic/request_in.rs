//! Reading a client's request.

use serde_json::{Map, Value};

use super::{cache, content, thinking};
use crate::chat::{
    AssistantPart, ChatRequest, Dropped, Input, Json, Marked, Opaque, Outcome, Reasoning,
    ResponseFormat, Sampling, Schema, Streaming, Text, Tool, ToolCall, ToolChoice, ToolResult,
    Turn, UsageWish, UserPart,
};
use crate::error::Error;
use crate::format::Format;
use crate::json::{Members, Path};

pub(super) fn read(body: Map<String, Value>, dropped: &mut Dropped) -> Result<ChatRequest, Error> {
    let root = Path::Root;
    let mut body = Members::new(body, root);
    let mut turns = Vec::new();
    let system = texts(body.take("system"), root.key("system"), dropped)?;
    if !system.is_empty() {
        turns.push(Turn::System(system));
    }
    messages(body.list("messages")?, &mut turns, dropped)?;
    let stops = body
        .list("stop_sequences")?
        .into_iter()
        .map(|stop| match stop {
            Value::String(stop) => Ok(Text(stop)),
            _ => Err(root.key("stop_sequences").wrong("a list of strings")),
        });
    let stop = stops.collect::<Result<_, _>>()?;
    let mut request = ChatRequest {
        model: body.text("model")?.unwrap_or_default(),
        turns,
        tools: tools(body.list("tools")?, root.key("tools"), dropped)?,
        sampling: Sampling {
            max_tokens: body.count("max_tokens")?,
            temperature: body.number("temperature")?,
            top_p: body.number("top_p")?,
            top_k: body.count("top_k")?,
            stop,
            ..Sampling::default()
        },
        stream: match body.flag("stream")? {
            // The format has counts in every stream.
            Some(true) => Streaming::Events(UsageWish::Asked),
            _ => Streaming::Whole,
        },
        ..ChatRequest::default()
    };
    if let Some(map) = body.map("metadata")? {
        let mut metadata = Members::new(map, root.key("metadata"));
        request.user = metadata.prose("user_id")?;
        metadata.rest(dropped);
    }
    choice(body.map("tool_choice")?, &mut request, dropped)?;
    let mut output = Members::new(
        body.map("output_config")?.unwrap_or_default(),
        root.key("output_config"),
    );
    request.thinking = thinking::read(body.map("thinking")?, &mut output, dropped)?;
    let format = match output.map("format")? {
        Some(format) => Some(format),
        None => body.map("output_format")?,
    };
    if let Some(format) = format {
        request.format = response_format(format, dropped)?;
    }
    output.rest(dropped);
    body.rest(dropped);
    Ok(request)
}

fn texts(
    content: Option<Value>,
    path: Path<'_>,
    dropped: &mut Dropped,
) -> Result<Vec<Marked<Text>>, Error> {
    let parts = content::inputs(content, path, dropped)?;
    let text = |Marked { part, cache }| match part {
        Input::Text(part) => Ok(Marked { part, cache }),
        _ => Err(path.wrong("made of text blocks only")),
    };
    parts.into_iter().map(text).collect()
}

fn response_format(
    format: Map<String, Value>,
    dropped: &mut Dropped,
) -> Result<ResponseFormat, Error> {
    let path = Path::Root.key("output_config");
    let mut format = Members::new(format, path.key("format"));
    format.skip(&["type"]);
    let schema = format.map("schema")?.unwrap_or_default();
    format.rest(dropped);
    Ok(ResponseFormat::Schema(Schema {
        name: None,
        description: None,
        schema: Json(schema.into()),
        // The API holds models to it in any case.
        strict: Some(true),
    }))
}

fn tools(items: Vec<Value>, path: Path<'_>, dropped: &mut Dropped) -> Result<Vec<Tool>, Error> {
    let mut tools = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        let at = path.item(at);
        let mut item = Members::of(item, at)?;
        if item.text("type")?.is_some_and(|kind| kind != "custom") {
            // What the provider runs itself, or has trained its models on.
            dropped.add(&at);
            continue;
        }
        tools.push(Tool {
            name: item.required("name")?,
            description: item.prose("description")?,
            parameters: item.map("input_schema")?.map(|map| Json(map.into())),
            strict: item.flag("strict")?,
            cache: cache::read(&mut item, dropped)?,
        });
        item.rest(dropped);
    }
    Ok(tools)
}

fn choice(
    choice: Option<Map<String, Value>>,
    request: &mut ChatRequest,
    dropped: &mut Dropped,
) -> Result<(), Error> {
    let Some(choice) = choice else { return Ok(()) };
    let path = Path::Root.key("tool_choice");
    let mut choice = Members::new(choice, path);
    request.tool_choice = Some(match choice.required("type")?.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(choice.required("name")?),
        _ => return Err(path.key("type").wrong("auto, any, tool or none")),
    });
    let forbidden = choice.flag("disable_parallel_tool_use")?;
    request.parallel_tools = forbidden.map(|forbidden| !forbidden);
    choice.rest(dropped);
    Ok(())
}

fn messages(items: Vec<Value>, turns: &mut Vec<Turn>, dropped: &mut Dropped) -> Result<(), Error> {
    let root = Path::Root;
    let path = root.key("messages");
    for (at, item) in items.into_iter().enumerate() {
        let at = path.item(at);
        let mut message = Members::of(item, at)?;
        let place = at.key("content");
        let content = message.take("content");
        match message.required("role")?.as_str() {
            "user" => turns.push(Turn::User(user(content, place, dropped)?)),
            "assistant" => turns.push(Turn::Assistant(assistant(content, place, dropped)?)),
            "system" => turns.push(Turn::System(texts(content, place, dropped)?)),
            _ => return Err(at.key("role").wrong("user or assistant")),
        }
        message.rest(dropped);
    }
    Ok(())
}

fn user(
    content: Option<Value>,
    path: Path<'_>,
    dropped: &mut Dropped,
) -> Result<Vec<Marked<UserPart>>, Error> {
    let mut parts = Vec::new();
    content::each(content, path, |mut block| {
        let kind = block.required("type")?;
        let place = block.path();
        if kind == "tool_result" {
            let result = ToolResult {
                call: block.required("tool_use_id")?,
                parts: content::inputs(block.take("content"), place.key("content"), dropped)?,
                outcome: match block.flag("is_error")? {
                    Some(true) => Outcome::Failed,
                    _ => Outcome::Good,
                },
            };
            let cache = cache::read(&mut block, dropped)?;
            let part = UserPart::Result(result);
            parts.push(Marked { part, cache });
        } else if let Some(Marked { part, cache }) = content::input(&kind, &mut block, dropped)? {
            let part = UserPart::Input(part);
            parts.push(Marked { part, cache });
        } else {
            dropped.add(&place);
            return Ok(());
        }
        block.rest(dropped);
        Ok(())
    })?;
    Ok(parts)
}

fn assistant(
    content: Option<Value>,
    path: Path<'_>,
    dropped: &mut Dropped,
) -> Result<Vec<Marked<AssistantPart>>, Error> {
    let mut parts = Vec::new();
    content::each(content, path, |mut block| {
        let cache = cache::read(&mut block, dropped)?;
        let part = match block.required("type")?.as_str() {
            "text" => AssistantPart::Text(Text(block.required("text")?)),
            "thinking" => AssistantPart::Reasoning(Reasoning::Shown {
                text: Text(block.required("thinking")?),
                signature: block
                    .text("signature")?
                    .filter(|signature| !signature.is_empty())
                    .map(|signature| Opaque::read(signature, Format::AnthropicMessages)),
            }),
            "redacted_thinking" => AssistantPart::Reasoning(Reasoning::Hidden(Opaque::read(
                block.required("data")?,
                Format::AnthropicMessages,
            ))),
            "tool_use" => AssistantPart::Call(ToolCall {
                id: block.required("id")?,
                name: block.required("name")?,
                arguments: arguments(block.take("input")),
                signature: None,
            }),
            // What tools of the provider's have done.
            _ => {
                dropped.add(&block.path());
                return Ok(());
            }
        };
        block.skip(&["citations", "caller"]);
        block.rest(dropped);
        parts.push(Marked { part, cache });
        Ok(())
    })?;
    Ok(parts)
}

/// A call's `input` as JSON.
pub(super) fn arguments(input: Option<Value>) -> Text {
    Text(input.map_or_else(|| "{}".to_owned(), |input| input.to_string()))
}
