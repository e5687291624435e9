//! Reading a client's request.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{names, schema, thinking, turns_in};
use crate::chat::{
    ChatRequest, Dropped, Json, ResponseFormat, Sampling, Schema, Streaming, Text, Tool,
    ToolChoice, UsageWish,
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
    request.turns.extend(turns_in::system(
        system,
        root.key("systemInstruction"),
        dropped,
    )?);
    turns_in::contents(body.list("contents")?, &mut request.turns, dropped)?;
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
        let mut names = HashSet::new();
        for name in calling.list("allowedFunctionNames")? {
            match name {
                Value::String(name) => drop(names.insert(name)),
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
            Some("ANY") => Some(match (names.len(), names.into_iter().next()) {
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
