//! Conversations of all kinds, in the form that reading gives them: speakers take turns, and each
//! says what it says in the order that most formats know.

use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::chat::{
    AssistantPart, Audio, Cache, ChatRequest, ChatResponse, Detail, Effort, File, Finish, Image,
    Input, Json, Marked, Opaque, Outcome, Reasoning, ResponseFormat, Sampling, Schema, Source,
    Streaming, Text, Thinking, Tool, ToolCall, ToolChoice, ToolResult, Turn, UsageWish, UserPart,
};
use crate::format::Format;
use crate::usage::Usage;

fn text() -> impl Strategy<Value = Text> {
    prop_oneof!["[a-z]{1,8}", "[a-zé🏔\"\\\\\n ]{0,6}[a-z]"].prop_map(Text)
}

fn marked<T: std::fmt::Debug + Clone>(
    part: impl Strategy<Value = T>,
) -> impl Strategy<Value = Marked<T>> {
    let cache = prop::option::weighted(0.2, select(vec![Cache::Short, Cache::Hour]));
    (part, cache).prop_map(|(part, cache)| Marked { part, cache })
}

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![
        text().prop_map(|text| Source::Url(Text(format!("https://example.com/{}", text.len())))),
        (
            select(vec!["image/png", "application/pdf"]),
            "[A-Za-z0-9]{4,8}"
        )
            .prop_map(|(mime, data)| Source::Base64 {
                mime: mime.to_owned(),
                data: Text(data),
            }),
        text().prop_map(Source::Plain),
    ]
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        4 => text().prop_map(Input::Text),
        1 => (source(), of(select(Detail::ALL))).prop_map(|(source, detail)| {
            Input::Image(Image { source, detail })
        }),
        1 => (source(), of(text())).prop_map(|(source, name)| Input::File(File { source, name })),
        1 => "[A-Za-z0-9]{4,8}".prop_map(|data| Input::Audio(Audio {
            format: "wav".to_owned(),
            base64: Text(data),
        })),
    ]
}

fn arguments() -> impl Strategy<Value = Text> {
    prop_oneof![
        Just("{}".to_owned()),
        (0u32..99, "[a-z]{0,4}").prop_map(|(n, word)| json!({"n": n, "w": word}).to_string()),
    ]
    .prop_map(Text)
}

fn opaque() -> impl Strategy<Value = Opaque> {
    (select(Format::ALL), "[A-Za-z0-9+/=]{4,9}").prop_map(|(origin, data)| Opaque {
        origin,
        data: Text(data),
    })
}

fn reasoning() -> impl Strategy<Value = Reasoning> {
    prop_oneof![
        3 => (text(), of(opaque())).prop_map(|(text, signature)| Reasoning::Shown {
            text,
            signature,
        }),
        1 => opaque().prop_map(Reasoning::Hidden),
    ]
}

/// Thoughts, then words, then calls.
fn assistant() -> impl Strategy<Value = Vec<AssistantPart>> {
    let calls = prop::collection::vec(("[a-z]{1,5}", arguments()), 0..3);
    let thoughts = prop::collection::vec(reasoning(), 0..3);
    (
        thoughts,
        of(text()),
        prop::option::weighted(0.2, text()),
        calls,
    )
        .prop_map(|(thoughts, said, refusal, calls)| {
            let mut parts: Vec<_> = thoughts.into_iter().map(AssistantPart::Reasoning).collect();
            parts.extend(said.map(AssistantPart::Text));
            parts.extend(refusal.map(AssistantPart::Refusal));
            parts.extend(
                calls
                    .into_iter()
                    .enumerate()
                    .map(|(at, (name, arguments))| {
                        AssistantPart::Call(ToolCall {
                            id: format!("call_{at}"),
                            name,
                            arguments,
                            signature: None,
                        })
                    }),
            );
            if parts.is_empty() {
                parts.push(AssistantPart::Text("ok".into()));
            }
            parts
        })
}

/// A turn of the model's, and what comes back.
fn round() -> impl Strategy<Value = Vec<Turn>> {
    let result = (prop::collection::vec(marked(input()), 1..3), any::<bool>());
    let results = prop::collection::vec(result, 3);
    let said = prop::collection::vec(marked(input()), 1..3);
    (assistant(), results, said).prop_map(|(parts, results, said)| {
        let calls = parts.iter().filter_map(|part| match part {
            AssistantPart::Call(call) => Some(call.id.clone()),
            _ => None,
        });
        let mut answers: Vec<_> = calls
            .zip(results)
            .map(|(call, (parts, good))| {
                let outcome = if good { Outcome::Good } else { Outcome::Failed };
                Marked::plain(UserPart::Result(ToolResult {
                    call,
                    parts,
                    outcome,
                }))
            })
            .collect();
        answers.extend(said.into_iter().map(|Marked { part, cache }| Marked {
            part: UserPart::Input(part),
            cache,
        }));
        let parts = parts.into_iter().map(Marked::plain).collect();
        vec![Turn::Assistant(parts), Turn::User(answers)]
    })
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let system = of(prop::collection::vec(marked(text()), 1..3));
    let first = prop::collection::vec(marked(input()), 1..3);
    let rounds = prop::collection::vec(round(), 0..3);
    (system, first, rounds).prop_map(|(system, first, rounds)| {
        let mut turns: Vec<_> = system.into_iter().map(Turn::System).collect();
        let first = first.into_iter().map(|Marked { part, cache }| Marked {
            part: UserPart::Input(part),
            cache,
        });
        turns.push(Turn::User(first.collect()));
        turns.extend(rounds.into_iter().flatten());
        turns
    })
}

fn schema() -> impl Strategy<Value = Json> {
    "[a-z]{1,4}"
        .prop_map(|name| Json(json!({"type": "object", "properties": {name: {"type": "string"}}})))
}

fn tool() -> impl Strategy<Value = Tool> {
    let cache = prop::option::weighted(0.2, Just(Cache::Short));
    (
        "[a-z]{1,6}",
        of(text()),
        of(schema()),
        of(any::<bool>()),
        cache,
    )
        .prop_map(|(name, description, parameters, strict, cache)| Tool {
            name,
            description,
            parameters,
            strict,
            cache,
        })
}

fn choice() -> impl Strategy<Value = ToolChoice> {
    prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        "[a-z]{1,6}".prop_map(ToolChoice::Named),
    ]
}

/// A share of one that is the same in every notation.
fn share() -> impl Strategy<Value = f64> {
    (1u32..=8).prop_map(|n| f64::from(n) / 8.0)
}

fn sampling() -> impl Strategy<Value = Sampling> {
    let penalties = (of(share()), of(share()));
    let numbers = (of(16u64..9999), of(share()), of(share()), of(1u64..99));
    (
        numbers,
        prop::collection::vec(text(), 0..3),
        of(any::<i32>()),
        penalties,
    )
        .prop_map(
            |((max_tokens, temperature, top_p, top_k), stop, seed, (presence, frequency))| {
                Sampling {
                    max_tokens,
                    temperature,
                    top_p,
                    top_k,
                    stop,
                    seed: seed.map(i64::from),
                    presence_penalty: presence,
                    frequency_penalty: frequency,
                }
            },
        )
}

fn response_format() -> impl Strategy<Value = ResponseFormat> {
    let schema = (of("[a-z]{1,5}"), of(text()), schema(), of(any::<bool>()));
    prop_oneof![
        3 => Just(ResponseFormat::Text),
        1 => Just(ResponseFormat::Json),
        1 => schema.prop_map(|(name, description, schema, strict)| {
            ResponseFormat::Schema(Schema {
                name,
                description,
                schema,
                strict,
            })
        }),
    ]
}

fn thinking() -> impl Strategy<Value = Thinking> {
    prop_oneof![
        Just(Thinking::Off),
        Just(Thinking::Adaptive),
        select(Effort::ALL).prop_map(Thinking::Effort),
        (1024u64..5000).prop_map(Thinking::Budget),
    ]
}

pub(super) fn request() -> impl Strategy<Value = ChatRequest> {
    let tools = (
        prop::collection::vec(tool(), 0..3),
        of(choice()),
        of(any::<bool>()),
    );
    let stream = prop_oneof![
        Just(Streaming::Whole),
        Just(Streaming::Events(UsageWish::Asked)),
    ];
    let rest = (of(thinking()), of(text()), stream);
    (turns(), tools, sampling(), response_format(), rest).prop_map(
        |(turns, (tools, tool_choice, parallel_tools), sampling, format, rest)| ChatRequest {
            model: "claude-opus-4-6".to_owned(),
            turns,
            tools,
            tool_choice,
            parallel_tools,
            sampling,
            format,
            thinking: rest.0,
            user: rest.1,
            stream: rest.2,
        },
    )
}

pub(super) fn usage() -> impl Strategy<Value = Usage> {
    (
        500u64..999,
        1u64..99,
        of(0u64..200),
        of(0u64..200),
        of(0u64..99),
    )
        .prop_map(|(input, output, cached, cache_write, reasoning)| Usage {
            input: Some(input),
            output: Some(output),
            total: Some(input + output),
            cached,
            cache_write,
            reasoning,
            search_units: None,
        })
}

fn finish() -> impl Strategy<Value = Finish> {
    prop_oneof![
        Just(Finish::Stop),
        of(text()).prop_map(Finish::StopSequence),
        Just(Finish::Length),
        Just(Finish::Filtered),
        Just(Finish::Paused),
    ]
}

pub(super) fn response() -> impl Strategy<Value = ChatResponse> {
    (assistant(), finish(), usage(), of(1u64..2_000_000_000)).prop_map(
        |(parts, finish, usage, created)| ChatResponse {
            id: "answer_1".to_owned(),
            model: "model-1".to_owned(),
            created,
            parts,
            finish,
            usage,
        },
    )
}
