//! `POST /v1/chat/completions`.

mod request;
mod stream;

use serde_json::{Value, json};

pub(super) use self::request::{
    Delivery, MOST_TOKENS, ReportedUsage, check_sampling, delivery, stops,
};

use self::request::ChatRequest;
use super::{fields::Fields, usage::Usage};
use crate::{
    dialect::{Context, Payload},
    error::ApiError,
    text::{Choice, Content, Finish},
    wire::now,
};

/// What every part of one answer repeats.
#[derive(Debug)]
struct Envelope<'a> {
    id: String,
    created: u64,
    model: &'a str,
    fingerprint: String,
}

pub(super) fn answer(body: Fields<'_>, context: &Context<'_>) -> Result<Payload, ApiError> {
    let request = ChatRequest::parse(&body, context)?;
    let generation = request.generation(context.settings.min_answer_tokens);
    let choices: Vec<Choice> = (0..request.n)
        .map(|index| generation.choice(index))
        .collect();
    let usage = Usage::of(request.prompt_tokens, request.cache, &choices);
    let envelope = Envelope {
        id: context.ids.alphanumeric("chatcmpl-", 29),
        created: now(),
        model: request.model,
        fingerprint: context.ids.fingerprint(request.model),
    };
    let finish = |choice: &Choice| request.finish(choice.finish);
    match request.delivery {
        Delivery::Whole => {
            let choices: Vec<Value> = choices
                .iter()
                .enumerate()
                .map(|(index, choice)| {
                    json!({
                        "index": index,
                        "message": message(choice, context),
                        "logprobs": null,
                        "finish_reason": finish(choice).as_str(),
                    })
                })
                .collect();
            Ok(Payload::json(&json!({
                "id": envelope.id,
                "object": "chat.completion",
                "created": envelope.created,
                "model": envelope.model,
                "choices": choices,
                "usage": usage.chat(),
                "service_tier": "default",
                "system_fingerprint": envelope.fingerprint,
            })))
        }
        Delivery::Stream(reported) => Ok(Payload::Events(stream::events(
            &envelope,
            &choices,
            &finish,
            usage.chat(),
            reported,
            context,
        ))),
    }
}

fn message(choice: &Choice, context: &Context<'_>) -> Value {
    let text = choice.pieces.concat();
    match &choice.content {
        Content::Text => json!({
            "role": "assistant",
            "content": text,
            "refusal": null,
            "annotations": [],
        }),
        Content::Call { name } => json!({
            "role": "assistant",
            "content": null,
            "tool_calls": [{
                "id": context.ids.alphanumeric("call_", 24),
                "type": "function",
                "function": {"name": name, "arguments": text},
            }],
            "refusal": null,
            "annotations": [],
        }),
    }
}

// === impl Finish ===

impl Finish {
    /// `finish_reason` of chat and legacy completions.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
        }
    }
}
