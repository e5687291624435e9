//! `POST /v1/responses`.

mod request;
mod stream;

use serde_json::{Map, Value, json};

use self::request::ResponsesRequest;
use super::{fields::Fields, usage::Usage};
use crate::{
    dialect::{Context, Payload},
    error::ApiError,
    text::{Choice, Content, Finish},
    wire::now,
};

/// The response object before and after its output is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    InProgress,
    Completed,
    Incomplete,
}

/// A response object, and the ids of its one output item.
#[derive(Debug)]
struct Response<'a> {
    id: String,
    item_id: String,
    call_id: String,
    created: u64,
    body: Fields<'a>,
    choice: Choice,
    usage: Usage,
}

pub(super) fn answer(body: Fields<'_>, context: &Context<'_>) -> Result<Payload, ApiError> {
    let request = ResponsesRequest::parse(&body, context)?;
    let choice = request
        .generation(context.settings.min_answer_tokens)
        .choice(0);
    let usage = Usage::of(
        request.prompt_tokens,
        request.cache,
        std::slice::from_ref(&choice),
    );
    let item = match choice.content {
        Content::Text => "msg_",
        Content::Call { .. } => "fc_",
    };
    let response = Response {
        id: context.ids.hex("resp_", 48),
        item_id: context.ids.hex(item, 48),
        call_id: context.ids.alphanumeric("call_", 24),
        created: now(),
        body,
        choice,
        usage,
    };
    if request.streamed {
        return Ok(Payload::Events(stream::events(&response)));
    }
    Ok(Payload::json(&response.object(response.status())))
}

// === impl Status ===

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
        }
    }
}

// === impl Response ===

impl Response<'_> {
    /// The status at the end.
    fn status(&self) -> Status {
        match self.choice.finish {
            Finish::Length => Status::Incomplete,
            Finish::Stop | Finish::ToolCalls => Status::Completed,
        }
    }

    /// The `response` object; without output and usage while it is in progress.
    fn object(&self, status: Status) -> Value {
        let repeat = |name: &str, default: Value| self.body.or(name, default);
        let (output, usage) = match status {
            Status::InProgress => (json!([]), Value::Null),
            _ => (json!([self.item(status)]), self.usage.responses()),
        };
        let incomplete = match status {
            Status::Incomplete => json!({"reason": "max_output_tokens"}),
            _ => Value::Null,
        };
        json!({
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status.as_str(),
            "background": false,
            "error": null,
            "incomplete_details": incomplete,
            "instructions": repeat("instructions", Value::Null),
            "max_output_tokens": repeat("max_output_tokens", Value::Null),
            "max_tool_calls": repeat("max_tool_calls", Value::Null),
            "model": repeat("model", Value::Null),
            "output": output,
            "parallel_tool_calls": repeat("parallel_tool_calls", json!(true)),
            "previous_response_id": repeat("previous_response_id", Value::Null),
            "prompt_cache_key": repeat("prompt_cache_key", Value::Null),
            "reasoning": with_defaults(
                self.body.get("reasoning"),
                json!({"effort": null, "summary": null}),
            ),
            "safety_identifier": repeat("safety_identifier", Value::Null),
            "service_tier": "default",
            "store": repeat("store", json!(true)),
            "temperature": repeat("temperature", json!(1.0)),
            "text": with_defaults(
                self.body.get("text"),
                json!({"format": {"type": "text"}, "verbosity": "medium"}),
            ),
            "tool_choice": repeat("tool_choice", json!("auto")),
            "tools": repeat("tools", json!([])),
            "top_logprobs": 0,
            "top_p": repeat("top_p", json!(1.0)),
            "truncation": repeat("truncation", json!("disabled")),
            "usage": usage,
            "user": repeat("user", Value::Null),
            "metadata": repeat("metadata", json!({})),
        })
    }

    /// The output item; without its content while it is in progress.
    fn item(&self, status: Status) -> Value {
        let text = match status {
            Status::InProgress => String::new(),
            _ => self.text(),
        };
        match &self.choice.content {
            Content::Text => {
                let content = match status {
                    Status::InProgress => json!([]),
                    _ => json!([part(&text)]),
                };
                json!({
                    "id": self.item_id,
                    "type": "message",
                    "status": status.as_str(),
                    "content": content,
                    "role": "assistant",
                })
            }
            Content::Call { name } => json!({
                "id": self.item_id,
                "type": "function_call",
                "status": status.as_str(),
                "arguments": text,
                "call_id": self.call_id,
                "name": name,
            }),
        }
    }

    fn text(&self) -> String {
        self.choice.pieces.concat()
    }
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text})
}

/// An object as it was given, with what it leaves out.
fn with_defaults(given: Option<&Value>, defaults: Value) -> Value {
    let mut object: Map<String, Value> = match defaults {
        Value::Object(defaults) => defaults,
        _ => Map::new(),
    };
    if let Some(Value::Object(given)) = given {
        object.extend(
            given
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
    }
    Value::Object(object)
}
