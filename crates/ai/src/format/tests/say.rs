//! What each format can say: a conversation cut down to it.

use crate::chat::{
    AssistantPart, ChatRequest, ChatResponse, Detail, Effort, Finish, Input, Json, Marked, Outcome,
    Reasoning, ResponseFormat, Sampling, Source, Streaming, Text, Thinking, ToolChoice, Turn,
    UserPart,
};
use crate::format::Format;
use crate::usage::Usage;

/// One format, and what it makes of the parts that not all can say.
#[derive(Debug)]
pub(super) struct Says {
    pub(super) format: Format,
    /// Of a request.
    pub(super) cut: fn(&mut ChatRequest),
    /// Whether it can show that to a model.
    pub(super) input: fn(&mut Input) -> bool,
    /// The same for what a tool brought.
    pub(super) result: fn(&Input) -> bool,
    pub(super) caches: bool,
    pub(super) failures: bool,
    /// Whether thoughts go back to a provider.
    pub(super) thought: fn(&Reasoning) -> bool,
    pub(super) refusals: bool,
    /// Of an answer.
    pub(super) answer: fn(&mut ChatResponse),
}

pub(super) const SAYS: &[Says] = &[
    Says {
        format: Format::OpenAiChat,
        cut: chat,
        input: |input| match input {
            Input::Text(_) | Input::Audio(_) => true,
            Input::Image(image) => !matches!(image.source, Source::Plain(_)),
            Input::File(file) => {
                file.name.get_or_insert_with(|| "name".into());
                matches!(file.source, Source::Base64 { .. })
            }
        },
        result: |input| matches!(input, Input::Text(_)),
        caches: false,
        failures: false,
        thought: |_| false,
        refusals: true,
        answer: chat_answer,
    },
    Says {
        format: Format::OpenAiResponses,
        cut: responses,
        input: |input| match input {
            Input::Text(_) | Input::Audio(_) => true,
            Input::Image(image) => {
                image.detail.get_or_insert(Detail::Auto);
                !matches!(image.source, Source::Plain(_))
            }
            Input::File(file) => match file.source {
                Source::Url(_) => {
                    file.name = None;
                    true
                }
                Source::Base64 { .. } => {
                    file.name.get_or_insert_with(|| "name".into());
                    true
                }
                Source::Plain(_) => false,
            },
        },
        result: |_| true,
        caches: false,
        failures: false,
        thought: |thought| made_by(thought, Format::OpenAiResponses),
        refusals: true,
        answer: responses_answer,
    },
    Says {
        format: Format::AnthropicMessages,
        cut: messages,
        input: |input| match input {
            Input::Text(_) => true,
            Input::Audio(_) => false,
            Input::Image(image) => {
                image.detail = None;
                true
            }
            // Images in a file become images.
            Input::File(file) => {
                !matches!(&file.source, Source::Base64 { mime, .. } if mime.starts_with("image/"))
            }
        },
        result: |_| true,
        caches: true,
        failures: true,
        thought: |thought| made_by(thought, Format::AnthropicMessages),
        refusals: false,
        answer: messages_answer,
    },
    Says {
        format: Format::GeminiContent,
        cut: gemini,
        input: |input| match input {
            Input::Text(_) | Input::Audio(_) => true,
            Input::Image(image) => {
                image.detail = None;
                match &image.source {
                    Source::Url(_) => true,
                    Source::Base64 { mime, .. } => mime.starts_with("image/"),
                    Source::Plain(_) => false,
                }
            }
            Input::File(file) => {
                file.name = None;
                match &file.source {
                    Source::Url(_) => true,
                    Source::Base64 { mime, .. } => !mime.starts_with("image/"),
                    Source::Plain(_) => false,
                }
            }
        },
        result: |input| matches!(input, Input::Text(_)),
        caches: false,
        failures: true,
        thought: |thought| {
            matches!(thought, Reasoning::Shown { .. }) && made_by(thought, Format::GeminiContent)
        },
        refusals: false,
        answer: gemini_answer,
    },
];

impl Says {
    pub(super) fn request(&self, mut request: ChatRequest) -> ChatRequest {
        for turn in &mut request.turns {
            match turn {
                Turn::System(texts) => self.marks(texts),
                Turn::User(parts) => {
                    self.marks(parts);
                    self.user(parts);
                }
                Turn::Assistant(parts) => self.assistant(parts),
            }
        }
        if !self.caches {
            request.tools.iter_mut().for_each(|tool| tool.cache = None);
        }
        if request.tools.is_empty() {
            (request.tool_choice, request.parallel_tools) = (None, None);
        }
        if let ResponseFormat::Schema(schema) = &mut request.format {
            schema.name.get_or_insert_with(|| "name".to_owned());
        }
        (self.cut)(&mut request);
        request
    }

    pub(super) fn response(&self, mut response: ChatResponse) -> ChatResponse {
        let is_call = |part: &AssistantPart| matches!(part, AssistantPart::Call(_));
        if !self.refusals {
            let refused = |part: &AssistantPart| matches!(part, AssistantPart::Refusal(_));
            response.parts.retain(|part| !refused(part));
        }
        if response.parts.iter().any(is_call) && response.finish == Finish::Stop {
            response.finish = Finish::ToolCalls;
        }
        response.created.get_or_insert(7);
        (self.answer)(&mut response);
        response
    }

    fn marks<T>(&self, parts: &mut [Marked<T>]) {
        if !self.caches {
            parts.iter_mut().for_each(|part| part.cache = None);
        }
    }

    fn user(&self, parts: &mut Vec<Marked<UserPart>>) {
        for part in parts.iter_mut() {
            if let UserPart::Result(result) = &mut part.part {
                self.marks(&mut result.parts);
                let said = |part: &mut Marked<Input>| {
                    (self.input)(&mut part.part) && (self.result)(&part.part)
                };
                result.parts.retain_mut(said);
                if result.parts.is_empty() {
                    result.parts.push(Marked::plain(Input::Text("done".into())));
                }
                if !self.failures {
                    result.outcome = Outcome::Good;
                }
            }
        }
        parts.retain_mut(|part| match &mut part.part {
            UserPart::Input(input) => (self.input)(input),
            UserPart::Result(_) => true,
        });
        if parts.is_empty() {
            let part = UserPart::Input(Input::Text("go on".into()));
            parts.push(Marked::plain(part));
        }
    }

    fn assistant(&self, parts: &mut Vec<Marked<AssistantPart>>) {
        parts.retain(|part| match &part.part {
            AssistantPart::Reasoning(thought) => (self.thought)(thought),
            AssistantPart::Refusal(_) => self.refusals,
            _ => true,
        });
        if parts.is_empty() {
            parts.push(Marked::plain(AssistantPart::Text("ok".into())));
        }
    }
}

fn made_by(thought: &Reasoning, format: Format) -> bool {
    match thought {
        Reasoning::Hidden(data) => data.origin == format,
        Reasoning::Shown { signature, .. } => {
            signature.as_ref().is_some_and(|data| data.origin == format)
        }
    }
}

fn effort_or_off(request: &mut ChatRequest) {
    request.thinking = request.thinking.filter(|thinking| match thinking {
        Thinking::Off | Thinking::Effort(_) => true,
        Thinking::Budget(_) | Thinking::Adaptive => false,
    });
}

fn chat(request: &mut ChatRequest) {
    request.sampling.top_k = None;
    effort_or_off(request);
}

fn responses(request: &mut ChatRequest) {
    let Sampling {
        max_tokens,
        temperature,
        top_p,
        ..
    } = request.sampling;
    request.sampling = Sampling {
        max_tokens,
        temperature,
        top_p,
        ..Sampling::default()
    };
    for tool in &mut request.tools {
        tool.strict.get_or_insert(false);
    }
    effort_or_off(request);
}

fn messages(request: &mut ChatRequest) {
    request.sampling.max_tokens = Some(8000);
    request.sampling.seed = None;
    request.sampling.presence_penalty = None;
    request.sampling.frequency_penalty = None;
    if request.sampling.temperature.is_some() {
        request.sampling.top_p = None;
    }
    for tool in &mut request.tools {
        let empty = || Json(serde_json::json!({"type": "object", "properties": {}}));
        tool.parameters.get_or_insert_with(empty);
    }
    if request.parallel_tools.is_some() {
        request.tool_choice.get_or_insert(ToolChoice::Auto);
    }
    if request.tool_choice == Some(ToolChoice::None) {
        request.parallel_tools = None;
    }
    match &mut request.format {
        ResponseFormat::Json => request.format = ResponseFormat::Text,
        ResponseFormat::Schema(schema) => {
            (schema.name, schema.description, schema.strict) = (None, None, Some(true));
        }
        ResponseFormat::Text => {}
    }
    let forced = matches!(
        request.tool_choice,
        Some(ToolChoice::Required | ToolChoice::Named(_))
    );
    let results = request.turns.last().is_some_and(|turn| match turn {
        Turn::User(parts) => parts.iter().any(|p| matches!(p.part, UserPart::Result(_))),
        _ => false,
    });
    match &mut request.thinking {
        Some(Thinking::Off) | None => {}
        // What stands in the way of thoughts has tests of its own.
        Some(_) if forced || results => request.thinking = None,
        Some(thinking) => {
            if *thinking == Thinking::Effort(Effort::Minimal) {
                *thinking = Thinking::Effort(Effort::Low);
            }
            request.sampling.temperature = None;
            request.sampling.top_p = None;
            request.sampling.top_k = None;
        }
    }
    if let Streaming::Events(_) = request.stream {
        request.user = request.user.take().or_else(|| Some(Text::from("someone")));
    }
}

fn gemini(request: &mut ChatRequest) {
    request.user = None;
    request.parallel_tools = None;
    for tool in &mut request.tools {
        tool.strict = None;
    }
    // What may not be called is not said.
    if let Some(ToolChoice::Named(name)) = &request.tool_choice {
        request.tools.retain(|tool| tool.name == *name);
    }
    if request.tools.is_empty() {
        request.tool_choice = None;
    }
    if let ResponseFormat::Schema(schema) = &mut request.format {
        (schema.name, schema.description, schema.strict) = (None, None, Some(true));
    }
    // Older models have no word for efforts.
    if let Some(Thinking::Effort(_)) = request.thinking {
        request.thinking = None;
    }
    number_calls(&mut request.turns);
}

/// Calls are known by their place in the conversation, and a result is one text.
fn number_calls(turns: &mut [Turn]) {
    let (mut calls, mut results) = (0, 0);
    let next = |count: &mut usize| {
        *count += 1;
        format!("call_{}", *count - 1)
    };
    for turn in turns {
        match turn {
            Turn::System(_) => {}
            Turn::User(parts) => {
                for part in parts {
                    let UserPart::Result(result) = &mut part.part else {
                        continue;
                    };
                    result.call = next(&mut results);
                    let texts = result.parts.iter().map(|part| match &part.part {
                        Input::Text(text) => text.to_string(),
                        other => panic!("{other:?}"),
                    });
                    let text = texts.collect::<Vec<_>>().join("\n");
                    result.parts = vec![Marked::plain(Input::Text(Text(text)))];
                }
            }
            Turn::Assistant(parts) => {
                for part in parts {
                    if let AssistantPart::Call(call) = &mut part.part {
                        call.id = next(&mut calls);
                    }
                }
            }
        }
    }
}

/// Thoughts without signatures are one text.
fn one_plain_thought(response: &mut ChatResponse) {
    let mut plain = 0;
    let signed = response.parts.iter().any(|part| match part {
        AssistantPart::Reasoning(Reasoning::Shown { signature, .. }) => signature.is_some(),
        AssistantPart::Reasoning(Reasoning::Hidden(_)) => true,
        _ => false,
    });
    response.parts.retain(|part| match part {
        AssistantPart::Reasoning(Reasoning::Shown {
            signature: None, ..
        }) => {
            plain += 1;
            plain == 1 && !signed
        }
        _ => true,
    });
}

fn only(response: &mut ChatResponse, known: &[Finish]) {
    if !known.contains(&response.finish) {
        response.finish = Finish::Length;
    }
}

fn chat_answer(response: &mut ChatResponse) {
    one_plain_thought(response);
    use Finish::{Filtered, Length, Stop, ToolCalls};
    only(response, &[Stop, Length, ToolCalls, Filtered]);
}

fn responses_answer(response: &mut ChatResponse) {
    one_plain_thought(response);
    use Finish::{Filtered, Length, Stop, ToolCalls};
    only(response, &[Stop, Length, ToolCalls, Filtered]);
    response.usage = Usage {
        cached: response.usage.cached.or(Some(0)),
        reasoning: response.usage.reasoning.or(Some(0)),
        cache_write: None,
        ..response.usage
    };
}

fn messages_answer(response: &mut ChatResponse) {
    one_plain_thought(response);
    response.created = None;
    response.usage.reasoning = None;
}

fn gemini_answer(response: &mut ChatResponse) {
    use Finish::{Filtered, Length, Stop, ToolCalls};
    one_plain_thought(response);
    only(response, &[Stop, Length, ToolCalls, Filtered]);
    response.created = None;
    let output = response.usage.output.unwrap_or(0);
    response.usage.cache_write = None;
    response.usage.reasoning = response.usage.reasoning.map(|count| count.min(output));
}
