use agw_core::guard::{Action, Builtin, Check, PromptGuard, Scope, Scopes};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dialect::Class;
use crate::operation::Operation;
use crate::stream::Piece;

fn guard(action: Action, scopes: Scopes) -> Guard {
    let patterns = vec!["(?i)zeus\\s+\\w+".into()];
    Guard {
        check: Check::Rules(Rules::new(action, Builtin::ALL.to_vec(), patterns).unwrap()),
        scopes,
        refusal: Refusal::default(),
    }
}

fn looked(operation: Operation, body: &str, scopes: Scopes) -> String {
    let guard = guard(Action::Mask, scopes);
    let body = Bytes::from(body.to_owned());
    let texts = Texts::of_request(operation, &body).unwrap().unwrap();
    let (rules, _) = guard.rules().unwrap();
    let (left, verdict) = mask(rules, &guard, &texts, &body).unwrap();
    assert_eq!(verdict == Verdict::Allow, left == body);
    String::from_utf8(left.to_vec()).unwrap()
}

const SSN: &str = "123-45-6789";

/// Requests of each format: `@` is where a number stands, `~` where one that is no text does.
const REQUESTS: [(Operation, &str); 8] = [
    (
        Operation::Chat,
        r#"{"model":"~", "messages": [ {"role":"system","content":"@"},
        {"role":"user","content":[{"type":"text","text":"a\n@"},{"type":"image_url","image_url":{"url":"~"}}]},
        {"role":"assistant","tool_calls":[{"id":"~","function":{"name":"~","arguments":"{\"n\":\"@\"}"}}]},
        {"role":"tool","tool_call_id":"~","content":"@"} ], "user":"~", "seed": 1.50 }"#,
    ),
    (
        Operation::Messages,
        r#"{"model":"~","system":[{"type":"text","text":"@","cache_control":{"type":"ephemeral"}}],
        "messages":[{"role":"user","content":"@"},{"role":"assistant","content":[
        {"type":"thinking","thinking":"@","signature":"~"},
        {"type":"tool_use","id":"~","name":"~","input":{"name":"@","list":["@"],"id":"@"}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"~","content":[{"type":"text","text":"@"}]},
        {"type":"document","source":{"type":"text","media_type":"text/plain","data":"@"}},
        {"type":"image","source":{"type":"base64","media_type":"image/png","data":"~"}}]}]}"#,
    ),
    (
        Operation::Responses,
        r#"{"model":"~","instructions":"@","input":[{"role":"user","content":[{"type":"input_text","text":"@"},
        {"type":"input_image","image_url":"~"}]},
        {"type":"function_call","call_id":"~","name":"~","arguments":"{\"a\":\"@\"}"},
        {"type":"function_call_output","call_id":"~","output":"@"}],"previous_response_id":"~"}"#,
    ),
    (
        Operation::GenerateContent,
        r#"{"systemInstruction":{"parts":[{"text":"@"}]},"contents":[{"role":"user","parts":[{"text":"@"},
        {"inlineData":{"mimeType":"image/png","data":"~"}}]},
        {"role":"model","parts":[{"functionCall":{"name":"~","args":{"x":{"y":["@"]}}}}]},
        {"role":"user","parts":[{"functionResponse":{"name":"~","response":{"name":"@"}}}]}],"labels":{"a":"~"}}"#,
    ),
    (
        Operation::GeminiCountTokens,
        r#"{"generateContentRequest":{"model":"~","contents":[{"parts":[{"text":"@"}]}]}}"#,
    ),
    (
        Operation::Completions,
        r#"{"model":"~","prompt":["@","b"],"suffix":"@"}"#,
    ),
    (Operation::Embeddings, r#"{"model":"~","input":["@"]}"#),
    (
        Operation::Passthrough,
        r#"{"model":"~","query":"@","documents":[{"text":"@"}]}"#,
    ),
];

#[test]
fn every_text_of_a_request_is_looked_at_and_nothing_else_is_touched() {
    for (operation, body) in REQUESTS {
        let body = body.replace('~', SSN);
        let want = body.replace('@', "<SSN>");
        assert_eq!(
            looked(operation, &body.replace('@', SSN), Scopes::ALL),
            want,
            "{operation:?}"
        );
    }
}

#[test]
fn a_guard_looks_where_it_is_told_to() {
    let body = REQUESTS[0].1.replace('~', "-").replace('@', SSN);
    for (scope, at) in [
        (Scope::SystemPrompt, 0),
        (Scope::Messages, 1),
        (Scope::ToolInput, 2),
        (Scope::ToolOutput, 3),
    ] {
        let left = looked(Operation::Chat, &body, [scope].into_iter().collect());
        let mut parts = body.split(SSN);
        let mut want = parts.next().unwrap().to_owned();
        for (index, part) in parts.enumerate() {
            want += if index == at { "<SSN>" } else { SSN };
            want += part;
        }
        assert_eq!(left, want, "{scope:?}");
    }
}

#[test]
fn what_is_written_in_escapes_or_as_a_number_is_seen() {
    let chat = |content: &str| format!(r#"{{"messages":[{{"role":"user","content":{content}}}]}}"#);
    for hidden in [
        r#""123\u002d45-6789""#,
        r#""\ud800 123-45-6789""#,
        r#""\u0031\u00323-45-6789""#,
    ] {
        let left = looked(Operation::Chat, &chat(hidden), Scopes::ALL);
        assert!(left.contains("<SSN>"), "{left}");
        assert!(serde_json::from_str::<Value>(&left).is_ok(), "{left}");
    }
    let body = r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","input":{"card":4111111111111111}}]}]}"#;
    let left = looked(Operation::Messages, body, Scopes::ALL);
    assert!(left.contains(r#"{"card":"<CREDIT_CARD>"}"#), "{left}");
    // Members that stand twice are both looked at: who reads which is not known.
    let twice = r#"{"messages":[{"role":"user","content":"123-45-6789","content":"a"}],"messages":[{"content":"123-45-6789"}]}"#;
    assert_eq!(
        looked(Operation::Chat, twice, Scopes::ALL)
            .matches("<SSN>")
            .count(),
        2
    );
    let named = "{\"mess\\u0061ges\":[{\"content\":\"123-45-6789\"}]}";
    assert!(looked(Operation::Chat, named, Scopes::ALL).contains("<SSN>"));
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let deep = format!(r#"{{"messages":{}1{}}}"#, "[".repeat(70), "]".repeat(70));
    let of = |operation, body: &str| Texts::of_request(operation, &Bytes::from(body.to_owned()));
    assert!(of(Operation::Chat, &deep).is_err());
    assert!(of(Operation::Chat, "not json").is_err());
    assert!(of(Operation::Passthrough, "not json").unwrap().is_none());
    assert!(of(Operation::Models, "").unwrap().is_some());
}

#[test]
fn a_refusal_says_what_it_was_told_and_nothing_of_the_prompt() {
    let guard = guard(Action::Reject, Scopes::ALL);
    let body = Bytes::from(REQUESTS[6].1.replace('@', SSN));
    let texts = Texts::of_request(Operation::Embeddings, &body)
        .unwrap()
        .unwrap();
    let (rules, _) = guard.rules().unwrap();
    let error = mask(rules, &guard, &texts, &body).unwrap_err();
    assert_eq!(error.to_string(), Refusal::MESSAGE);
    assert!(!format!("{error:?} {texts:?}").contains(SSN));
}

const ANSWERS: [(Operation, &str); 4] = [
    (
        Operation::Chat,
        r#"{"id":"~","choices":[{"index":0,"message":{"role":"assistant","content":"@","refusal":null,
        "tool_calls":[{"id":"~","function":{"name":"~","arguments":"{\"n\": \"@\"}"}}]},
        "logprobs":LOG,"finish_reason":"stop"}],"usage":{"total_tokens":3}}"#,
    ),
    (
        Operation::Messages,
        r#"{"id":"~","content":[{"type":"text","text":"@"},{"type":"tool_use","id":"~","name":"~","input":{"a":"@"}}],"stop_reason":"end_turn"}"#,
    ),
    (
        Operation::Responses,
        r#"{"id":"~","instructions":"~","output":[{"type":"message","id":"~","role":"assistant","content":[{"type":"output_text","text":"@","annotations":[]}]},
        {"type":"function_call","call_id":"~","name":"~","arguments":"{\"a\":\"@\"}"}]}"#,
    ),
    (
        Operation::GenerateContent,
        r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"@"},{"functionCall":{"name":"~","args":{"a":"@"}}}]},"finishReason":"STOP"}],"modelVersion":"~"}"#,
    ),
];

#[test]
fn every_text_of_an_answer_is_looked_at() {
    let guard = guard(Action::Mask, Scopes::ALL);
    let (rules, _) = guard.rules().unwrap();
    for (operation, body) in ANSWERS {
        let body = body.replace('~', SSN);
        let given = body
            .replace('@', SSN)
            .replace("LOG", r#"{"content":[{"token":"123"}]}"#);
        let given = Bytes::from(given);
        let texts = Texts::of_response(operation, &given).unwrap();
        let (left, verdict) = mask(rules, &guard, &texts, &given).unwrap();
        let want = body.replace('@', "<SSN>").replace("LOG", "null");
        assert_eq!(std::str::from_utf8(&left).unwrap(), want, "{operation:?}");
        assert_eq!(verdict, Verdict::Mask);
    }
}

/// How a format streams a text and the arguments of a tool.
struct Streamed {
    operation: Operation,
    text: fn(&str) -> Value,
    call: fn(&str) -> Value,
    last: &'static str,
}

const STREAMS: [Streamed; 3] = [
    Streamed {
        operation: Operation::Chat,
        text: |t| json!({"id":"123-45-6789","choices":[{"index":0,"delta":{"content":t}}]}),
        call: |t| json!({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":t}}]}}]}),
        last: "[DONE]",
    },
    Streamed {
        operation: Operation::Messages,
        text: |t| json!({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":t}}),
        call: |t| json!({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":t}}),
        last: r#"{"type":"message_stop"}"#,
    },
    Streamed {
        operation: Operation::Responses,
        text: |t| json!({"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":t}),
        call: |t| json!({"type":"response.function_call_arguments.delta","output_index":1,"delta":t}),
        last: r#"{"type":"response.completed","response":{"id":"123-45-6789","output":[]}}"#,
    },
];

fn event(data: &str) -> String {
    format!("event: x\nid: 7\ndata: {data}\n\n")
}

fn cut(text: &str, cuts: &[usize]) -> Vec<String> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    cuts.retain(|cut| text.is_char_boundary(*cut));
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    cuts.windows(2)
        .map(|pair| text[pair[0]..pair[1]].to_owned())
        .collect()
}

fn through(guard: &PromptGuard, operation: Operation, stream: &[String]) -> Result<String, Error> {
    let mut guard = StreamGuard::new(guard, operation).unwrap();
    let mut out = Vec::new();
    for raw in stream {
        let piece = Piece {
            raw: raw.clone().into(),
            class: Class::Content,
        };
        guard.push_all(vec![piece], &mut out)?;
    }
    guard.finish(&mut out)?;
    let bytes: Vec<u8> = out.iter().flat_map(|piece| piece.raw.to_vec()).collect();
    Ok(String::from_utf8(bytes).unwrap())
}

/// What a client makes of the stream: the text, and the arguments.
fn read(stream: &str) -> (String, String) {
    let (mut text, mut call) = (String::new(), String::new());
    for line in stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
    {
        let Ok(data) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let of = |pointer: &str| data.pointer(pointer).and_then(Value::as_str).unwrap_or("");
        text += of("/choices/0/delta/content");
        call += of("/choices/0/delta/tool_calls/0/function/arguments");
        text += of("/delta/text");
        call += of("/delta/partial_json");
        match of("/type") {
            "response.output_text.delta" => text += of("/delta"),
            "response.function_call_arguments.delta" => call += of("/delta"),
            _ => {}
        }
    }
    (text, call)
}

fn policy(action: Action) -> PromptGuard {
    let mut first = guard(action, Scopes::ALL);
    let none = Rules::new(action, vec![Builtin::Ssn], vec![]).unwrap();
    first.check = Check::Rules(none);
    PromptGuard {
        response: vec![first, guard(action, Scopes::ALL)],
        ..PromptGuard::default()
    }
}

#[test]
fn a_number_that_is_cut_over_events_is_masked_where_it_began() {
    for streamed in &STREAMS {
        let parts = ["My card is 41", "11 1111 11", "11 11", "11.", " Bye now"];
        let mut stream: Vec<_> = parts
            .iter()
            .map(|t| event(&(streamed.text)(t).to_string()))
            .collect();
        stream.push(event(streamed.last));
        let left = through(&policy(Action::Mask), streamed.operation, &stream).unwrap();
        let mut want = stream.clone();
        for (at, text) in ["My card is <CREDIT_CARD>", "", "", "."]
            .into_iter()
            .enumerate()
        {
            want[at] = event(&(streamed.text)(parts[at]).to_string())
                .replace(&format!("\"{}\"", parts[at]), &format!("\"{text}\""));
        }
        assert_eq!(left, want.concat(), "{:?}", streamed.operation);
    }
}

#[test]
fn a_stream_that_is_refused_ends_before_what_it_is_refused_for() {
    let streamed = &STREAMS[0];
    let parts = ["Well, ", "it is 123-45", "-67", "89 and so on", "!"];
    let mut guard = StreamGuard::new(&policy(Action::Reject), streamed.operation).unwrap();
    let mut out = Vec::new();
    let mut ended = Ok(());
    for text in parts {
        let raw = event(&(streamed.text)(text).to_string()).into();
        let piece = Piece {
            raw,
            class: Class::Content,
        };
        ended = ended.and_then(|()| guard.push_all(vec![piece], &mut out));
    }
    assert!(matches!(ended, Err(Error::Refused(_))), "{ended:?}");
    assert_eq!(guard.verdict(), Verdict::Reject);
    let left: Vec<u8> = out.iter().flat_map(|piece| piece.raw.to_vec()).collect();
    assert_eq!(read(std::str::from_utf8(&left).unwrap()).0, "Well, ");
    assert!(!format!("{guard:?}").contains("123-45"));
}

#[test]
fn whole_texts_in_events_and_repeated_tokens_are_looked_at() {
    let responses = [
        json!({"type":"response.output_text.done","text":SSN,"output_index":0,"logprobs":[{"token":"123"}]}),
        json!({"type":"response.function_call_arguments.done","arguments":format!("{{\"a\":\"{SSN}\"}}")}),
        json!({"type":"response.output_item.done","item":{"id":SSN,"type":"message","content":[{"type":"output_text","text":SSN}]}}),
        json!({"type":"response.completed","response":{"id":SSN,"output":[{"content":[{"text":SSN}]}]}}),
    ];
    let stream: Vec<_> = responses.iter().map(|e| event(&e.to_string())).collect();
    let left = through(&policy(Action::Mask), Operation::Responses, &stream).unwrap();
    assert_eq!(left.matches("<SSN>").count(), 4, "{left}");
    assert_eq!(left.matches(SSN).count(), 2, "{left}");
    assert!(left.contains(r#""logprobs":[]"#), "{left}");
    let gemini = json!({"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":SSN}}}]}}]});
    let left = through(
        &policy(Action::Mask),
        Operation::GenerateContent,
        &[event(&gemini.to_string())],
    );
    assert!(left.unwrap().contains(r#"{"a":"<SSN>"}"#));
    let lines = "data: {\"choices\":[{\"delta\":\ndata: {\"content\":\"123-45-6789\"}}]}\n\n";
    let left = through(&policy(Action::Mask), Operation::Chat, &[lines.to_owned()]).unwrap();
    assert_eq!(left, lines.replace(SSN, "<SSN>"));
}

fn texts() -> impl Strategy<Value = String> {
    let bits = prop::sample::select(vec![
        "4111 1111 1111 1111",
        "123-45-6789",
        "a.b@example.com",
        "zeus ",
        "athens",
        "é",
        "🦀",
        "\n",
        " ",
        "\"",
        "\\",
        "1",
        "22",
        "-",
        "word ",
        "{",
        "}",
    ]);
    prop::collection::vec(bits, 0..12).prop_map(|bits| bits.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn however_a_stream_is_cut_it_says_the_same(
        text in texts(), cuts in prop::collection::vec(0..300_usize, 0..20),
    ) {
        let policy = policy(Action::Mask);
        let document = json!({"a": text, "n": 4_111_111_111_111_111_u64}).to_string();
        let whole = |said: &str, form| policy.response_rules().fold(said.to_owned(), |said, (rules, _)| {
            rules.mask(&said, form).unwrap().unwrap_or(said)
        });
        use agw_core::guard::Form;
        for streamed in &STREAMS {
            let parts = cut(&text, &cuts).into_iter().map(|t| (streamed.text)(&t));
            let calls = cut(&document, &cuts).into_iter().map(|t| (streamed.call)(&t));
            let mut stream: Vec<_> = parts.chain(calls).map(|e| event(&e.to_string())).collect();
            stream.push(event(streamed.last));
            let left = through(&policy, streamed.operation, &stream).unwrap();
            let (said, called) = read(&left);
            prop_assert_eq!(&said, &whole(&text, Form::Plain));
            prop_assert_eq!(&called, &whole(&document, Form::Document));
            prop_assert!(serde_json::from_str::<Value>(&called).is_ok());
            if said == text && called == document {
                prop_assert_eq!(left, stream.concat());
            }
        }
    }

    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let policy = policy(Action::Mask);
        for operation in [Operation::Chat, Operation::Messages, Operation::Responses, Operation::GenerateContent] {
            let mut guard = StreamGuard::new(&policy, operation).unwrap();
            let mut out = Vec::new();
            let piece = Piece { raw: bytes.clone().into(), class: Class::Content };
            let _ = guard.push_all(vec![piece], &mut out);
            let _ = guard.finish(&mut out);
        }
    }
}
