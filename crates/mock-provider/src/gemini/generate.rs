//! An answer as a GenerateContentResponse, or as a stream of them.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::request::{get, object, parse, parse_counted};
use crate::{
    ask::{Answered, Caching},
    dialect::{Context, Events, Framing, Payload},
    error::ApiError,
    seal::seal,
    text::{Choice, Content, Finish},
    tokens::base_name,
    wire::{data_event, to_bytes},
};

/// What every part of one answer repeats.
struct Envelope<'a> {
    id: String,
    model: &'a str,
    answered: Answered,
    thoughts: Thoughts,
}

/// Whether thoughts are told, or only paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thoughts {
    Told,
    Kept,
}

pub(super) fn answer(
    body: &Map<String, Value>,
    model: &str,
    framing: Option<Framing>,
    context: &Context<'_>,
) -> Result<Payload, ApiError> {
    let ask = parse(body, model)?;
    let told = object(body, "generationConfig")
        .and_then(|config| object(config, "thinkingConfig"))
        .and_then(|config| get(config, "includeThoughts"))
        .is_some_and(|told| *told == Value::Bool(true));
    let envelope = Envelope {
        id: context.ids.alphanumeric("", 22),
        model,
        answered: ask.answered(context, Caching::Implicit),
        thoughts: if told { Thoughts::Told } else { Thoughts::Kept },
    };
    Ok(match framing {
        None => Payload::json(&envelope.whole()),
        Some(framing) => Payload::Events(Events {
            frames: framed(&envelope.chunks(), framing),
            prelude: 0,
        }),
    })
}

/// `{"totalTokens", "promptTokensDetails"}`.
pub(super) fn count(body: &Map<String, Value>, model: &str) -> Result<Payload, ApiError> {
    let tokens = parse_counted(body, model)?.prompt_tokens();
    Ok(Payload::json(&json!({
        "totalTokens": tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}],
    })))
}

fn framed(chunks: &[Value], framing: Framing) -> Vec<Bytes> {
    match framing {
        Framing::JsonArray => {
            let lead = |index| if index == 0 { "[" } else { ",\r\n" };
            let chunks = chunks.iter().enumerate();
            chunks
                .map(|(index, chunk)| [lead(index).as_bytes(), &to_bytes(chunk)].concat().into())
                .chain([Bytes::from_static(b"\n]\n")])
                .collect()
        }
        _ => chunks.iter().map(data_event).collect(),
    }
}

// === impl Envelope ===

impl Envelope<'_> {
    fn whole(&self) -> Value {
        let candidates = self.answered.choices.iter().enumerate();
        let candidates: Vec<Value> = candidates
            .map(|(index, choice)| {
                let mut parts = Vec::new();
                if self.thoughts == Thoughts::Told && choice.reasoning > 0 {
                    parts.push(thought(&self.answered.thought.concat()));
                }
                match &choice.content {
                    Content::Text if choice.pieces.is_empty() => {}
                    Content::Text => parts.push(json!({"text": choice.pieces.concat()})),
                    Content::Call { name } => parts.push(self.call(name, choice)),
                }
                candidate(index, parts, Some(choice))
            })
            .collect();
        self.response(candidates, self.answered.choices.len(), usize::MAX)
    }

    /// Text comes a token at a time, a call at once; usage so far comes with each.
    fn chunks(&self) -> Vec<Value> {
        let mut chunks = Vec::new();
        for (index, choice) in self.answered.choices.iter().enumerate() {
            let mut said: Vec<Value> = Vec::new();
            if self.thoughts == Thoughts::Told {
                said.extend(self.answered.thought.iter().map(|piece| thought(piece)));
            }
            let thoughts = said.len();
            match &choice.content {
                Content::Text => {
                    said.extend(choice.pieces.iter().map(|piece| json!({"text": piece})));
                }
                Content::Call { name } => said.push(self.call(name, choice)),
            }
            if said.is_empty() {
                said.push(json!({"text": ""}));
            }
            let last = said.len() - 1;
            for (position, part) in said.into_iter().enumerate() {
                let ended = (position == last).then_some(choice);
                let tokens = if ended.is_some() {
                    usize::MAX
                } else {
                    (position + 1).saturating_sub(thoughts)
                };
                let candidates = vec![candidate(index, vec![part], ended)];
                chunks.push(self.response(candidates, index + 1, tokens));
            }
        }
        chunks
    }

    fn call(&self, name: &str, choice: &Choice) -> Value {
        let args: Value =
            serde_json::from_str(&choice.pieces.concat()).unwrap_or_else(|_| json!({}));
        let mut part = json!({"functionCall": {"name": name, "args": args}});
        if choice.reasoning > 0 || base_name(self.model).starts_with("gemini-3") {
            part["thoughtSignature"] = json!(seal(name));
        }
        part
    }

    /// A response with usage after `begun` candidates, of the last of which `tokens` at most were written.
    fn response(&self, candidates: Vec<Value>, begun: usize, tokens: usize) -> Value {
        let choices = &self.answered.choices[..begun];
        let spoken = |choice: &Choice| choice.tokens - choice.reasoning;
        let output: usize = match choices.split_last() {
            Some((last, before)) => {
                before.iter().map(spoken).sum::<usize>() + spoken(last).min(tokens)
            }
            None => 0,
        };
        let prompt = self.answered.prompt_tokens;
        let thoughts = self.answered.thought_tokens();
        let mut usage = json!({
            "promptTokenCount": prompt,
            "candidatesTokenCount": output,
            "totalTokenCount": prompt + output + thoughts,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
        });
        if self.answered.cache.read > 0 {
            usage["cachedContentTokenCount"] = json!(self.answered.cache.read);
        }
        if thoughts > 0 {
            usage["thoughtsTokenCount"] = json!(thoughts);
        }
        json!({
            "candidates": candidates,
            "usageMetadata": usage,
            "modelVersion": self.model,
            "responseId": self.id,
        })
    }
}

fn thought(text: &str) -> Value {
    json!({"text": text, "thought": true})
}

fn candidate(index: usize, parts: Vec<Value>, ended: Option<&Choice>) -> Value {
    let mut content = json!({"role": "model"});
    if !parts.is_empty() {
        content = json!({"parts": parts, "role": "model"});
    }
    let mut candidate = json!({"content": content});
    if let Some(choice) = ended {
        candidate["finishReason"] = json!(match choice.finish {
            Finish::Length => "MAX_TOKENS",
            Finish::Stop | Finish::ToolCalls => "STOP",
        });
    }
    candidate["index"] = json!(index);
    candidate
}
