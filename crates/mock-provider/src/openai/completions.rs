//! `POST /v1/completions`, the legacy API.

use serde::Serialize;
use serde_json::Value;

use super::{
    asked_model,
    chat::{Delivery, MOST_TOKENS, ReportedUsage, check_sampling, delivery, stops},
    done_event,
    fields::{Fields, wrong},
    usage::{ChatUsage, Usage},
};
use crate::{
    cache::CacheUse,
    dialect::{Context, Events, Payload},
    error::ApiError,
    text::{Choice, Format, Generation, Turn},
    tokens::Encoding,
    wire::{data_event, now},
};

/// OpenAI's default of `max_tokens` for this endpoint.
const DEFAULT_LIMIT: usize = 16;
const MOST_CHOICES: usize = 128;
/// Prompts, and answers to all of them.
const MOST_PROMPTS: usize = 2048;
/// Tokens of one prompt.
const CONTEXT: usize = 16_384;

#[derive(Debug, Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [CompletionChoice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<ChatUsage>>,
    system_fingerprint: &'a str,
}

#[derive(Debug, Serialize)]
struct CompletionChoice<'a> {
    text: &'a str,
    index: usize,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

/// What every part of one answer repeats.
#[derive(Debug)]
struct Head<'a> {
    id: String,
    created: u64,
    model: &'a str,
    fingerprint: String,
}

/// One of the prompts of a request.
#[derive(Debug)]
struct Prompt {
    text: String,
    tokens: usize,
}

// === impl Head ===

impl Head<'_> {
    /// `usage` is left out if it is `None`, and `null` if it is not known yet.
    fn completion<'a>(
        &'a self,
        choices: &'a [CompletionChoice<'a>],
        usage: Option<Option<ChatUsage>>,
    ) -> Completion<'a> {
        Completion {
            id: &self.id,
            object: "text_completion",
            created: self.created,
            model: self.model,
            choices,
            usage,
            system_fingerprint: &self.fingerprint,
        }
    }
}

pub(super) fn answer(body: Fields<'_>, context: &Context<'_>) -> Result<Payload, ApiError> {
    let model = asked_model(&body, context)?;
    check_sampling(&body)?;
    let prompts = prompts(&body, Encoding::of(model))?;
    let n = body.integer("n", 1..=MOST_CHOICES)?.unwrap_or(1);
    if prompts.len() * n > MOST_PROMPTS {
        let message = format!("Invalid 'n': more than {MOST_PROMPTS} completions are asked for.");
        return Err(ApiError::value("n", "invalid_value", message));
    }
    let limit = body
        .integer("max_tokens", 0..=MOST_TOKENS)?
        .unwrap_or(DEFAULT_LIMIT);
    let delivery = delivery(&body)?;
    let echo = body.flag("echo")?;
    let stops = stops(&body)?;
    let mut choices = Vec::with_capacity(prompts.len() * n);
    for prompt in &prompts {
        let turn = match prompt.text.as_str() {
            "" => Turn::Nothing,
            text => Turn::User(text.to_owned()),
        };
        let generation = Generation {
            model,
            turn: &turn,
            format: &Format::Text,
            call: None,
            stops: &stops,
            limit: Some(limit),
            reasoning: 0,
            min_tokens: context.settings.min_answer_tokens,
            choices: prompts.len() * n,
        };
        choices.extend((0..n).map(|index| generation.choice(index)));
    }
    let usage = Usage::of(
        prompts.iter().map(|prompt| prompt.tokens).sum(),
        CacheUse::default(),
        &choices,
    )
    .chat();
    if echo {
        for (choice, index) in choices.iter_mut().zip(0..) {
            choice.pieces.insert(0, prompts[index / n].text.clone());
        }
    }
    let head = Head {
        id: context.ids.alphanumeric("cmpl-", 29),
        created: now(),
        model,
        fingerprint: context.ids.fingerprint(model),
    };
    Ok(match delivery {
        Delivery::Whole => whole(&head, &choices, usage),
        Delivery::Stream(reported) => Payload::Events(events(&head, &choices, usage, reported)),
    })
}

fn whole(head: &Head<'_>, choices: &[Choice], usage: ChatUsage) -> Payload {
    let texts: Vec<String> = choices
        .iter()
        .map(|choice| choice.pieces.concat())
        .collect();
    let choices: Vec<_> = choices
        .iter()
        .zip(&texts)
        .enumerate()
        .map(|(index, (choice, text))| part(index, text, Some(choice)))
        .collect();
    Payload::json(&head.completion(&choices, Some(Some(usage))))
}

fn events(
    head: &Head<'_>,
    choices: &[Choice],
    usage: ChatUsage,
    reported: ReportedUsage,
) -> Events {
    let pending = (reported == ReportedUsage::Included).then_some(None);
    let event = |part| data_event(&head.completion(&[part], pending));
    let mut frames = Vec::new();
    for (index, choice) in choices.iter().enumerate() {
        frames.extend(
            choice
                .pieces
                .iter()
                .map(|piece| event(part(index, piece, None))),
        );
        frames.push(event(part(index, "", Some(choice))));
    }
    if reported == ReportedUsage::Included {
        frames.push(data_event(&head.completion(&[], Some(Some(usage)))));
    }
    frames.push(done_event());
    Events { frames, prelude: 0 }
}

/// A part of a choice; its last one, given as `ended`, says why.
fn part<'a>(index: usize, text: &'a str, ended: Option<&Choice>) -> CompletionChoice<'a> {
    let finish_reason = ended.map(|choice| choice.finish.as_str());
    CompletionChoice {
        text,
        index,
        logprobs: None,
        finish_reason,
    }
}

/// `prompt`: a string, an array of strings, an array of tokens, or an array of such arrays.
fn prompts(body: &Fields<'_>, encoding: Encoding) -> Result<Vec<Prompt>, ApiError> {
    let of_text = |text: &str| Prompt {
        text: text.to_owned(),
        tokens: encoding.count(text),
    };
    let of_tokens = |tokens: Vec<u32>| Prompt {
        tokens: tokens.len(),
        text: encoding.decode(&tokens).unwrap_or_default(),
    };
    let bad = |value| {
        wrong(
            "prompt".to_owned(),
            "a string, an array of strings or of tokens",
            value,
        )
    };
    let prompts = match body.required("prompt")? {
        Value::String(text) => vec![of_text(text)],
        value @ Value::Array(list) => match super::embeddings::tokens(list) {
            Some(tokens) if !tokens.is_empty() => vec![of_tokens(tokens)],
            _ => {
                let one = |item: &Value| match item {
                    Value::String(text) => Ok(of_text(text)),
                    Value::Array(list) => super::embeddings::tokens(list)
                        .map(of_tokens)
                        .ok_or_else(|| bad(value)),
                    _ => Err(bad(value)),
                };
                list.iter()
                    .take(MOST_PROMPTS + 1)
                    .map(one)
                    .collect::<Result<Vec<_>, _>>()?
            }
        },
        other => return Err(bad(other)),
    };
    if prompts.is_empty() || prompts.len() > MOST_PROMPTS {
        let message = format!("Invalid 'prompt': expected 1 to {MOST_PROMPTS} prompts.");
        return Err(ApiError::value("prompt", "invalid_array_length", message));
    }
    match prompts.iter().find(|prompt| prompt.tokens > CONTEXT) {
        None => Ok(prompts),
        Some(Prompt { tokens, .. }) => Err(ApiError::Value {
            param: None,
            code: Some("context_length_exceeded"),
            message: format!(
                "This model's maximum context length is {CONTEXT} tokens, however you requested {tokens} tokens in your prompt. Please reduce your prompt."
            ),
        }),
    }
}
