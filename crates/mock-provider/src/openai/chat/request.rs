//! A chat request, parsed.

use serde_json::Value;

use super::super::{
    asked_model, content,
    fields::{Fields, one_of, wrong},
    tools::{self, Shape},
    usage,
};
use crate::{
    cache::CacheUse,
    calling::{ToolChoice, called},
    dialect::Context,
    error::ApiError,
    prompt::Prompt,
    text::{Finish, Format, Generation, Tool, Turn},
    tokens::Encoding,
};

/// More tokens than any answer has.
pub(in super::super) const MOST_TOKENS: usize = 10_000_000;
const MOST_CHOICES: usize = 128;

/// How the answer is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Delivery {
    Whole,
    Stream(ReportedUsage),
}

/// Whether a stream reports usage before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum ReportedUsage {
    Included,
    Omitted,
}

#[derive(Debug)]
pub(super) struct ChatRequest<'a> {
    pub(super) model: &'a str,
    pub(super) n: usize,
    pub(super) delivery: Delivery,
    pub(super) prompt_tokens: usize,
    pub(super) cache: CacheUse,
    turn: Turn,
    format: Format,
    tools: Vec<Tool>,
    choice: ToolChoice<'a>,
    stops: Vec<String>,
    limit: Option<usize>,
    reasoning: usize,
}

#[derive(Clone, Copy)]
enum Role {
    System,
    User,
    Assistant,
    Tool,
}

// === impl ChatRequest ===

impl<'a> ChatRequest<'a> {
    pub(super) fn parse(body: &Fields<'a>, context: &Context<'_>) -> Result<Self, ApiError> {
        let model = asked_model(body, context)?;
        check_sampling(body)?;
        let (turn, mut prompt) = messages(body)?;
        let tools = tools::tools(body, Shape::Chat)?;
        let choice = tools::tool_choice(body, Shape::Chat, &tools)?;
        let format = tools::format(body.object("response_format")?, Shape::Chat, &prompt)?;
        let encoding = Encoding::of(model);
        if let Some(described) = body.get("tools") {
            prompt.extra(encoding.count(&described.to_string()));
        }
        let prompt_tokens = prompt.tokens(encoding);
        Ok(Self {
            model,
            n: body.integer("n", 1..=MOST_CHOICES)?.unwrap_or(1),
            delivery: delivery(body)?,
            prompt_tokens,
            cache: context.cache.implicit(model, prompt_tokens, &prompt),
            turn,
            format,
            tools,
            choice,
            stops: stops(body)?,
            limit: limit(body)?,
            reasoning: usage::reasoning_tokens(model, usage::effort(body)?),
        })
    }

    pub(super) fn generation(&self, min_tokens: usize) -> Generation<'_> {
        Generation {
            model: self.model,
            turn: &self.turn,
            format: &self.format,
            call: called(&self.tools, self.choice, &self.turn),
            stops: &self.stops,
            limit: self.limit,
            reasoning: self.reasoning,
            min_tokens,
            choices: self.n,
        }
    }

    /// OpenAI reports `stop`, not `tool_calls`, for a call of the function that the request forced by name.
    pub(super) fn finish(&self, finish: Finish) -> Finish {
        match (finish, self.choice) {
            (Finish::ToolCalls, ToolChoice::Named(_)) => Finish::Stop,
            (finish, _) => finish,
        }
    }
}

/// Ranges of the sampling parameters, which a mock has no other use for.
pub(in super::super) fn check_sampling(body: &Fields<'_>) -> Result<(), ApiError> {
    body.number("temperature", 0.0..=2.0)?;
    body.number("top_p", 0.0..=1.0)?;
    body.number("presence_penalty", -2.0..=2.0)?;
    body.number("frequency_penalty", -2.0..=2.0)?;
    Ok(())
}

/// `stream` and `stream_options`.
pub(in super::super) fn delivery(body: &Fields<'_>) -> Result<Delivery, ApiError> {
    let options = body.object("stream_options")?;
    if !body.flag("stream")? {
        return match options {
            None => Ok(Delivery::Whole),
            Some(_) => Err(ApiError::Value {
                param: Some("stream_options".to_owned()),
                code: None,
                message: "The 'stream_options' parameter is only allowed when 'stream' is enabled."
                    .to_owned(),
            }),
        };
    }
    let included = match options {
        Some(options) => options.flag("include_usage")?,
        None => false,
    };
    let reported = if included {
        ReportedUsage::Included
    } else {
        ReportedUsage::Omitted
    };
    Ok(Delivery::Stream(reported))
}

/// `stop`: a string, or up to four.
pub(in super::super) fn stops(body: &Fields<'_>) -> Result<Vec<String>, ApiError> {
    let bad = |value| {
        Err(wrong(
            "stop".to_owned(),
            "a string or an array of strings",
            value,
        ))
    };
    let stops = match body.get("stop") {
        None => Vec::new(),
        Some(Value::String(stop)) => vec![stop.clone()],
        Some(Value::Array(list)) => {
            let mut stops = Vec::new();
            for stop in list {
                match stop {
                    Value::String(stop) => stops.push(stop.clone()),
                    other => return bad(other),
                }
            }
            stops
        }
        Some(other) => return bad(other),
    };
    if stops.len() > 4 {
        let message = format!(
            "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length {} instead.",
            stops.len()
        );
        return Err(ApiError::value("stop", "array_above_max_length", message));
    }
    Ok(stops.into_iter().filter(|stop| !stop.is_empty()).collect())
}

fn limit(body: &Fields<'_>) -> Result<Option<usize>, ApiError> {
    let old = body.integer("max_tokens", 1..=MOST_TOKENS)?;
    let new = body.integer("max_completion_tokens", 1..=MOST_TOKENS)?;
    if old.is_some() && new.is_some() {
        return Err(ApiError::value(
            "max_tokens",
            "invalid_parameter_combination",
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
                .to_owned(),
        ));
    }
    Ok(new.or(old))
}

/// The last turn, and all texts.
fn messages<'a>(body: &Fields<'a>) -> Result<(Turn, Prompt<'a>), ApiError> {
    const ROLES: [(&str, Role); 6] = [
        ("system", Role::System),
        ("assistant", Role::Assistant),
        ("user", Role::User),
        ("function", Role::Tool),
        ("tool", Role::Tool),
        ("developer", Role::System),
    ];
    body.required("messages")?;
    let messages = body.array("messages")?.unwrap_or_default();
    if messages.is_empty() {
        return Err(ApiError::value(
            "messages",
            "empty_array",
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.".to_owned(),
        ));
    }
    let mut prompt = Prompt::new();
    let mut turn = Turn::Nothing;
    let mut tools_may_answer = false;
    for (index, message) in messages.iter().enumerate() {
        let message = Fields::nested(message, format!("messages[{index}]"))?;
        let role = message.required_string("role")?;
        let role = one_of(&message.path("role"), role, &ROLES)?;
        prompt.message();
        if let Some(name) = message.string("name")? {
            prompt.text(name);
            prompt.extra(1);
        }
        let calls = message.array("tool_calls")?.unwrap_or_default();
        let content = match (role, message.get("content")) {
            (Role::Assistant, None) => &Value::Null,
            (_, Some(content)) => content,
            (_, None) => {
                return Err(ApiError::Missing {
                    param: message.path("content"),
                });
            }
        };
        let said = content::add(&mut prompt, content, &message.path("content"))?;
        match role {
            Role::User => turn = Turn::User(said),
            Role::Tool if !tools_may_answer && message.required_string("role")? == "tool" => {
                return Err(ApiError::Value {
                    param: Some(message.path("role")),
                    code: None,
                    message: "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.".to_owned(),
                });
            }
            Role::Tool => turn = Turn::Tool(said),
            Role::System | Role::Assistant => {}
        }
        tools_may_answer = match role {
            Role::Tool => tools_may_answer,
            _ => !calls.is_empty(),
        };
        count_calls(calls, &mut prompt);
    }
    Ok((turn, prompt))
}

/// Calls of earlier turns are part of the prompt.
fn count_calls<'a>(calls: &'a [Value], prompt: &mut Prompt<'a>) {
    let functions = calls.iter().filter_map(|call| call.get("function"));
    for text in functions.flat_map(|function| [function.get("name"), function.get("arguments")]) {
        if let Some(text) = text.and_then(Value::as_str) {
            prompt.text(text);
        }
    }
}
