//! Reading a client's request.

use serde_json::{Map, Value};

use super::calls::Calls;
use super::{media, names, schema, signature, thinking};
use crate::chat::{
    AssistantPart, ChatRequest, Dropped, Input, Json, Marked, Outcome, Reasoning, ResponseFormat,
    Sampling, Schema, Streaming, Text, Tool, ToolCall, ToolChoice, ToolResult, Turn, UsageWish,
    UserPart,
};
use crate::error::Error;
use crate::json::{Members, Path};
use crate::operation::ModelPath;

pub(super) fn read(
    body: Map<String, Value>,
    path: &str,
    dropped: &mut Dropped,
) -> Result<ChatRequest, Error> {
    let root = Path::Root;
    let mut body = Members::new(names::usual(body), root);
    if body.take("cachedContent").is_some() {
        let why = "is a context in the keeping of another provider; send the contents instead";
        return Err(root.key("cachedContent").untranslatable(why));
    }
    let asked = ModelPath::parse(path);
    let mut request = ChatRequest {
        model: asked
            .map(|asked| asked.model().into_owned())
            .unwrap_or_default(),
        stream: match asked.is_some_and(|asked| asked.streams()) {
            // The format has counts in every stream.
            true => Streaming::Events(UsageWish::Asked),
            false => Streaming::Whole,
        },
        ..ChatRequest::default()
    };
    let system = body.take("systemInstruction");
    request
        .turns
        .extend(system_turn(system, root.key("systemInstruction"), dropped)?);
    contents(body.list("contents")?, &mut request.turns, dropped)?;
    request.tools = tools(body.list("tools")?, root.key("tools"), dropped)?;
    if let Some(config) = names::inner(&mut body, "toolConfig", root.key("toolConfig"))? {
        tool_config(config, &mut request, dropped)?;
    }
    let at = root.key("generationConfig");
    if let Some(config) = names::inner(&mut body, "generationConfig", at)? {
        generation_config(config, &mut request, dropped)?;
    }
    body.skip(&["model"]);
    body.rest(dropped);
    Ok(request)
}

/// The API takes a text in place of a content here.
fn system_turn(
    system: Option<Value>,
    path: Path<'_>,
    dropped: &mut Dropped,
) -> Result<Option<Turn>, Error> {
    let mut content = match system {
        None => return Ok(None),
        Some(Value::String(text)) => {
            return Ok(Some(Turn::System(vec![Marked::plain(Text(text))])));
        }
        Some(value) => names::members(value, path)?,
    };
    let mut texts = Vec::new();
    let at = path.key("parts");
    for (index, part) in content.list("parts")?.into_iter().enumerate() {
        let mut part = names::members(part, at.item(index))?;
        texts.extend(part.prose("text")?.map(Marked::plain));
        part.rest(dropped);
    }
    content.skip(&["role"]);
    content.rest(dropped);
    Ok(Some(texts)
        .filter(|texts| !texts.is_empty())
        .map(Turn::System))
}

fn contents(items: Vec<Value>, turns: &mut Vec<Turn>, dropped: &mut Dropped) -> Result<(), Error> {
    let root = Path::Root;
    let path = root.key("contents");
    let mut calls = Calls::default();
    for (at, item) in items.into_iter().enumerate() {
        let at = path.item(at);
        let mut content = names::members(item, at)?;
        let role = content.text("role")?;
        let parts = content.list("parts")?;
        content.rest(dropped);
        let place = at.key("parts");
        match role.as_deref() {
            Some("model") => {
                let parts = assistant(parts, place, &mut calls, dropped)?;
                turns.push(Turn::Assistant(parts));
            }
            None | Some("" | "user" | "function") => {
                turns.push(Turn::User(user(parts, place, &mut calls, dropped)?));
            }
            Some(_) => return Err(at.key("role").wrong("user or model")),
        }
    }
    Ok(())
}

fn user(
    items: Vec<Value>,
    path: Path<'_>,
    calls: &mut Calls,
    dropped: &mut Dropped,
) -> Result<Vec<Marked<UserPart>>, Error> {
    let mut parts = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let at = path.item(index);
        let mut part = names::members(item, at)?;
        let place = at.key("functionResponse");
        let read = if let Some(text) = part.prose("text")? {
            UserPart::Input(Input::Text(text))
        } else if let Some(input) = media::read(&mut part, dropped)? {
            UserPart::Input(input)
        } else if let Some(response) = names::inner(&mut part, "functionResponse", place)? {
            UserPart::Result(result(response, calls, dropped)?)
        } else {
            dropped.add(&at);
            continue;
        };
        part.skip(&["thoughtSignature"]);
        part.rest(dropped);
        parts.push(Marked::plain(read));
    }
    Ok(parts)
}

fn result(
    mut members: Members<'_>,
    calls: &mut Calls,
    dropped: &mut Dropped,
) -> Result<ToolResult, Error> {
    let path = members.path();
    let name = members.required("name")?;
    let call = calls.answered(members.text("id")?, &name).ok_or_else(|| {
        path.key("name")
            .untranslatable("is of no function call before it")
    })?;
    let (outcome, text) = outcome(members.map("response")?.unwrap_or_default());
    let mut parts = vec![Marked::plain(Input::Text(text))];
    let at = path.key("parts");
    for (index, item) in members.list("parts")?.into_iter().enumerate() {
        let at = at.item(index);
        let mut part = names::members(item, at)?;
        match media::read(&mut part, dropped)? {
            Some(input) => parts.push(Marked::plain(input)),
            None => dropped.add(&at),
        }
    }
    members.rest(dropped);
    Ok(ToolResult {
        call,
        parts,
        outcome,
    })
}

/// A lone `output`, `result` or `error` is what the tool said; other objects are it themselves.
fn outcome(mut response: Map<String, Value>) -> (Outcome, Text) {
    let text = |value: Value| match value {
        Value::String(text) => Text(text),
        other => Text(other.to_string()),
    };
    if response.len() == 1 {
        for (key, outcome) in [
            ("output", Outcome::Good),
            ("result", Outcome::Good),
            ("error", Outcome::Failed),
        ] {
            if let Some(value) = response.remove(key) {
                return (outcome, text(value));
            }
        }
    }
    (Outcome::Good, text(response.into()))
}

fn assistant(
    items: Vec<Value>,
    path: Path<'_>,
    calls: &mut Calls,
    dropped: &mut Dropped,
) -> Result<Vec<Marked<AssistantPart>>, Error> {
    let mut parts = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let at = path.item(index);
        let mut part = names::members(item, at)?;
        let place = at.key("functionCall");
        let signed = part.text("thoughtSignature")?.filter(|s| !s.is_empty());
        let thought = part.flag("thought")?.unwrap_or(false);
        if let Some(mut call) = names::inner(&mut part, "functionCall", place)? {
            let name = call.required("name")?;
            let arguments = call.map("args")?.unwrap_or_default();
            let made = ToolCall {
                id: calls.called(call.text("id")?, &name),
                name,
                arguments: Text(Value::from(arguments).to_string()),
                signature: signed.map(signature::read),
            };
            call.rest(dropped);
            parts.push(Marked::plain(AssistantPart::Call(made)));
        } else if let Some(text) = part.text("text")? {
            said(text, thought, signed, &mut parts);
        } else {
            // Images, code that the provider ran, and the like.
            dropped.add(&at);
            continue;
        }
        part.rest(dropped);
    }
    Ok(parts)
}

/// Bits of one thought, of which the last is signed, are one.
fn said(
    text: String,
    thought: bool,
    signed: Option<String>,
    parts: &mut Vec<Marked<AssistantPart>>,
) {
    if !thought {
        if !text.is_empty() {
            parts.push(Marked::plain(AssistantPart::Text(Text(text))));
        }
        let signed = signed.map(|signed| signature::thought(String::new(), signed));
        parts.extend(signed.map(AssistantPart::Reasoning).map(Marked::plain));
        return;
    }
    let new = match signed {
        Some(signed) => signature::thought(text, signed),
        None => Reasoning::Shown {
            text: Text(text),
            signature: None,
        },
    };
    let last = parts.last_mut().map(|last| &mut last.part);
    match (last, new) {
        (
            Some(AssistantPart::Reasoning(Reasoning::Shown {
                text: before,
                signature: open @ None,
            })),
            Reasoning::Shown { text, signature },
        ) => {
            before.0.push_str(&text);
            *open = signature;
        }
        (_, new) => parts.push(Marked::plain(AssistantPart::Reasoning(new))),
    }
}

fn tools(items: Vec<Value>, path: Path<'_>, dropped: &mut Dropped) -> Result<Vec<Tool>, Error> {
    let mut tools = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let at = path.item(index);
        let mut item = names::members(item, at)?;
        let place = at.key("functionDeclarations");
        for (index, function) in item.list("functionDeclarations")?.into_iter().enumerate() {
            let mut function = names::members(function, place.item(index))?;
            let own = function.map("parameters")?;
            let parameters = match function.map("parametersJsonSchema")? {
                Some(schema) => Some(schema.into()),
                None => own.map(|own| schema::read(own.into())),
            };
            tools.push(Tool {
                name: function.required("name")?,
                description: function.prose("description")?,
                parameters: parameters.map(Json),
                strict: None,
                cache: None,
            });
            function.rest(dropped);
        }
        // What the provider runs itself.
        item.rest(dropped);
    }
    Ok(tools)
}

fn tool_config(
    mut config: Members<'_>,
    request: &mut ChatRequest,
    dropped: &mut Dropped,
) -> Result<(), Error> {
    let path = config.path();
    let at = path.key("functionCallingConfig");
    if let Some(mut calling) = names::inner(&mut config, "functionCallingConfig", at)? {
        let mut names = Vec::new();
        for name in calling.list("allowedFunctionNames")? {
            match name {
                Value::String(name) => names.push(name),
                _ => return Err(at.key("allowedFunctionNames").wrong("a list of strings")),
            }
        }
        let mode = calling.text("mode")?;
        calling.rest(dropped);
        if !names.is_empty() {
            request.tools.retain(|tool| names.contains(&tool.name));
        }
        request.tool_choice = match mode.as_deref() {
            None | Some("MODE_UNSPECIFIED") => None,
            Some("AUTO" | "VALIDATED") => Some(ToolChoice::Auto),
            Some("NONE") => Some(ToolChoice::None),
            Some("ANY") => Some(match (names.len(), names.pop()) {
                (1, Some(name)) => ToolChoice::Named(name),
                _ => ToolChoice::Required,
            }),
            Some(_) => return Err(at.key("mode").wrong("AUTO, ANY, NONE or VALIDATED")),
        };
    }
    config.rest(dropped);
    Ok(())
}

fn generation_config(
    mut config: Members<'_>,
    request: &mut ChatRequest,
    dropped: &mut Dropped,
) -> Result<(), Error> {
    let path = config.path();
    if config
        .count("candidateCount")?
        .is_some_and(|count| count > 1)
    {
        let why = "is more than 1, and this provider gives one answer at a time; send several \
                   requests instead";
        return Err(path.key("candidateCount").untranslatable(why));
    }
    let text = |value: &Value| {
        value
            .as_str()
            .is_some_and(|v| v.eq_ignore_ascii_case("text"))
    };
    if !config.list("responseModalities")?.iter().all(text) {
        let why = "asks for more than text, which this provider does not give";
        return Err(path.key("responseModalities").untranslatable(why));
    }
    let stops = config
        .list("stopSequences")?
        .into_iter()
        .map(|stop| match stop {
            Value::String(stop) => Ok(Text(stop)),
            _ => Err(path.key("stopSequences").wrong("a list of strings")),
        });
    request.sampling = Sampling {
        stop: stops.collect::<Result<_, _>>()?,
        max_tokens: config.count("maxOutputTokens")?,
        temperature: config.number("temperature")?,
        top_p: config.number("topP")?,
        top_k: config.count("topK")?,
        seed: config.integer("seed")?,
        presence_penalty: config.number("presencePenalty")?,
        frequency_penalty: config.number("frequencyPenalty")?,
    };
    request.format = response_format(&mut config)?;
    let at = path.key("thinkingConfig");
    if let Some(thoughts) = names::inner(&mut config, "thinkingConfig", at)? {
        request.thinking = thinking::read(thoughts, dropped)?;
    }
    config.rest(dropped);
    Ok(())
}

fn response_format(config: &mut Members<'_>) -> Result<ResponseFormat, Error> {
    let path = config.path();
    let own = config.take("responseSchema").map(schema::read);
    let schema = config.take("responseJsonSchema").or(own);
    let mime = config.text("responseMimeType")?;
    Ok(match (mime.as_deref(), schema) {
        (Some("application/json"), None) => ResponseFormat::Json,
        (Some("application/json" | "text/x.enum"), Some(schema)) | (None, Some(schema)) => {
            ResponseFormat::Schema(Schema {
                name: None,
                description: None,
                schema: Json(schema),
                // The API holds models to it in any case.
                strict: Some(true),
            })
        }
        (None | Some("text/plain"), _) => ResponseFormat::Text,
        (Some(_), _) => {
            let at = path.key("responseMimeType");
            return Err(at.wrong("text/plain or application/json"));
        }
    })
}
