//! The naive twin of a client: what it makes of a stream's events.

use crate::chat::{AssistantPart, ChatEvent, ChatResponse, Finish, Reasoning, Text, ToolCall};
use crate::usage::Usage;

pub(super) fn response(events: Vec<ChatEvent>) -> ChatResponse {
    let mut response = ChatResponse {
        id: String::new(),
        model: String::new(),
        created: None,
        parts: Vec::new(),
        finish: Finish::Stop,
        usage: Usage::default(),
    };
    // A signature ends the thought before it.
    let mut signed = true;
    for event in events {
        match event {
            ChatEvent::Started { id, model, created } => {
                (response.id, response.model, response.created) = (id, model, created);
            }
            ChatEvent::Text(more) => match response.parts.last_mut() {
                Some(AssistantPart::Text(text)) => text.0 += &more,
                _ => response.parts.push(AssistantPart::Text(more)),
            },
            ChatEvent::Refusal(more) => match response.parts.last_mut() {
                Some(AssistantPart::Refusal(text)) => text.0 += &more,
                _ => response.parts.push(AssistantPart::Refusal(more)),
            },
            ChatEvent::Reasoning(more) => match response.parts.last_mut() {
                Some(AssistantPart::Reasoning(Reasoning::Shown { text, .. })) if !signed => {
                    text.0 += &more;
                }
                _ => {
                    signed = false;
                    response.parts.push(thought(more));
                }
            },
            ChatEvent::Signature(data) => {
                if signed {
                    response.parts.push(thought(Text::default()));
                }
                signed = true;
                if let Some(AssistantPart::Reasoning(Reasoning::Shown { signature, .. })) =
                    response.parts.last_mut()
                {
                    *signature = Some(data);
                }
            }
            ChatEvent::HiddenReasoning(data) => {
                signed = true;
                response
                    .parts
                    .push(AssistantPart::Reasoning(Reasoning::Hidden(data)));
            }
            ChatEvent::CallStarted {
                id,
                name,
                signature,
                ..
            } => response.parts.push(AssistantPart::Call(ToolCall {
                id,
                name,
                arguments: Text::default(),
                signature,
            })),
            ChatEvent::Arguments { json, .. } => match response.parts.last_mut() {
                Some(AssistantPart::Call(call)) => call.arguments.0 += &json,
                other => panic!("arguments behind {other:?}"),
            },
            ChatEvent::Finished(finish) => response.finish = finish,
            ChatEvent::Usage(usage) => response.usage.update(usage),
            ChatEvent::Failed(error) => panic!("{error}"),
            ChatEvent::Done => {}
        }
    }
    response
}

fn thought(text: Text) -> AssistantPart {
    AssistantPart::Reasoning(Reasoning::Shown {
        text,
        signature: None,
    })
}
