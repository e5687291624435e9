//! An answer as a message, and the count of a prompt's tokens.

use serde_json::{Map, Value, json};

use super::{
    Place,
    request::{Purpose, parse},
    stream,
};
use crate::{
    ask::{Answered, Caching},
    dialect::{Context, Payload},
    error::ApiError,
    seal::seal,
    text::{Choice, Content, Finish},
};

/// A message before it is written whole or as a stream.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) id: String,
    pub(super) model: &'a str,
    pub(super) blocks: Vec<Block>,
    pub(super) stop_reason: &'static str,
    pub(super) stop_sequence: Option<String>,
    pub(super) answered: Answered,
    /// For how long marked prompts are cached.
    pub(super) ttl: Ttl,
}

/// A content block, in pieces of a token each.
#[derive(Debug)]
pub(super) enum Block {
    Thinking {
        pieces: Vec<String>,
        signature: String,
    },
    Text(Vec<String>),
    ToolUse {
        id: String,
        name: String,
        pieces: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ttl {
    Minutes,
    Hour,
}

pub(super) fn answer(
    body: &Map<String, Value>,
    place: &Place,
    context: &Context<'_>,
) -> Result<Payload, ApiError> {
    let ask = parse(body, place, Purpose::Answer, context)?;
    let mut answered = ask.answered(context, Caching::Marked);
    let choice = answered.choices.remove(0);
    let omitted = body
        .get("thinking")
        .and_then(|thinking| thinking.get("display"));
    let mut thought = std::mem::take(&mut answered.thought);
    if omitted.is_some_and(|display| display == "omitted") {
        thought.clear();
    }
    let message = Message {
        id: context.ids.alphanumeric("msg_01", 22),
        model: ask.model,
        stop_reason: stop_reason(&choice),
        stop_sequence: choice.stop.clone(),
        blocks: blocks(&choice, thought, context),
        ttl: if body_asks_for_an_hour(body) {
            Ttl::Hour
        } else {
            Ttl::Minutes
        },
        answered: Answered {
            choices: vec![choice],
            ..answered
        },
    };
    if body.get("stream") == Some(&Value::Bool(true)) {
        return Ok(Payload::Events(stream::events(&message)));
    }
    Ok(Payload::json(&message.object()))
}

/// `{"input_tokens"}`.
pub(super) fn count(
    body: &Map<String, Value>,
    place: &Place,
    context: &Context<'_>,
) -> Result<Payload, ApiError> {
    let ask = parse(body, place, Purpose::Count, context)?;
    Ok(Payload::json(&json!({"input_tokens": ask.prompt_tokens()})))
}

fn blocks(choice: &Choice, thought: Vec<String>, context: &Context<'_>) -> Vec<Block> {
    let mut blocks = Vec::new();
    if choice.reasoning > 0 {
        blocks.push(Block::Thinking {
            signature: seal(&thought.concat()),
            pieces: thought,
        });
    }
    let pieces = choice.pieces.clone();
    match &choice.content {
        Content::Text if pieces.is_empty() => {}
        Content::Text => blocks.push(Block::Text(pieces)),
        Content::Call { name } => blocks.push(Block::ToolUse {
            id: context.ids.alphanumeric("toolu_01", 22),
            name: name.clone(),
            pieces,
        }),
    }
    blocks
}

fn stop_reason(choice: &Choice) -> &'static str {
    match (choice.finish, &choice.stop) {
        (Finish::Length, _) => "max_tokens",
        (Finish::ToolCalls, _) => "tool_use",
        (Finish::Stop, Some(_)) => "stop_sequence",
        (Finish::Stop, None) => "end_turn",
    }
}

fn body_asks_for_an_hour(body: &Map<String, Value>) -> bool {
    fn asks(value: &Value) -> bool {
        match value {
            Value::Object(object) => object.iter().any(|(name, value)| match name.as_str() {
                "cache_control" => value.get("ttl").is_some_and(|ttl| ttl == "1h"),
                "tools" | "system" | "messages" | "content" => asks(value),
                _ => false,
            }),
            Value::Array(list) => list.iter().any(asks),
            _ => false,
        }
    }
    body.values().any(asks) || asks(&Value::Object(body.clone()))
}

// === impl Message ===

impl Message<'_> {
    fn object(&self) -> Value {
        let content: Vec<Value> = self.blocks.iter().map(Block::whole).collect();
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": self.stop_reason,
            "stop_sequence": self.stop_sequence,
            "usage": self.usage(self.answered.output_tokens()),
        })
    }

    pub(super) fn usage(&self, output_tokens: usize) -> Value {
        let cache = self.answered.cache;
        let (minutes, hour) = match self.ttl {
            Ttl::Minutes => (cache.written, 0),
            Ttl::Hour => (0, cache.written),
        };
        json!({
            "input_tokens": self.answered.uncached_tokens(),
            "cache_creation_input_tokens": cache.written,
            "cache_read_input_tokens": cache.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": minutes,
                "ephemeral_1h_input_tokens": hour,
            },
            "output_tokens": output_tokens,
            "service_tier": "standard",
        })
    }
}

// === impl Block ===

impl Block {
    fn whole(&self) -> Value {
        match self {
            Self::Thinking { pieces, signature } => {
                json!({"type": "thinking", "thinking": pieces.concat(), "signature": signature})
            }
            Self::Text(pieces) => json!({"type": "text", "text": pieces.concat()}),
            Self::ToolUse { id, name, pieces } => {
                // Cut at the token limit, the arguments are no JSON; the API then gives what it could read.
                let input: Value =
                    serde_json::from_str(&pieces.concat()).unwrap_or_else(|_| json!({}));
                json!({"type": "tool_use", "id": id, "name": name, "input": input})
            }
        }
    }
}
