//! Events of chat and text completion streams: `data: {chunk}` and at the end `data: [DONE]`.

mod filled;

use std::borrow::Cow;
use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::{Class, Reading, Started};
use crate::envelope::ErrorBody;
use crate::usage::{Usage, Wire};

use filled::Delta;
pub(super) use filled::Filled;

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(default)]
    usage: Option<Wire>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    delta: Option<Delta>,
    /// Text completions have it in place of a delta.
    #[serde(default)]
    text: Option<Filled>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
}

pub(super) fn read(data: &[u8], started: Started) -> Reading<'_> {
    if data.trim_ascii() == b"[DONE]" {
        return Reading::of(Class::Done);
    }
    if started == Started::Yes && !is_remarkable(data) {
        return Reading::of(Class::Content);
    }
    // What is no chunk is no content either, but it is not ours to take it away.
    let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else {
        return Reading::of(Class::Empty);
    };
    let choices = chunk.choices.as_deref();
    let has_content = choices.unwrap_or_default().iter().any(Choice::has_content);
    let usage = chunk
        .usage
        .map(Usage::from)
        .filter(|usage| !usage.is_empty());
    let class = match chunk.error {
        Some(error) => Class::Error(Box::new(super::error::read(error.get().as_bytes()))),
        None if has_content || usage.is_some() => Class::Content,
        None => Class::Empty,
    };
    Reading {
        usage_only: chunk.error.is_none()
            && usage.is_some()
            && choices.is_some_and(<[Choice<'_>]>::is_empty),
        class,
        usage,
        model: chunk.model.filter(|model| !model.is_empty()),
        finish_reason: chunk
            .choices
            .into_iter()
            .flatten()
            .filter_map(|choice| choice.finish_reason)
            .find(|reason| !reason.is_empty()),
    }
}

/// Clients' libraries raise the message of a chunk that holds an error.
pub(super) fn cut_event(error: &ErrorBody<'_>) -> Bytes {
    Bytes::from([&b"data: "[..], &super::error::envelope(error), b"\n\n"].concat())
}

impl Choice<'_> {
    fn has_content(&self) -> bool {
        self.delta.as_ref().is_some_and(|delta| delta.filled)
            || self.text.as_ref().is_some_and(|text| text.0)
            || self
                .finish_reason
                .as_ref()
                .is_some_and(|reason| !reason.is_empty())
    }
}

/// Whether a chunk may hold more than content: most hold nothing else, and are told apart here
/// without parsing them. Quotes inside JSON strings are escaped, so text that a model wrote cannot
/// look like one of these keys.
fn is_remarkable(data: &[u8]) -> bool {
    static KEYS: LazyLock<[Finder<'static>; 3]> = LazyLock::new(|| {
        [
            Finder::new("\"usage\""),
            Finder::new("\"finish_reason\""),
            Finder::new("\"error\""),
        ]
    });
    KEYS.iter().any(|key| {
        key.find_iter(data).any(|at| {
            let rest = data[at + key.needle().len()..].trim_ascii_start();
            match rest.strip_prefix(b":") {
                Some(value) => value.trim_ascii_start().first() != Some(&b'n'),
                None => false,
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn chunk() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            ".{0,20}",
            Just(r#""usage": {"#.to_owned()),
            Just(r#"\","error":{"#.to_owned()),
        ];
        let choice = (text, prop::option::weighted(0.2, "[a-z]{0,4}")).prop_map(
            |(text, reason)| json!({"delta": {"content": text}, "finish_reason": reason}),
        );
        let usage = prop_oneof![
            Just(Value::Null),
            Just(json!({})),
            (0u64..9).prop_map(|n| json!({"prompt_tokens": n})),
        ];
        let error = prop_oneof![4 => Just(Value::Null), 1 => ".{0,9}".prop_map(Value::from)];
        (prop::collection::vec(choice, 0..3), usage, error).prop_map(
            |(choices, usage, error)| json!({"choices": choices, "usage": usage, "error": error}),
        )
    }

    proptest! {
        #[test]
        fn the_shortcut_past_the_parser_misses_nothing(chunk in chunk(), pretty in any::<bool>()) {
            let text = if pretty { format!("{chunk:#}") } else { chunk.to_string() };
            let parsed = read(text.as_bytes(), Started::No);
            let mut short = read(text.as_bytes(), Started::Yes);
            if short.class == Class::Content && parsed.class == Class::Empty {
                // Behind the start nothing needs to be told from content.
                short.class = Class::Empty;
            }
            prop_assert_eq!(short, parsed);
        }
    }
}
