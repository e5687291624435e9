//! Writing a request to a provider. The model is in its path.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::content::Blocks;
use super::model::Family;
use super::response;
use crate::chat::{
    AssistantPart, Cache, ChatRequest, Dropped, Effort, Marked, Outcome, Reasoning, ResponseFormat,
    Text, Tool, ToolChoice, ToolResult, Turn, UserPart,
};
use crate::error::Error;
use crate::format::Format;
use crate::json::compact;

/// What stands for the mode that promises JSON, which the API does not have.
const ANY_JSON: &str = "Answer with one JSON object and nothing else.";

pub(super) fn write(
    mut request: ChatRequest,
    dropped: &mut Dropped,
) -> Result<Map<String, Value>, Error> {
    let family = Family::of(&request.model);
    let settings = family.settings(&mut request, dropped);
    if request.user.is_some() {
        dropped.name("user");
    }
    if request.parallel_tools == Some(false) {
        dropped.name("parallel_tool_calls");
    }
    if request.format == ResponseFormat::Json {
        dropped.name("response_format");
        let text = Marked::plain(Text::from(ANY_JSON));
        request.turns.insert(0, Turn::System(vec![text]));
    }
    let mut writer = Writer {
        family,
        blocks: Blocks::default(),
        called: BTreeSet::new(),
        dropped,
    };
    let (system, messages) = writer.conversation(request.turns)?;
    let tools = writer.tool_config(request.tools, request.tool_choice);
    Ok(compact([
        ("system", some(system)),
        ("messages", messages.into()),
        ("inferenceConfig", members(settings.inference)),
        ("toolConfig", tools),
        ("additionalModelRequestFields", members(settings.extra)),
        (
            "outputConfig",
            output_config(request.format, settings.effort),
        ),
    ]))
}

fn some(items: Vec<Value>) -> Value {
    match items.is_empty() {
        true => Value::Null,
        false => items.into(),
    }
}

fn members(map: Map<String, Value>) -> Value {
    match map.is_empty() {
        true => Value::Null,
        false => map.into(),
    }
}

fn output_config(format: ResponseFormat, effort: Option<Effort>) -> Value {
    let format = match format {
        ResponseFormat::Schema(wanted) => {
            let schema = compact([
                // As a text.
                ("schema", wanted.schema.0.to_string().into()),
                ("name", wanted.name.into()),
                ("description", wanted.description.map(Value::from).into()),
            ]);
            json!({"type": "json_schema", "structure": {"jsonSchema": schema}})
        }
        ResponseFormat::Text | ResponseFormat::Json => Value::Null,
    };
    members(compact([
        ("textFormat", format),
        ("effort", effort.map(Effort::word).into()),
    ]))
}

/// The conversation on its way out.
#[derive(Debug)]
struct Writer<'d> {
    family: Family,
    blocks: Blocks,
    /// Names of the tools that were called.
    called: BTreeSet<String>,
    dropped: &'d mut Dropped,
}

impl Writer<'_> {
    /// The system prompt and the messages. Speakers must take turns: what one says in several
    /// messages is one.
    fn conversation(&mut self, turns: Vec<Turn>) -> Result<(Vec<Value>, Vec<Value>), Error> {
        let mut system = Vec::new();
        let mut messages: Vec<(&str, Vec<Value>)> = Vec::with_capacity(turns.len());
        for turn in turns {
            let (role, blocks) = match turn {
                Turn::System(texts) => {
                    if !messages.is_empty() {
                        // Its place among the messages is lost.
                        self.dropped.name("messages[].role");
                    }
                    for Marked { part, cache } in texts {
                        if !part.trim().is_empty() {
                            system.push(json!({"text": part}));
                        }
                        self.mark(cache, &mut system);
                    }
                    continue;
                }
                Turn::User(parts) => ("user", self.user(parts)?),
                Turn::Assistant(parts) => ("assistant", self.assistant(parts)),
            };
            match messages.last_mut() {
                _ if blocks.is_empty() => {}
                Some((last, before)) if *last == role => before.extend(blocks),
                _ => messages.push((role, blocks)),
            }
        }
        if messages.is_empty() {
            // The API wants something to answer.
            messages.push(("user", std::mem::take(&mut system)));
        }
        trim_prefill(messages.last_mut());
        let messages = messages
            .into_iter()
            .map(|(role, content)| json!({"role": role, "content": content}));
        Ok((system, messages.collect()))
    }

    /// Appends the mark of what a cache is to hold, unless there is nothing before it.
    fn mark(&mut self, cache: Option<Cache>, blocks: &mut Vec<Value>) {
        let Some(cache) = cache else { return };
        if !self.family.caches() || blocks.is_empty() {
            self.dropped.name("messages[].content[].cache_control");
            return;
        }
        blocks.push(cache_point(cache));
    }

    fn user(&mut self, parts: Vec<Marked<UserPart>>) -> Result<Vec<Value>, Error> {
        let mut blocks = Vec::with_capacity(parts.len());
        for Marked { part, cache } in parts {
            match part {
                UserPart::Input(input) => blocks.extend(self.blocks.write(input, self.dropped)?),
                UserPart::Result(result) => blocks.push(self.result(result)?),
            }
            self.mark(cache, &mut blocks);
        }
        let has = |key: &str| blocks.iter().any(|block| block.get(key).is_some());
        if has("document") && !has("text") {
            // The API wants a text beside it.
            blocks.push(json!({"text": "See the document."}));
        }
        Ok(blocks)
    }

    fn result(&mut self, result: ToolResult) -> Result<Value, Error> {
        let mut content = Vec::with_capacity(result.parts.len());
        for Marked { part, cache } in result.parts {
            content.extend(self.blocks.write(part, self.dropped)?);
            if cache.is_some() {
                self.dropped.name("messages[].content[].cache_control");
            }
        }
        let status = match result.outcome {
            Outcome::Good => "success",
            Outcome::Failed => "error",
        };
        let id = id(result.call);
        Ok(json!({"toolResult": {"toolUseId": id, "content": content, "status": status}}))
    }

    fn assistant(&mut self, parts: Vec<Marked<AssistantPart>>) -> Vec<Value> {
        let mut blocks = Vec::with_capacity(parts.len());
        for Marked { part, cache } in parts {
            let part = match part {
                AssistantPart::Text(text) | AssistantPart::Refusal(text)
                    if text.trim().is_empty() =>
                {
                    continue;
                }
                AssistantPart::Reasoning(thought) if !is_taken(&thought) => {
                    // What no signature proves is refused.
                    self.dropped.name("messages[].reasoning");
                    continue;
                }
                AssistantPart::Call(mut call) => {
                    self.called.insert(call.name.clone());
                    call.id = id(call.id);
                    AssistantPart::Call(call)
                }
                other => other,
            };
            blocks.push(response::written(part));
            self.mark(cache, &mut blocks);
        }
        blocks
    }

    /// A conversation with calls must have tools, also where none may be called any more.
    fn tool_config(&mut self, tools: Vec<Tool>, choice: Option<ToolChoice>) -> Value {
        let mut specs = Vec::with_capacity(tools.len());
        if choice == Some(ToolChoice::None) && self.called.is_empty() {
            return Value::Null;
        }
        let unnamed = tools.is_empty();
        for tool in tools {
            let cache = tool.cache;
            specs.push(json!({"toolSpec": spec(tool)}));
            self.mark(cache, &mut specs);
        }
        if unnamed {
            let called = std::mem::take(&mut self.called).into_iter();
            specs.extend(called.map(|name| {
                let schema = json!({"json": {"type": "object", "properties": {}}});
                json!({"toolSpec": {"name": name, "inputSchema": schema}})
            }));
        }
        if specs.is_empty() {
            return Value::Null;
        }
        let choice = match choice.filter(|_| !unnamed) {
            None => Value::Null,
            Some(ToolChoice::None) => {
                self.dropped.name("tool_choice");
                Value::Null
            }
            Some(ToolChoice::Auto) => json!({"auto": {}}),
            Some(ToolChoice::Required) => json!({"any": {}}),
            Some(ToolChoice::Named(name)) => json!({"tool": {"name": name}}),
        };
        compact([("tools", specs.into()), ("toolChoice", choice)]).into()
    }
}

fn cache_point(cache: Cache) -> Value {
    match cache {
        Cache::Short => json!({"cachePoint": {"type": "default"}}),
        Cache::Hour => json!({"cachePoint": {"type": "default", "ttl": "1h"}}),
    }
}

fn spec(tool: Tool) -> Map<String, Value> {
    let mut schema = match tool.parameters.map(|json| json.0) {
        Some(Value::Object(schema)) => schema,
        _ => Map::new(),
    };
    // It must be of this type.
    schema.entry("type").or_insert_with(|| "object".into());
    let description = tool.description.filter(|text| !text.trim().is_empty());
    compact([
        ("name", tool.name.into()),
        ("description", description.map(Value::from).into()),
        ("inputSchema", json!({"json": schema})),
        ("strict", tool.strict.filter(|strict| *strict).into()),
    ])
}

fn is_taken(thought: &Reasoning) -> bool {
    match thought {
        Reasoning::Hidden(data) => data.origin == Format::BedrockConverse,
        Reasoning::Shown { signature, .. } => signature
            .as_ref()
            .is_some_and(|signature| signature.origin == Format::AnthropicMessages),
    }
}

/// Where the model is to go on with a turn of its own, that must not end in blanks.
fn trim_prefill(last: Option<&mut (&str, Vec<Value>)>) {
    let Some(("assistant", blocks)) = last else {
        return;
    };
    let text = blocks.last_mut().and_then(|block| block.get_mut("text"));
    if let Some(Value::String(text)) = text {
        text.truncate(text.trim_end().len());
    }
}

/// The API takes letters, digits and a few marks, and so many of them.
fn id(id: String) -> String {
    const MOST: usize = 64;
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    match id.len() <= MOST && id.chars().all(fits) {
        true => id,
        // The end tells ids apart better than the start.
        false => {
            let plain: String = id.chars().map(|c| if fits(c) { c } else { '_' }).collect();
            plain[plain.len().saturating_sub(MOST)..].to_owned()
        }
    }
}
