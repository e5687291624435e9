//! A chat answer as `chat.completion.chunk` events.

use serde::Serialize;

use super::{
    super::{done_event, usage::ChatUsage},
    Envelope,
    request::ReportedUsage,
};
use crate::{
    dialect::{Context, Events},
    text::{Choice, Content, Finish},
    wire::data_event,
};

#[derive(Debug, Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    service_tier: &'static str,
    system_fingerprint: &'a str,
    choices: &'a [ChunkChoice<'a>],
    /// `null` in all chunks but the last, if usage was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<ChatUsage>>,
}

#[derive(Debug, Serialize)]
struct ChunkChoice<'a> {
    index: usize,
    delta: Delta<'a>,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

#[derive(Debug, Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallDelta<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Option<&'a str>>,
}

#[derive(Debug, Serialize)]
struct CallDelta<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "type")]
    kind: Option<&'static str>,
    function: FunctionDelta<'a>,
}

#[derive(Debug, Serialize)]
struct FunctionDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

/// The events: the role of each choice, their pieces in turn, their ends, usage if asked for, `[DONE]`.
pub(super) fn events(
    envelope: &Envelope<'_>,
    choices: &[Choice],
    finish: &dyn Fn(&Choice) -> Finish,
    usage: ChatUsage,
    reported: ReportedUsage,
    context: &Context<'_>,
) -> Events {
    let event = |choices: &[ChunkChoice<'_>], usage: Option<ChatUsage>| {
        data_event(&Chunk {
            id: &envelope.id,
            object: "chat.completion.chunk",
            created: envelope.created,
            model: envelope.model,
            service_tier: "default",
            system_fingerprint: &envelope.fingerprint,
            choices,
            usage: match reported {
                ReportedUsage::Included => Some(usage),
                ReportedUsage::Omitted => None,
            },
        })
    };
    let chunk = |index, delta, finish_reason| {
        event(
            &[ChunkChoice {
                index,
                delta,
                logprobs: None,
                finish_reason,
            }],
            None,
        )
    };
    let longest = choices
        .iter()
        .map(|choice| choice.pieces.len())
        .max()
        .unwrap_or(0);
    let mut frames = Vec::with_capacity((longest + 2) * choices.len() + 2);
    for (index, choice) in choices.iter().enumerate() {
        frames.push(chunk(index, opening(choice, context), None));
    }
    for position in 0..longest {
        for (index, choice) in choices.iter().enumerate() {
            if let Some(piece) = choice.pieces.get(position) {
                frames.push(chunk(index, continuation(choice, piece), None));
            }
        }
    }
    for (index, choice) in choices.iter().enumerate() {
        frames.push(chunk(
            index,
            Delta::default(),
            Some(finish(choice).as_str()),
        ));
    }
    if reported == ReportedUsage::Included {
        frames.push(event(&[], Some(usage)));
    }
    frames.push(done_event());
    Events {
        frames,
        prelude: choices.len(),
    }
}

fn opening<'a>(choice: &'a Choice, context: &Context<'_>) -> Delta<'a> {
    let (content, tool_calls) = match &choice.content {
        Content::Text => (Some(""), None),
        Content::Call { name } => {
            let call = CallDelta {
                index: 0,
                id: Some(context.ids.alphanumeric("call_", 24)),
                kind: Some("function"),
                function: FunctionDelta {
                    name: Some(name),
                    arguments: "",
                },
            };
            (None, Some([call]))
        }
    };
    Delta {
        role: Some("assistant"),
        content: Some(content),
        tool_calls,
        refusal: Some(None),
    }
}

fn continuation<'a>(choice: &'a Choice, piece: &'a str) -> Delta<'a> {
    match &choice.content {
        Content::Text => Delta {
            content: Some(Some(piece)),
            ..Delta::default()
        },
        Content::Call { .. } => {
            let function = FunctionDelta {
                name: None,
                arguments: piece,
            };
            let call = CallDelta {
                index: 0,
                id: None,
                kind: None,
                function,
            };
            Delta {
                tool_calls: Some([call]),
                ..Delta::default()
            }
        }
    }
}
