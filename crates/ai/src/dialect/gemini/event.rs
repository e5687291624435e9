//! Events of a stream: each is a response with more of the answer. No mark ends it.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::error;
use crate::dialect::{Class, Reading};
use crate::sse::Event;
use crate::usage::{Usage, Wire};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    #[serde(borrow, default)]
    candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow, default)]
    prompt_feedback: Option<Feedback<'a>>,
    #[serde(default)]
    usage_metadata: Option<Wire>,
    #[serde(borrow, default)]
    model_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(default)]
    content: Option<Content>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    parts: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback<'a> {
    #[serde(borrow, default)]
    block_reason: Option<Cow<'a, str>>,
}

pub(super) fn read(event: &Event) -> Reading<'_> {
    let Some(data) = event.data.as_deref() else {
        return Reading::of(Class::Empty);
    };
    let Ok(response) = serde_json::from_slice::<Response<'_>>(data) else {
        return Reading::of(Class::Empty);
    };
    if let Some(failure) = response.error {
        let error = error::read(failure.get().as_bytes());
        return Reading::of(Class::Error(Box::new(error)));
    }
    let blocked = response
        .prompt_feedback
        .and_then(|feedback| feedback.block_reason);
    let candidate = response.candidates.and_then(|all| all.into_iter().next());
    let (content, finish) = match candidate {
        Some(candidate) => (candidate.content, candidate.finish_reason),
        None => (None, None),
    };
    let filled = content
        .and_then(|content| content.parts)
        .is_some_and(|parts| !parts.is_empty());
    let finish_reason = finish.or(blocked);
    Reading {
        class: match filled || finish_reason.is_some() {
            true => Class::Content,
            false => Class::Empty,
        },
        usage: response
            .usage_metadata
            .map(Usage::from)
            .filter(|usage| !usage.is_empty()),
        model: response.model_version.filter(|model| !model.is_empty()),
        finish_reason,
        usage_only: false,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::dialect::gemini::Gemini;
    use crate::operation::Operation;
    use crate::request::UsageOwner;
    use crate::response::{ResponseReader, Verdict};
    use crate::stream::{Ending, StreamReader};
    use crate::usage::Usage;

    const USAGE: Usage = Usage {
        input: Some(45),
        output: Some(32),
        total: Some(77),
        cached: Some(16),
        cache_write: None,
        reasoning: Some(20),
        search_units: None,
    };

    const COUNTS: &str = r#"{"promptTokenCount":40,"toolUsePromptTokenCount":5,
        "candidatesTokenCount":12,"thoughtsTokenCount":20,"cachedContentTokenCount":16,
        "totalTokenCount":77}"#;

    fn data(json: &str) -> String {
        format!("data: {}\r\n\r\n", json.replace('\n', ""))
    }

    fn read(bytes: &str, size: usize) -> (StreamReader, Ending, Vec<u8>) {
        let operation = Operation::GenerateContent;
        let mut reader = StreamReader::new(&Gemini, operation, UsageOwner::Client);
        let mut pieces = Vec::new();
        for chunk in bytes.as_bytes().chunks(size) {
            reader
                .push(Bytes::copy_from_slice(chunk), &mut pieces)
                .unwrap();
        }
        let ending = reader.finish(&mut pieces);
        let passed = pieces.iter().flat_map(|piece| piece.raw.to_vec()).collect();
        (reader, ending, passed)
    }

    #[test]
    fn streams_pass_byte_for_byte_and_are_counted() {
        let empty = data(r#"{"usageMetadata":{"promptTokenCount":40},"modelVersion":"m-1"}"#);
        let text = data(r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#);
        let end =
            format!(r#"{{"candidates":[{{"finishReason":"STOP"}}],"usageMetadata":{COUNTS}}}"#);
        let end = data(&end);
        for size in [1, 9, 10_000] {
            let bytes = format!("{empty}{text}{end}");
            let (reader, ending, passed) = read(&bytes, size);
            assert_eq!(passed, bytes.as_bytes());
            assert_eq!((ending, *reader.usage()), (Ending::Unmarked, USAGE));
            assert_eq!(
                (reader.model(), reader.finish_reason()),
                (Some("m-1"), Some("STOP"))
            );
            assert_eq!(reader.content_events(), 2);
            let (reader, ending, _) = read(&empty, size);
            assert!(ending == Ending::Cut && !reader.has_started());
            let failed = data(r#"{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#);
            assert_eq!(read(&format!("{text}{failed}"), size).1, Ending::Failed);
            let blocked = data(r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#);
            let (reader, ending, _) = read(&blocked, size);
            assert_eq!(
                (ending, reader.finish_reason()),
                (Ending::Unmarked, Some("SAFETY"))
            );
        }
    }

    #[test]
    fn whole_answers_are_judged_and_counted() {
        let answer = format!(
            r#"{{"candidates":[{{"content":{{}}}}],"usageMetadata":{COUNTS},"modelVersion":"m-1"}}"#
        );
        let table = [
            (&*answer, Operation::GenerateContent, Verdict::Good),
            (
                r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#,
                Operation::GenerateContent,
                Verdict::Good,
            ),
            (
                r#"{"error":{"code":500}}"#,
                Operation::GenerateContent,
                Verdict::ErrorObject,
            ),
            (
                r#"{"usageMetadata":{}}"#,
                Operation::GenerateContent,
                Verdict::Garbage,
            ),
            (
                r#"{"totalTokens":7}"#,
                Operation::GeminiCountTokens,
                Verdict::Good,
            ),
        ];
        for (body, operation, verdict) in table {
            let mut reader = ResponseReader::new(&Gemini, operation);
            reader.push(body.as_bytes());
            let summary = reader.finish();
            assert_eq!(summary.verdict, verdict, "{body}");
            if body == answer {
                assert_eq!(summary.usage, USAGE);
                assert_eq!(summary.model.as_deref(), Some("m-1"));
            }
        }
    }
}
