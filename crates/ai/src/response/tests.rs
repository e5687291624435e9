use proptest::prelude::*;

use super::*;
use crate::dialect::anthropic::Anthropic;
use crate::dialect::openai::OpenAi;

const CHAT: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"message":{"role":"assistant","content":"say \"error\": {}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29}}"#;

fn read(operation: Operation, chunks: &[&[u8]]) -> Summary {
    let mut reader = ResponseReader::new(&OpenAi::ITSELF, operation);
    for chunk in chunks {
        reader.push(chunk);
    }
    reader.finish()
}

#[test]
fn tells_answers_from_error_objects_and_garbage() {
    use Operation::{Chat, Embeddings, Models, Passthrough, Responses};
    use Verdict::{ErrorObject, Garbage, Good};
    let table = [
        (Chat, CHAT, Good),
        (Chat, r#"{"error":{"message":"overloaded"}}"#, ErrorObject),
        (
            Chat,
            r#"{"id":"x","choices":[],"error":{"message":"m"}}"#,
            ErrorObject,
        ),
        (
            Chat,
            r#"{"id":"x","choices":null,"error":"m"}"#,
            ErrorObject,
        ),
        (Chat, r#"{"choices":[{}],"error":{"message":"late"}}"#, Good),
        (Chat, r#"{"error":null,"choices":[{}]}"#, Good),
        (Chat, r#"{"choices":[]}"#, Good),
        (Chat, r#"{"detail":"nothing here"}"#, Garbage),
        (Chat, "<html>", Garbage),
        (Chat, "", Garbage),
        (Chat, r#"{"id":"x","#, Garbage),
        (Chat, "[]", Garbage),
        (Responses, r#"{"id":"r","error":null,"output":[{}]}"#, Good),
        (
            Responses,
            r#"{"id":"r","status":"failed","error":{"code":"c"},"output":[]}"#,
            ErrorObject,
        ),
        (Embeddings, r#"{"object":"list","data":[{}]}"#, Good),
        (Models, r#"{"object":"list","data":[]}"#, Good),
        (Models, r#"{"id":"gpt-4o","object":"model"}"#, Good),
        (Passthrough, r#"{"anything":1}"#, Good),
    ];
    for (operation, body, verdict) in table {
        assert_eq!(
            read(operation, &[body.as_bytes()]).verdict,
            verdict,
            "{body}"
        );
    }
}

#[test]
fn reads_answers_of_anthropics() {
    let answer = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"cache_read_input_tokens":40,"output_tokens":5}}"#;
    let mut reader = ResponseReader::new(&Anthropic, Operation::Messages);
    reader.push(answer.as_bytes());
    let summary = reader.finish();
    assert_eq!(
        (summary.verdict, summary.model.as_deref()),
        (Verdict::Good, Some("claude-x"))
    );
    let usage = summary.usage;
    assert_eq!(
        (usage.input, usage.cached, usage.total),
        (Some(43), Some(40), Some(48))
    );
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let mut reader = ResponseReader::new(&Anthropic, Operation::Messages);
    assert_eq!(reader.push(error.as_bytes()), Verdict::ErrorObject);
    assert_eq!(
        reader.error().unwrap().kind.as_deref(),
        Some("overloaded_error")
    );
    let mut reader = ResponseReader::new(&Anthropic, Operation::CountTokens);
    assert_eq!(reader.push(br#"{"input_tokens":7}"#), Verdict::Good);
}

#[test]
fn decides_as_soon_as_it_can() {
    let first_at = |body: &str| {
        let mut reader = ResponseReader::new(&OpenAi::ITSELF, Operation::Chat);
        (1..=body.len())
            .map(|n| (n, reader.push(&body.as_bytes()[n - 1..n])))
            .find(|(_, verdict)| *verdict != Verdict::Undecided)
    };
    let behind = |text: &str| CHAT.find(text).unwrap() + text.len();
    assert_eq!(
        first_at(CHAT),
        Some((behind(r#""choices":[{"#), Verdict::Good))
    );
    assert_eq!(
        first_at(r#"{"error":{"m":1}}"#),
        Some((10, Verdict::ErrorObject))
    );
    assert_eq!(first_at("<html>"), Some((1, Verdict::Garbage)));
}

#[test]
fn does_not_hold_a_long_undecided_response_for_ever() {
    let mut reader = ResponseReader::new(&OpenAi::ITSELF, Operation::Chat);
    let padding = format!(r#"{{"padding":"{}"#, "x".repeat(DECIDE_WITHIN));
    assert_eq!(reader.push(padding.as_bytes()), Verdict::Good);
}

#[test]
fn collects_usage_model_and_error() {
    let summary = read(Operation::Chat, &[CHAT.as_bytes()]);
    assert!(summary.complete);
    assert_eq!(summary.model.as_deref(), Some("gpt-4o-2024-08-06"));
    assert_eq!(
        (summary.usage.input, summary.usage.output),
        (Some(19), Some(10))
    );
    let error = r#"{"error":{"message":"m","type":"t","code":null}}"#;
    let error = read(Operation::Chat, &[error.as_bytes()]).error.unwrap();
    assert_eq!(
        (error.message.as_str(), error.kind.as_deref()),
        ("m", Some("t"))
    );
}

#[test]
fn a_response_cut_after_its_start_is_good_and_incomplete() {
    let summary = read(Operation::Chat, &[&CHAT.as_bytes()[..CHAT.len() - 20]]);
    assert_eq!((summary.verdict, summary.complete), (Verdict::Good, false));
    assert_eq!(summary.usage, Usage::default());
}

proptest! {
    #[test]
    fn chunks_change_nothing(size in 1usize..40, body in prop::sample::select(vec![
        CHAT,
        r#"{"error":{"message":"overloaded"},"choices":[{}]}"#,
        r#"{"choices":[],"x":[1,"#,
        r#"{"choices":[]}}"#,
    ])) {
        let whole = read(Operation::Chat, &[body.as_bytes()]);
        let chunks: Vec<_> = body.as_bytes().chunks(size).collect();
        prop_assert_eq!(read(Operation::Chat, &chunks), whole);
    }
}
