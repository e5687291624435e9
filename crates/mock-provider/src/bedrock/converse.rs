//! An answer as a Converse response, or as a stream of events.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{
    Verb, frame,
    request::{list, parse, parse_counted},
};
use crate::{
    ask::{Answered, Caching},
    dialect::{Context, Events, Payload},
    error::ApiError,
    seal::seal,
    text::{Choice, Content, Finish},
};

/// The longest padding of an event, which hides from an eavesdropper how long the tokens are.
const LONGEST_PADDING: usize = 36;

pub(super) fn answer(
    body: &Map<String, Value>,
    model: &str,
    verb: Verb,
    context: &Context<'_>,
) -> Result<Payload, ApiError> {
    let ask = parse(body, model, context)?;
    let answered = ask.answered(context, Caching::Marked);
    let extra = asks_for_stop(body).then_some(&answered.choices[0].stop);
    Ok(match verb {
        Verb::ConverseStream => Payload::Events(events(&answered, extra, context)),
        _ => {
            let choice = &answered.choices[0];
            let mut response = json!({
                "metrics": {"latencyMs": latency(&answered)},
                "output": {"message": {
                    "content": content(choice, &answered.thought, context),
                    "role": "assistant",
                }},
                "stopReason": stop_reason(choice),
                "usage": usage(&answered),
            });
            if let Some(stop) = extra {
                response["additionalModelResponseFields"] = json!({"stop_sequence": stop});
            }
            Payload::json(&response)
        }
    })
}

/// `{"inputTokens"}`.
pub(super) fn count(
    body: &Map<String, Value>,
    model: &str,
    context: &Context<'_>,
) -> Result<Payload, ApiError> {
    let tokens = parse_counted(body, model, context)?.prompt_tokens();
    Ok(Payload::json(&json!({"inputTokens": tokens})))
}

fn asks_for_stop(body: &Map<String, Value>) -> bool {
    list(body, "additionalModelResponseFieldPaths")
        .iter()
        .any(|path| path == "/stop_sequence")
}

fn content(choice: &Choice, thought: &[String], context: &Context<'_>) -> Vec<Value> {
    let mut blocks = Vec::new();
    if choice.reasoning > 0 {
        let text = thought.concat();
        let signature = seal(&text);
        blocks.push(json!({
            "reasoningContent": {"reasoningText": {"signature": signature, "text": text}},
        }));
    }
    let text = choice.pieces.concat();
    match &choice.content {
        Content::Text if text.is_empty() => {}
        Content::Text => blocks.push(json!({"text": text})),
        Content::Call { name } => {
            let input: Value = serde_json::from_str(&text).unwrap_or_else(|_| json!({}));
            blocks.push(json!({
                "toolUse": {"input": input, "name": name, "toolUseId": call_id(context)},
            }));
        }
    }
    blocks
}

fn call_id(context: &Context<'_>) -> String {
    context.ids.alphanumeric("tooluse_", 22)
}

/// Only calls have a start of their own; a text begins with its first delta.
fn events(answered: &Answered, extra: Option<&Option<String>>, context: &Context<'_>) -> Events {
    let choice = &answered.choices[0];
    let mut frames = vec![padded("messageStart", json!({"role": "assistant"}), 0)];
    let delta = |index: usize, delta: Value, position: usize| {
        padded(
            "contentBlockDelta",
            json!({"contentBlockIndex": index, "delta": delta}),
            position,
        )
    };
    let mut index = 0;
    let mut prelude = frames.len();
    if choice.reasoning > 0 {
        let thought = answered.thought.iter().enumerate();
        frames.extend(thought.map(|(position, piece)| {
            delta(
                index,
                json!({"reasoningContent": {"text": piece}}),
                position,
            )
        }));
        let signature =
            json!({"reasoningContent": {"signature": seal(&answered.thought.concat())}});
        frames.push(delta(index, signature, 0));
        frames.push(padded(
            "contentBlockStop",
            json!({"contentBlockIndex": index}),
            1,
        ));
        index += 1;
    }
    if let Content::Call { name } = &choice.content {
        let start = json!({"toolUse": {"name": name, "toolUseId": call_id(context)}});
        let start = json!({"contentBlockIndex": index, "start": start});
        frames.push(padded("contentBlockStart", start, 2));
        if index == 0 {
            prelude = frames.len();
        }
    }
    for (position, piece) in choice.pieces.iter().enumerate() {
        let said = match choice.content {
            Content::Text => json!({"text": piece}),
            Content::Call { .. } => json!({"toolUse": {"input": piece}}),
        };
        frames.push(delta(index, said, position));
    }
    frames.push(padded(
        "contentBlockStop",
        json!({"contentBlockIndex": index}),
        3,
    ));
    let mut stop = json!({"stopReason": stop_reason(choice)});
    if let Some(sequence) = extra {
        stop["additionalModelResponseFields"] = json!({"stop_sequence": sequence});
    }
    frames.push(padded("messageStop", stop, 4));
    let metadata = json!({
        "metrics": {"latencyMs": latency(answered)},
        "usage": usage(answered),
    });
    frames.push(padded("metadata", metadata, 5));
    Events { frames, prelude }
}

/// An event with padding, as the service adds it.
fn padded(name: &str, mut payload: Value, position: usize) -> Bytes {
    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ";
    payload["p"] = json!(&LETTERS[..1 + (position * 7 + 3) % LONGEST_PADDING]);
    frame::event(name, &payload)
}

fn stop_reason(choice: &Choice) -> &'static str {
    match (choice.finish, &choice.stop) {
        (Finish::Length, _) => "max_tokens",
        (Finish::ToolCalls, _) => "tool_use",
        (Finish::Stop, Some(_)) => "stop_sequence",
        (Finish::Stop, None) => "end_turn",
    }
}

/// Made up of the tokens, so that it repeats.
fn latency(answered: &Answered) -> usize {
    100 + 10 * answered.output_tokens()
}

fn usage(answered: &Answered) -> Value {
    let (output, cache) = (answered.output_tokens(), answered.cache);
    json!({
        "cacheReadInputTokens": cache.read,
        "cacheWriteInputTokens": cache.written,
        "inputTokens": answered.uncached_tokens(),
        "outputTokens": output,
        "totalTokens": answered.uncached_tokens() + cache.read + cache.written + output,
    })
}
