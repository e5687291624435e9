//! Writing a request to a provider. The model is in its path.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{media, schema, signature, thinking};
use crate::chat::{
    AssistantPart, ChatRequest, Dropped, Input, Marked, Outcome, Reasoning, ResponseFormat,
    Sampling, Text, Tool, ToolCall, ToolChoice, ToolResult, Turn, UserPart,
};
use crate::error::Error;
use crate::format::{Format, anthropic};
use crate::json::compact;

/// Goes in the place of a signature where another model made the call.
const UNSIGNED: &str = "skip_thought_signature_validator";

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
        stream: _,
    } = request;
    if user.is_some() {
        dropped.name("user");
    }
    if parallel_tools == Some(false) {
        dropped.name("parallel_tool_calls");
    }
    let signed = thinking::generation(&model).is_some_and(|generation| generation >= 3);
    let (system, contents) = Conversation::new(signed, dropped).write(turns);
    let has_tools = !tools.is_empty();
    let mut config = sampling_members(sampling, dropped);
    config.extend(response_format(format));
    config.extend(compact([(
        "thinkingConfig",
        thinking::write(thinking, &model, dropped),
    )]));
    let declarations = tools.into_iter().map(|tool| declaration(tool, dropped));
    let tools: Value = match has_tools {
        true => json!([{"functionDeclarations": declarations.collect::<Value>()}]),
        false => Value::Null,
    };
    let config = Some(Value::from(config)).filter(|config| *config != json!({}));
    Ok(compact([
        ("systemInstruction", system),
        ("contents", contents.into()),
        ("tools", tools),
        (
            "toolConfig",
            tool_choice.filter(|_| has_tools).map(tool_config).into(),
        ),
        ("generationConfig", config.into()),
    ]))
}

fn sampling_members(sampling: Sampling, dropped: &mut Dropped) -> Map<String, Value> {
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
    let all = stop.len();
    let stop: Vec<Value> = stop
        .into_iter()
        .filter(|stop| !stop.is_empty())
        .map(Value::from)
        .collect();
    // Elsewhere they have 64 bits.
    let fitting = seed.filter(|seed| i32::try_from(*seed).is_ok());
    if stop.len() < all {
        dropped.name("stop");
    }
    if fitting != seed {
        dropped.name("seed");
    }
    compact([
        ("maxOutputTokens", max_tokens.into()),
        ("temperature", temperature.into()),
        ("topP", top_p.into()),
        ("topK", top_k.into()),
        (
            "stopSequences",
            Some(stop).filter(|stop| !stop.is_empty()).into(),
        ),
        ("seed", fitting.into()),
        ("presencePenalty", presence_penalty.into()),
        ("frequencyPenalty", frequency_penalty.into()),
    ])
}

fn response_format(format: ResponseFormat) -> Map<String, Value> {
    let (mime, schema) = match format {
        ResponseFormat::Text => (Value::Null, Value::Null),
        ResponseFormat::Json => ("application/json".into(), Value::Null),
        ResponseFormat::Schema(wanted) => {
            ("application/json".into(), schema::write(wanted.schema.0))
        }
    };
    compact([("responseMimeType", mime), ("responseJsonSchema", schema)])
}

fn declaration(tool: Tool, dropped: &mut Dropped) -> Value {
    if tool.cache.is_some() {
        dropped.name("tools[].cache_control");
    }
    if tool.strict == Some(true) {
        dropped.name("tools[].strict");
    }
    let parameters = tool.parameters.map(|json| json.0);
    let parameters = parameters.filter(|schema| !schema::is_empty(schema));
    let members = compact([
        ("name", tool.name.into()),
        ("description", tool.description.map(Value::from).into()),
        ("parametersJsonSchema", parameters.map(schema::write).into()),
    ]);
    members.into()
}

fn tool_config(choice: ToolChoice) -> Value {
    let calling = match choice {
        ToolChoice::Auto => json!({"mode": "AUTO"}),
        ToolChoice::None => json!({"mode": "NONE"}),
        ToolChoice::Required => json!({"mode": "ANY"}),
        ToolChoice::Named(name) => json!({"mode": "ANY", "allowedFunctionNames": [name]}),
    };
    json!({"functionCallingConfig": calling})
}

/// The turns on their way out.
#[derive(Debug)]
struct Conversation<'d> {
    /// Name and place of every call so far, by id.
    calls: HashMap<String, (String, usize)>,
    count: usize,
    /// Whether the model wants every turn's first call signed.
    signed: bool,
    dropped: &'d mut Dropped,
}

impl<'d> Conversation<'d> {
    fn new(signed: bool, dropped: &'d mut Dropped) -> Self {
        Self {
            calls: HashMap::new(),
            count: 0,
            signed,
            dropped,
        }
    }

    /// The system instruction and the contents.
    fn write(mut self, turns: Vec<Turn>) -> (Value, Vec<Value>) {
        let mut system = Vec::new();
        let mut contents = Vec::with_capacity(turns.len());
        for turn in turns {
            let (role, parts) = match turn {
                Turn::System(texts) => {
                    if !contents.is_empty() {
                        // Its place among the messages is lost.
                        self.dropped.name("messages[].role");
                    }
                    system.extend(texts.into_iter().filter_map(|text| self.system(text)));
                    continue;
                }
                Turn::User(parts) => ("user", self.user(parts)),
                Turn::Assistant(parts) => ("model", self.assistant(parts)),
            };
            if !parts.is_empty() {
                contents.push(json!({"role": role, "parts": parts}));
            }
        }
        if contents.is_empty() {
            // The API wants something to answer.
            return (Value::Null, vec![json!({"role": "user", "parts": system})]);
        }
        match system.is_empty() {
            true => (Value::Null, contents),
            false => (json!({"parts": system}), contents),
        }
    }

    fn uncached(&mut self, cached: bool) {
        if cached {
            self.dropped.name("messages[].content[].cache_control");
        }
    }

    fn system(&mut self, Marked { part, cache }: Marked<Text>) -> Option<Value> {
        self.uncached(cache.is_some());
        (!part.is_empty()).then(|| json!({"text": part}))
    }

    /// Results come first, in the order of their calls: that tells whose they are.
    fn user(&mut self, parts: Vec<Marked<UserPart>>) -> Vec<Value> {
        let mut results = Vec::new();
        let mut said = Vec::with_capacity(parts.len());
        for Marked { part, cache } in parts {
            self.uncached(cache.is_some());
            match part {
                UserPart::Input(input) => said.extend(media::write(input, self.dropped)),
                UserPart::Result(result) => results.push(self.result(result, &mut said)),
            }
        }
        results.sort_by_key(|(place, _)| *place);
        results
            .into_iter()
            .map(|(_, result)| result)
            .chain(said)
            .collect()
    }

    fn result(&mut self, result: ToolResult, said: &mut Vec<Value>) -> (usize, Value) {
        let ToolResult {
            call,
            parts,
            outcome,
        } = result;
        let mut texts = Vec::new();
        for Marked { part, cache } in parts {
            self.uncached(cache.is_some());
            match part {
                Input::Text(text) => texts.push(text.0),
                // What else it brought is shown by the user.
                part => said.extend(media::write(part, self.dropped)),
            }
        }
        let response = response(texts.join("\n"), outcome);
        let (name, place) = match self.calls.get(&call) {
            Some((name, place)) => (name.clone(), *place),
            None => (call, usize::MAX),
        };
        let part = json!({"functionResponse": {"name": name, "response": response}});
        (place, part)
    }

    fn assistant(&mut self, parts: Vec<Marked<AssistantPart>>) -> Vec<Value> {
        let mut unsigned = self.signed;
        let mut written = Vec::with_capacity(parts.len());
        for Marked { part, cache } in parts {
            self.uncached(cache.is_some());
            match part {
                AssistantPart::Text(text) | AssistantPart::Refusal(text) => {
                    if !text.is_empty() {
                        written.push(json!({"text": text}));
                    }
                }
                AssistantPart::Reasoning(thought) => match own(thought) {
                    Some(part) => written.push(part),
                    None => self.dropped.name("messages[].reasoning"),
                },
                AssistantPart::Call(call) => {
                    let place = (call.name.clone(), self.count);
                    self.count += 1;
                    self.calls.insert(call.id.clone(), place);
                    written.push(function_call(call, std::mem::take(&mut unsigned)));
                }
            }
        }
        written
    }
}

/// A thought that the provider takes back: one that it signed.
fn own(thought: Reasoning) -> Option<Value> {
    let Reasoning::Shown { text, signature } = thought else {
        return None;
    };
    let signature = signature.filter(|s| s.origin == Format::GeminiContent)?;
    let mut part = compact([("text", text.into())]);
    if part.get("text").is_some_and(|text| text != "") {
        part.insert("thought".to_owned(), true.into());
    }
    part.insert(
        "thoughtSignature".to_owned(),
        signature::write(signature).into(),
    );
    Some(part.into())
}

fn function_call(call: ToolCall, must_be_signed: bool) -> Value {
    let own = call.signature.filter(|s| s.origin == Format::GeminiContent);
    let signature = own
        .map(signature::write)
        .or_else(|| must_be_signed.then(|| UNSIGNED.to_owned()));
    let call = json!({"name": call.name, "args": anthropic::input(&call.arguments)});
    compact([
        ("functionCall", call),
        ("thoughtSignature", signature.into()),
    ])
    .into()
}

/// What a tool said as the object that the API wants.
fn response(text: String, outcome: Outcome) -> Value {
    if outcome == Outcome::Failed {
        return json!({"error": text});
    }
    match serde_json::from_str(&text) {
        Ok(Value::Object(map))
            if !["output", "result", "error"]
                .iter()
                .any(|k| map.contains_key(*k)) =>
        {
            map.into()
        }
        _ => json!({"output": text}),
    }
}
