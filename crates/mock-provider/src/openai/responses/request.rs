//! A Responses request, parsed.

use serde_json::Value;

use super::super::{
    Context,
    chat::{MOST_TOKENS, check_sampling},
    content::Prompt,
    error::ApiError,
    fields::{Fields, one_of, wrong},
    tools::{self, Shape, ToolChoice},
    usage,
};
use crate::{
    cache::CacheUse,
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
        let model = context.model(body)?;
        check_sampling(body)?;
        let mut prompt = Prompt {
            texts: Vec::new(),
            overhead: 3,
        };
        if let Some(instructions) = body.string("instructions")? {
            prompt.texts.push(instructions);
            prompt.overhead += 4;
        }
        let turn = input(body, &mut prompt)?;
        let tools = tools::tools(body, Shape::Responses)?;
        let choice = tools::tool_choice(body, Shape::Responses, &tools)?;
        let format = match body.object("text")? {
            Some(text) => tools::format(text.object("format")?, Shape::Responses, &prompt.texts)?,
            None => Format::Text,
        };
        let encoding = Encoding::of(model);
        if let Some(described) = body.get("tools") {
            prompt.overhead += encoding.count(&described.to_string());
        }
        let prompt_tokens = prompt.tokens(encoding);
        Ok(Self {
            streamed: body.flag("stream")?,
            prompt_tokens,
            cache: usage::cache_use(context, model, prompt_tokens, || prompt.texts.join("\n")),
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
            call: tools::called(&self.tools, self.choice, &self.turn),
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
            prompt.overhead += 4;
            return prompt.add(text, "input").map(Turn::User);
        }
        Value::Array(items) => items,
        other => return Err(wrong("input".to_owned(), "a string or an array", other)),
    };
    let mut turn = Turn::Nothing;
    for (index, item) in items.iter().enumerate() {
        let item = Fields::nested(item, format!("input[{index}]"))?;
        prompt.overhead += 4;
        match item.string("type")? {
            None | Some("message") => turn = message(&item, prompt)?.unwrap_or(turn),
            Some("function_call_output") => {
                let output = prompt.add(item.required("output")?, &item.path("output"))?;
                turn = Turn::Tool(output);
            }
            Some("function_call") => {
                prompt.texts.push(item.required_string("name")?);
                prompt.texts.push(item.required_string("arguments")?);
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
    let said = prompt.add(item.required("content")?, &item.path("content"))?;
    Ok(by_user.then_some(Turn::User(said)))
}
