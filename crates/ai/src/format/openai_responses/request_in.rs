//! Reading a client's request.

use serde_json::{Map, Value};

use super::item;
use crate::chat::{
    ChatRequest, Dropped, Marked, ResponseFormat, Sampling, Streaming, Text, Thinking, Tool,
    ToolChoice, Turn, UsageWish, UserPart,
};
use crate::error::Error;
use crate::format::openai_chat::{effort, mode, schema_of, tool};
use crate::json::{Members, Path};

pub(super) fn read(body: Map<String, Value>, dropped: &mut Dropped) -> Result<ChatRequest, Error> {
    let root = Path::Root;
    let mut body = Members::new(body, root);
    refuse(&mut body)?;
    let mut turns = Vec::new();
    if let Some(text) = body.prose("instructions")? {
        turns.push(Turn::System(vec![Marked::plain(text)]));
    }
    match body.take("input") {
        None => {}
        Some(Value::String(text)) => {
            let part = UserPart::Input(crate::chat::Input::Text(Text(text)));
            turns.push(Turn::User(vec![Marked::plain(part)]));
        }
        Some(Value::Array(items)) => item::read(items, root.key("input"), &mut turns, dropped)?,
        Some(_) => return Err(root.key("input").wrong("a string or a list of items")),
    }
    let mut request = ChatRequest {
        model: body.text("model")?.unwrap_or_default(),
        turns,
        tools: tools(body.list("tools")?, root.key("tools"), dropped)?,
        parallel_tools: body.flag("parallel_tool_calls")?,
        sampling: Sampling {
            max_tokens: body.count("max_output_tokens")?,
            temperature: body.number("temperature")?,
            top_p: body.number("top_p")?,
            ..Sampling::default()
        },
        user: body.prose("safety_identifier")?,
        stream: match body.flag("stream")? {
            // The format has counts in every stream.
            Some(true) => Streaming::Events(UsageWish::Asked),
            _ => Streaming::Whole,
        },
        ..ChatRequest::default()
    };
    if let Some(user) = body.prose("user")? {
        request.user.get_or_insert(user);
    }
    choice(&mut request, body.take("tool_choice"))?;
    request.thinking = thinking(&mut body, dropped)?;
    if let Some(map) = body.map("text")? {
        request.format = text(Members::new(map, root.key("text")), dropped)?;
    }
    // What a gateway without memory does in any case, and what is there to be looked at later.
    body.skip(&[
        "store",
        "include",
        "stream_options",
        "truncation",
        "metadata",
    ]);
    body.rest(dropped);
    Ok(request)
}

fn thinking(body: &mut Members<'_>, dropped: &mut Dropped) -> Result<Option<Thinking>, Error> {
    let Some(map) = body.map("reasoning")? else {
        return Ok(None);
    };
    let path = Path::Root.key("reasoning");
    let mut reasoning = Members::new(map, path);
    let read = effort(reasoning.text("effort")?, path.key("effort"))?;
    // Whatever can be shown is shown.
    reasoning.skip(&["summary", "generate_summary"]);
    reasoning.rest(dropped);
    Ok(read)
}

/// What only the provider that keeps the conversation can do.
fn refuse(body: &mut Members<'_>) -> Result<(), Error> {
    let root = Path::Root;
    for key in ["previous_response_id", "conversation"] {
        if body.take(key).is_some() {
            let why = "names a conversation in the keeping of another provider; send the whole of \
                       it as `input`";
            return Err(root.key(key).untranslatable(why));
        }
    }
    if body.take("prompt").is_some() {
        let why = "names a prompt in the keeping of another provider; send it as `instructions`";
        return Err(root.key("prompt").untranslatable(why));
    }
    if body.flag("background")? == Some(true) {
        let why = "asks for an answer to fetch later, which this provider does not keep";
        return Err(root.key("background").untranslatable(why));
    }
    Ok(())
}

fn text(mut text: Members<'_>, dropped: &mut Dropped) -> Result<ResponseFormat, Error> {
    let path = text.path();
    let at = path.key("format");
    let read = match text.map("format")? {
        None => ResponseFormat::Text,
        Some(map) => {
            let mut format = Members::new(map, at);
            match format.required("type")?.as_str() {
                "text" => ResponseFormat::Text,
                "json_object" => ResponseFormat::Json,
                "json_schema" => ResponseFormat::Schema(schema_of(format, dropped)?),
                _ => return Err(at.key("type").wrong("text, json_object or json_schema")),
            }
        }
    };
    text.rest(dropped);
    Ok(read)
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
        tools.push(tool(&mut item)?);
        item.rest(dropped);
    }
    Ok(tools)
}

fn choice(request: &mut ChatRequest, choice: Option<Value>) -> Result<(), Error> {
    let root = Path::Root;
    let path = root.key("tool_choice");
    let wrong = || path.wrong("none, auto, required or an object that names a function");
    request.tool_choice = match choice {
        None => None,
        Some(Value::String(word)) => Some(mode(&word).ok_or_else(wrong)?),
        Some(value) => {
            let mut choice = Members::of(value, path).map_err(|_| wrong())?;
            match choice.required("type")?.as_str() {
                "function" => Some(ToolChoice::Named(choice.required("name")?)),
                "allowed_tools" => {
                    let allowed = choice.list("tools")?;
                    let names: Vec<_> = allowed.iter().filter_map(|t| t["name"].as_str()).collect();
                    request
                        .tools
                        .retain(|tool| names.contains(&tool.name.as_str()));
                    mode(&choice.required("mode")?)
                }
                _ => return Err(wrong()),
            }
        }
    };
    Ok(())
}
