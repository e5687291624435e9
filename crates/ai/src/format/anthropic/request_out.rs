//! Writing a request to a provider.

use serde_json::{Map, Value, json};

use super::{cache, content, model, thinking};
use crate::chat::{
    AssistantPart, ChatRequest, Dropped, Effort, Input, Marked, Opaque, Outcome, Reasoning,
    ResponseFormat, Sampling, Streaming, Text, Tool, ToolCall, ToolChoice, ToolResult, Turn,
    UserPart,
};
use crate::error::Error;
use crate::format::Format;
use crate::json::{compact, filled};

/// What stands for the mode that promises JSON, which the API does not have.
const ANY_JSON: &str = "Answer with one JSON object and nothing else.";

pub(super) fn write(
    mut request: ChatRequest,
    dropped: &mut Dropped,
) -> Result<Map<String, Value>, Error> {
    let most = request
        .sampling
        .max_tokens
        .unwrap_or_else(|| model::max_tokens(&request.model));
    let (thinking, effort) = thinking::write(&request, most, dropped);
    if request.format == ResponseFormat::Json {
        dropped.name("response_format");
        let text = Marked::plain(Text::from(ANY_JSON));
        request.turns.insert(0, Turn::System(vec![text]));
    }
    let (system, messages) = conversation(request.turns, dropped)?;
    let tools = request.tools;
    let choice = tool_choice(
        request.tool_choice.filter(|_| !tools.is_empty()),
        request.parallel_tools.filter(|_| !tools.is_empty()),
    );
    let thinks = thinking.as_ref().is_some_and(|t| t["type"] != "disabled");
    let mut body = compact([
        ("model", request.model.as_str().into()),
        ("max_tokens", most.into()),
        ("system", system),
        ("messages", messages.into()),
        ("tools", filled(tools.into_iter().map(tool))),
        ("tool_choice", choice),
        ("thinking", thinking.into()),
        ("output_config", output_config(request.format, effort)),
        (
            "metadata",
            request.user.map(|user| json!({"user_id": user})).into(),
        ),
    ]);
    put_sampling(request.sampling, &request.model, thinks, &mut body, dropped);
    if let Streaming::Events(_) = request.stream {
        body.insert("stream".to_owned(), true.into());
    }
    Ok(body)
}

fn output_config(format: ResponseFormat, effort: Option<Effort>) -> Value {
    let format = match format {
        ResponseFormat::Schema(schema) => {
            json!({"type": "json_schema", "schema": schema.schema.0})
        }
        ResponseFormat::Text | ResponseFormat::Json => Value::Null,
    };
    let members = compact([
        ("effort", effort.map(Effort::word).into()),
        ("format", format),
    ]);
    match members.is_empty() {
        true => Value::Null,
        false => members.into(),
    }
}

/// A model that thinks, and newer ones in any case, refuse most of it.
pub(in crate::format) fn put_sampling(
    sampling: Sampling,
    model: &str,
    thinks: bool,
    body: &mut Map<String, Value>,
    dropped: &mut Dropped,
) {
    let mut keep = |name: &str, given: bool, kept: bool| {
        if given && !kept {
            dropped.name(name);
        }
        given && kept
    };
    let free = !model::samples_as_it_will(model);
    let Sampling {
        max_tokens: _,
        temperature,
        top_p,
        top_k,
        stop,
        seed,
        presence_penalty,
        frequency_penalty,
    } = sampling;
    keep("seed", seed.is_some(), false);
    keep(
        "presence_penalty",
        presence_penalty.is_some_and(|n| n != 0.0),
        false,
    );
    keep(
        "frequency_penalty",
        frequency_penalty.is_some_and(|n| n != 0.0),
        false,
    );
    let warm = free && !thinks;
    let warm = keep(
        "temperature",
        temperature.is_some_and(|t| !thinks || t != 1.0),
        warm,
    );
    let temperature = temperature.filter(|_| warm);
    // One end of the scale is elsewhere.
    let hot = temperature.is_some_and(|t| t > 1.0);
    keep("temperature", hot, false);
    let narrow = free && temperature.is_none() && (!thinks || top_p.is_some_and(|p| p >= 0.95));
    let top_p = top_p.filter(|_| keep("top_p", true, narrow));
    let top_k = top_k.filter(|_| keep("top_k", true, free && !thinks));
    let (stop, blank): (Vec<_>, Vec<_>) =
        stop.into_iter().partition(|stop| !stop.trim().is_empty());
    keep("stop", !blank.is_empty(), false);
    body.extend(compact([
        ("temperature", temperature.map(|t| t.clamp(0.0, 1.0)).into()),
        ("top_p", top_p.into()),
        ("top_k", top_k.into()),
        ("stop_sequences", filled(stop.into_iter().map(Value::from))),
    ]));
}

fn tool_choice(choice: Option<ToolChoice>, parallel: Option<bool>) -> Value {
    let (kind, name) = match choice {
        None if parallel.is_none() => return Value::Null,
        None | Some(ToolChoice::Auto) => ("auto", None),
        Some(ToolChoice::Required) => ("any", None),
        // It takes no other member.
        Some(ToolChoice::None) => return json!({"type": "none"}),
        Some(ToolChoice::Named(name)) => ("tool", Some(name)),
    };
    let members = compact([
        ("type", kind.into()),
        ("name", name.into()),
        (
            "disable_parallel_tool_use",
            parallel.map(|parallel| !parallel).into(),
        ),
    ]);
    members.into()
}

fn tool(tool: Tool) -> Value {
    let schema = tool.parameters.map(|json| json.0);
    let mut members = compact([
        ("name", tool.name.into()),
        ("description", tool.description.map(Value::from).into()),
        // It must be there, and of this type.
        (
            "input_schema",
            schema.unwrap_or_else(|| json!({"type": "object", "properties": {}})),
        ),
        ("strict", tool.strict.into()),
    ]);
    if let Some(Value::Object(schema)) = members.get_mut("input_schema") {
        schema.entry("type").or_insert_with(|| "object".into());
    }
    cache::put(tool.cache, &mut members);
    members.into()
}

/// The system prompt and the messages.
fn conversation(turns: Vec<Turn>, dropped: &mut Dropped) -> Result<(Value, Vec<Value>), Error> {
    let mut system = Vec::new();
    let mut messages = Vec::with_capacity(turns.len());
    for turn in turns {
        let (role, blocks) = match turn {
            Turn::System(texts) => {
                if !messages.is_empty() {
                    // Its place among the messages is lost.
                    dropped.name("messages[].role");
                }
                system.extend(
                    texts
                        .into_iter()
                        .filter(|text| !text.part.trim().is_empty()),
                );
                continue;
            }
            Turn::User(parts) => ("user", user(parts, dropped)?),
            Turn::Assistant(parts) => ("assistant", assistant(parts, dropped)),
        };
        if !blocks.is_empty() {
            messages.push(json!({"role": role, "content": blocks}));
        }
    }
    trim_prefill(messages.last_mut());
    if messages.is_empty() {
        // The API wants something to answer.
        let blocks: Vec<_> = system.into_iter().map(system_block).collect();
        return Ok((
            Value::Null,
            vec![json!({"role": "user", "content": blocks})],
        ));
    }
    let system = match (system.len(), system.pop()) {
        (_, None) => Value::Null,
        (1, Some(Marked { part, cache: None })) => part.into(),
        (_, last) => system.into_iter().chain(last).map(system_block).collect(),
    };
    Ok((system, messages))
}

fn system_block(Marked { part, cache }: Marked<Text>) -> Value {
    let mut block = compact([("type", "text".into()), ("text", part.into())]);
    cache::put(cache, &mut block);
    block.into()
}

/// Where the model is to go on with a turn of its own, that must not end in blanks.
fn trim_prefill(last: Option<&mut Value>) {
    let Some(last) = last.filter(|last| last["role"] == "assistant") else {
        return;
    };
    let block = last["content"]
        .as_array_mut()
        .and_then(|blocks| blocks.last_mut());
    if let Some(Value::String(text)) = block.and_then(|block| block.get_mut("text")) {
        text.truncate(text.trim_end().len());
    }
}

fn user(parts: Vec<Marked<UserPart>>, dropped: &mut Dropped) -> Result<Vec<Value>, Error> {
    let mut blocks = Vec::with_capacity(parts.len());
    for Marked { part, cache } in parts {
        match part {
            UserPart::Input(part) => {
                blocks.extend(content::write(Marked { part, cache }, dropped)?)
            }
            UserPart::Result(result) => {
                let mut block = tool_result(result, dropped)?;
                cache::put(cache, &mut block);
                blocks.push(block.into());
            }
        }
    }
    Ok(blocks)
}

fn tool_result(result: ToolResult, dropped: &mut Dropped) -> Result<Map<String, Value>, Error> {
    let ToolResult {
        call,
        mut parts,
        outcome,
    } = result;
    let content = match (parts.len(), parts.pop()) {
        (_, None) => Value::Null,
        (
            1,
            Some(Marked {
                part: Input::Text(text),
                cache: None,
            }),
        ) => text.into(),
        (_, last) => {
            parts.extend(last);
            let mut blocks = Vec::with_capacity(parts.len());
            for part in parts {
                blocks.extend(content::write(part, dropped)?);
            }
            blocks.into()
        }
    };
    let failed = (outcome == Outcome::Failed).then_some(true);
    Ok(compact([
        ("type", "tool_result".into()),
        ("tool_use_id", id(call).into()),
        ("content", content),
        ("is_error", failed.into()),
    ]))
}

fn assistant(parts: Vec<Marked<AssistantPart>>, dropped: &mut Dropped) -> Vec<Value> {
    let mut blocks = Vec::with_capacity(parts.len());
    for Marked { part, cache } in parts {
        if let AssistantPart::Reasoning(thought) = &part
            && !thinking::is_ours(thought)
        {
            // What no signature proves is refused.
            dropped.name("messages[].reasoning");
            continue;
        }
        if let AssistantPart::Text(text) | AssistantPart::Refusal(text) = &part
            && text.trim().is_empty()
        {
            continue;
        }
        let mut written = block(part);
        cache::put(cache, &mut written);
        blocks.push(written.into());
    }
    blocks
}

/// A block of an assistant's message.
pub(super) fn block(part: AssistantPart) -> Map<String, Value> {
    let written = |opaque: Opaque| opaque.written_in(Format::AnthropicMessages);
    match part {
        AssistantPart::Text(text) | AssistantPart::Refusal(text) => {
            compact([("type", "text".into()), ("text", text.into())])
        }
        AssistantPart::Reasoning(Reasoning::Shown { text, signature }) => compact([
            ("type", "thinking".into()),
            ("thinking", text.into()),
            (
                "signature",
                signature.map(written).unwrap_or_default().into(),
            ),
        ]),
        AssistantPart::Reasoning(Reasoning::Hidden(data)) => compact([
            ("type", "redacted_thinking".into()),
            ("data", written(data).into()),
        ]),
        AssistantPart::Call(call) => tool_use(call),
    }
}

fn tool_use(call: ToolCall) -> Map<String, Value> {
    compact([
        ("type", "tool_use".into()),
        ("id", id(call.id).into()),
        ("name", call.name.into()),
        ("input", input(&call.arguments)),
    ])
}

/// The arguments as an object. What a model wrote that is none is shown to it as it is.
pub(in crate::format) fn input(arguments: &str) -> Value {
    match serde_json::from_str(arguments) {
        Ok(Value::Object(map)) => map.into(),
        _ if arguments.trim().is_empty() => json!({}),
        _ => json!({"invalid_arguments": arguments}),
    }
}

/// The API takes letters, digits, `_` and `-`.
fn id(id: String) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match id.chars().all(fits) {
        true => id,
        false => id.chars().map(|c| if fits(c) { c } else { '_' }).collect(),
    }
}
