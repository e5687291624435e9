//! Writing a request to a provider.

use serde_json::{Map, Value, json};

use crate::chat::{
    AssistantPart, Audio, ChatRequest, Dropped, File, Image, Input, Marked, Opaque, Outcome,
    Reasoning, ResponseFormat, Sampling, Source, Streaming, Text, Tool, ToolCall, ToolChoice, Turn,
    UserPart,
};
use crate::error::Error;
use crate::format::Format;
use crate::format::openai_chat::{
    data_url, effort_word, function, mode_word, schema_members, thinks,
};
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
    let (instructions, items) = conversation(turns, dropped)?;
    let has_tools = !tools.is_empty();
    let effort = thinking.and_then(|thinking| effort_word(thinking, dropped));
    // The gateway's clients keep their conversations themselves, thoughts included.
    let include = thinks(&model).then(|| json!(["reasoning.encrypted_content"]));
    let mut body = compact([
        ("model", model.into()),
        ("instructions", instructions.map(|text| text.0).into()),
        ("input", items.into()),
        ("tools", filled(tools.into_iter().map(|t| tool(t, dropped)))),
        (
            "tool_choice",
            tool_choice.filter(|_| has_tools).map(choice).into(),
        ),
        (
            "parallel_tool_calls",
            parallel_tools.filter(|_| has_tools).into(),
        ),
        ("text", text_format(format)),
        (
            "reasoning",
            effort.map(|word| json!({"effort": word})).into(),
        ),
        ("user", user.map(|user| user.0).into()),
        ("store", false.into()),
        ("include", include.into()),
    ]);
    put_sampling(sampling, &mut body, dropped);
    if let Streaming::Events(_) = stream {
        body.insert("stream".to_owned(), true.into());
    }
    Ok(body)
}

/// What stands before the conversation, and its items.
fn conversation(
    turns: Vec<Turn>,
    dropped: &mut Dropped,
) -> Result<(Option<Text>, Vec<Value>), Error> {
    let mut instructions = None;
    let mut items = Vec::new();
    for (at, turn) in turns.into_iter().enumerate() {
        match turn {
            Turn::System(mut texts) if at == 0 && texts.len() == 1 => {
                instructions = texts.pop().map(|Marked { part, cache }| {
                    if cache.is_some() {
                        dropped.name("system[].cache_control");
                    }
                    part
                });
            }
            Turn::System(texts) => items.push(system(texts, dropped)),
            Turn::User(parts) => user(parts, &mut items, dropped)?,
            Turn::Assistant(parts) => assistant(parts, &mut items, dropped),
        }
    }
    Ok((instructions, items))
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
    let unsaid = [
        ("top_k", top_k.is_some()),
        ("stop", !stop.is_empty()),
        ("seed", seed.is_some()),
        ("presence_penalty", presence_penalty.is_some()),
        ("frequency_penalty", frequency_penalty.is_some()),
    ];
    for (name, _) in unsaid.into_iter().filter(|(_, given)| *given) {
        dropped.name(name);
    }
    body.extend(compact([
        // The API takes no less.
        (
            "max_output_tokens",
            max_tokens.map(|most| most.max(16)).into(),
        ),
        ("temperature", temperature.into()),
        ("top_p", top_p.into()),
    ]));
}

fn text_format(format: ResponseFormat) -> Value {
    let format = match format {
        ResponseFormat::Text => return Value::Null,
        ResponseFormat::Json => json!({"type": "json_object"}),
        ResponseFormat::Schema(schema) => {
            let mut members = compact([("type", "json_schema".into())]);
            members.extend(schema_members(schema));
            members.into()
        }
    };
    json!({"format": format})
}

/// The API holds models to schemas unless told otherwise; clients of others did not ask for it.
pub(super) fn tool(tool: Tool, dropped: &mut Dropped) -> Value {
    let strict = tool.strict.unwrap_or(false);
    let mut members = compact([("type", "function".into())]);
    members.extend(function(tool, dropped));
    members.insert("strict".to_owned(), strict.into());
    members.entry("parameters").or_insert(Value::Null);
    members.into()
}

pub(super) fn choice(choice: ToolChoice) -> Value {
    match choice {
        ToolChoice::Named(name) => json!({"type": "function", "name": name}),
        mode => mode_word(&mode).into(),
    }
}

fn system(texts: Vec<Marked<Text>>, dropped: &mut Dropped) -> Value {
    if texts.iter().any(|text| text.cache.is_some()) {
        dropped.name("system[].cache_control");
    }
    let texts = texts.into_iter().map(|text| input_text(text.part));
    json!({"type": "message", "role": "system", "content": texts.collect::<Value>()})
}

fn input_text(text: Text) -> Value {
    json!({"type": "input_text", "text": text})
}

fn user(
    parts: Vec<Marked<UserPart>>,
    items: &mut Vec<Value>,
    dropped: &mut Dropped,
) -> Result<(), Error> {
    if parts.iter().any(|part| part.cache.is_some()) {
        dropped.name("messages[].content[].cache_control");
    }
    let mut said = Vec::new();
    for part in parts {
        match part.part {
            UserPart::Input(part) => said.push(input(part)?),
            UserPart::Result(result) => {
                if result.outcome == Outcome::Failed {
                    dropped.name("messages[].content[].is_error");
                }
                let mut parts = result.parts;
                let output = match (parts.len(), parts.pop()) {
                    (_, None) => "".into(),
                    (
                        1,
                        Some(Marked {
                            part: Input::Text(text),
                            ..
                        }),
                    ) => text.into(),
                    (_, last) => parts
                        .into_iter()
                        .chain(last)
                        .map(|part| input(part.part))
                        .collect::<Result<Value, _>>()?,
                };
                items.push(json!({
                    "type": "function_call_output", "call_id": result.call, "output": output,
                }));
            }
        }
    }
    if !said.is_empty() {
        items.push(json!({"type": "message", "role": "user", "content": said}));
    }
    Ok(())
}

fn input(part: Input) -> Result<Value, Error> {
    Ok(match part {
        Input::Text(text) => input_text(text),
        Input::Image(Image { source, detail }) => {
            let url = match source {
                Source::Url(url) => url.0,
                Source::Base64 { mime, data } => data_url(&mime, &data),
                Source::Plain(text) => return Ok(input_text(text)),
            };
            let detail = detail.map_or("auto", |detail| detail.word());
            json!({"type": "input_image", "image_url": url, "detail": detail})
        }
        Input::File(File { source, name }) => match source {
            // A document that is text needs no file.
            Source::Plain(text) => input_text(text),
            Source::Url(url) => json!({"type": "input_file", "file_url": url}),
            Source::Base64 { mime, data } => {
                let name = name.unwrap_or_else(|| "document.pdf".into());
                let data = data_url(&mime, &data);
                json!({"type": "input_file", "filename": name, "file_data": data})
            }
        },
        Input::Audio(Audio { format, base64 }) => {
            json!({"type": "input_audio", "input_audio": {"data": base64, "format": format}})
        }
    })
}

/// Thoughts, messages and calls are items of their own, in the order in which they came.
fn assistant(parts: Vec<Marked<AssistantPart>>, items: &mut Vec<Value>, dropped: &mut Dropped) {
    for Marked { part, cache } in parts {
        if cache.is_some() {
            dropped.name("messages[].content[].cache_control");
        }
        match part {
            AssistantPart::Text(text) => items.push(message(&text)),
            AssistantPart::Refusal(text) => {
                let part = json!({"type": "refusal", "refusal": text});
                items.push(json!({"type": "message", "role": "assistant", "content": [part]}));
            }
            AssistantPart::Reasoning(thought) if is_ours(&thought) => {
                items.push(reasoning(thought).into());
            }
            AssistantPart::Reasoning(_) => dropped.name("messages[].reasoning"),
            AssistantPart::Call(call) => items.push(function_call(call).into()),
        }
    }
}

fn message(text: &str) -> Value {
    let part = json!({"type": "output_text", "text": text, "annotations": []});
    json!({"type": "message", "role": "assistant", "content": [part]})
}

/// Whether the API takes the thought back.
fn is_ours(thought: &Reasoning) -> bool {
    let ours = |data: &Opaque| data.origin == Format::OpenAiResponses;
    match thought {
        Reasoning::Hidden(data) => ours(data),
        Reasoning::Shown { signature, .. } => signature.as_ref().is_some_and(ours),
    }
}

pub(super) fn reasoning(thought: Reasoning) -> Map<String, Value> {
    let (summary, data) = match thought {
        Reasoning::Hidden(data) => (json!([]), Some(data)),
        Reasoning::Shown { text, signature } => {
            (json!([{"type": "summary_text", "text": text}]), signature)
        }
    };
    compact([
        ("type", "reasoning".into()),
        ("summary", summary),
        (
            "encrypted_content",
            data.map(|data| data.written_in(Format::OpenAiResponses))
                .into(),
        ),
    ])
}

pub(super) fn function_call(call: ToolCall) -> Map<String, Value> {
    let arguments = match call.arguments.is_empty() {
        true => "{}".into(),
        false => call.arguments,
    };
    compact([
        ("type", "function_call".into()),
        ("call_id", call.id.into()),
        ("name", call.name.into()),
        ("arguments", arguments.into()),
    ])
}
