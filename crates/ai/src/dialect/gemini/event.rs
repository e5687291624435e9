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
