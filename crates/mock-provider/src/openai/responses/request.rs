//! A Responses request, parsed.

use serde_json::Value;

use super::super::{
    asked_model,
    chat::{MOST_TOKENS, check_sampling},
    content,
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
    text::{Format, Generation, Tool, Turn},
    tokens::Encoding,
};

#[derive(Debug)]
pub(super) struct ResponsesRequest<'a> {
    pub(super) streamed: bool,
    pub(super) prompt_tokens: usize,
    pub(super) cache: CacheUse,
    model: &'a str,
    turn: Turn,
    format: Format,
    tools: Vec<Tool>,
    choice: ToolChoice<'a>,
    limit: Option<usize>,
    reasoning: usize,
}

// === impl ResponsesRequest ===

impl<'a> ResponsesRequest<'a> {
    pub(super) fn parse(body: &Fields<'a>, context: &Context<'_>) -> Result<Self, ApiError> {
        // This endpoint words a missing model like any other parameter.
        body.required("model")?;
        let model = asked_model(body, context)?;
        check_sampling(body)?;
        let mut prompt = Prompt::new();
        if let Some(instructions) = body.string("instructions")? {
            prompt.text(instructions);
            prompt.message();
        }
        let turn = input(body, &mut prompt)?;
        let tools = tools::tools(body, Shape::Responses)?;
        let choice = tools::tool_choice(body, Shape::Responses, &tools)?;
        let format = match body.object("text")? {
            Some(text) => tools::format(text.object("format")?, Shape::Responses, &prompt)?,
            None => Format::Text,
        };
        let encoding = Encoding::of(model);
        if let Some(described) = body.get("tools") {
            prompt.extra(encoding.count(&described.to_string()));
        }
        let prompt_tokens = prompt.tokens(encoding);
        Ok(Self {
            streamed: body.flag("stream")?,
            prompt_tokens,
            cache: context.cache.implicit(model, prompt_tokens, &prompt),
            model,
            turn,
            format,
            tools,
            choice,
            limit: body.integer("max_output_tokens", 16..=MOST_TOKENS)?,
            reasoning: usage::reasoning_tokens(model, usage::effort(body)?),
        })
    }

    pub(super) fn generation(&self, min_tokens: usize) -> Generation<'_> {
        Generation {
            model: self.model,
            turn: &self.turn,
            format: &self.format,
            call: called(&self.tools, self.choice, &self.turn),
            stops: &[],
            limit: self.limit,
            reasoning: self.reasoning,
            min_tokens,
            choices: 1,
        }
    }
}

/// `input`: a string, or items of which messages and function results count here.
fn input<'a>(body: &Fields<'a>, prompt: &mut Prompt<'a>) -> Result<Turn, ApiError> {
    let items = match body.required("input")? {
        text @ Value::String(_) => {
            prompt.message();
            return content::add(prompt, text, "input").map(Turn::User);
        }
        Value::Array(items) => items,
        other => return Err(wrong("input".to_owned(), "a string or an array", other)),
    };
    let mut turn = Turn::Nothing;
    for (index, item) in items.iter().enumerate() {
        let item = Fields::nested(item, format!("input[{index}]"))?;
        prompt.message();
        match item.string("type")? {
            None | Some("message") => turn = message(&item, prompt)?.unwrap_or(turn),
            Some("function_call_output") => {
                let output = content::add(prompt, item.required("output")?, &item.path("output"))?;
                turn = Turn::Tool(output);
            }
            Some("function_call") => {
                prompt.text(item.required_string("name")?);
                prompt.text(item.required_string("arguments")?);
            }
            // Reasoning, built-in tools and references have no text that this model reads.
            Some(_) => {}
        }
    }
    Ok(turn)
}

/// A message's text; a turn if a user said it.
fn message<'a>(item: &Fields<'a>, prompt: &mut Prompt<'a>) -> Result<Option<Turn>, ApiError> {
    const ROLES: [(&str, bool); 4] = [
        ("assistant", false),
        ("system", false),
        ("developer", false),
        ("user", true),
    ];
    let role = item.required_string("role")?;
    let by_user = one_of(&item.path("role"), role, &ROLES)?;
    let said = content::add(prompt, item.required("content")?, &item.path("content"))?;
    Ok(by_user.then_some(Turn::User(said)))
}
