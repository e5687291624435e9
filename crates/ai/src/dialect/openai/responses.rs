//! Events of Responses streams: named and typed, ended by the event that holds the whole response.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::chat::Filled;
use super::error::Ours;
use crate::dialect::{Class, ProviderError, Reading, Started};
use crate::envelope::ErrorBody;
use crate::usage::{Usage, Wire};

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    response: Option<Response<'a>>,
    #[serde(borrow, default)]
    item: Option<Item<'a>>,
    #[serde(default)]
    delta: Option<Filled>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(default)]
    usage: Option<Wire>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    incomplete_details: Option<Incomplete<'a>>,
}

#[derive(Deserialize)]
struct Incomplete<'a> {
    #[serde(borrow, default)]
    reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
}

pub(super) fn read<'e>(name: Option<&[u8]>, data: &'e [u8], started: Started) -> Reading<'e> {
    if started == Started::Yes && name.is_some_and(|name| name.ends_with(b".delta")) {
        return Reading::of(Class::Content);
    }
    let Ok(event) = serde_json::from_slice::<Typed<'_>>(data) else {
        // Some servers end these streams the way chat streams end.
        let done = data.trim_ascii() == b"[DONE]";
        return Reading::of(if done { Class::Done } else { Class::Empty });
    };
    let class = event.class(data);
    let Some(response) = event.response else {
        return Reading::of(class);
    };
    let ended = matches!(class, Class::Done | Class::Error(_));
    let reason = response
        .incomplete_details
        .and_then(|details| details.reason);
    Reading {
        class,
        usage: response
            .usage
            .map(Usage::from)
            .filter(|usage| !usage.is_empty()),
        model: response.model.filter(|model| !model.is_empty()),
        finish_reason: reason.or(response.status).filter(|_| ended),
        usage_only: false,
    }
}

impl Typed<'_> {
    fn class(&self, data: &[u8]) -> Class {
        match &*self.kind {
            "response.created" | "response.in_progress" | "response.queued" | "keepalive" => {
                Class::Empty
            }
            "response.content_part.added" | "response.reasoning_summary_part.added" => Class::Empty,
            "response.output_item.added" => match &self.item {
                Some(item) if !matches!(&*item.kind, "message" | "reasoning") => Class::Content,
                _ => Class::Empty,
            },
            "response.completed" | "response.incomplete" | "response.cancelled" => Class::Done,
            "response.failed" => {
                let error = self.response.as_ref().and_then(|response| response.error);
                Class::Error(Box::new(theirs(error.or(self.error), b"{}")))
            }
            // Its members are either beside `type` or in an object of their own.
            "error" => Class::Error(Box::new(theirs(self.error, data))),
            "" => match self.error {
                Some(error) => Class::Error(Box::new(theirs(Some(error), data))),
                None => Class::Empty,
            },
            kind if kind.ends_with(".delta") => {
                let filled = self.delta.is_none_or(|delta| delta.0);
                if filled { Class::Content } else { Class::Empty }
            }
            _ => Class::Content,
        }
    }
}

fn theirs(error: Option<&RawValue>, otherwise: &[u8]) -> ProviderError {
    super::error::read(error.map_or(otherwise, |error| error.get().as_bytes()))
}

/// An event behind `last`.
pub(super) fn cut_event(error: &ErrorBody<'_>, last: Option<&[u8]>) -> Bytes {
    #[derive(Deserialize)]
    struct Numbered {
        sequence_number: u64,
    }
    let before = last.and_then(|data| serde_json::from_slice::<Numbered>(data).ok());
    error_event(
        error,
        before.map_or(0, |event| event.sequence_number.saturating_add(1)),
    )
}

/// Both forms of the error event in one: the members of the documented one, and the object on
/// which clients' libraries raise.
pub(crate) fn error_event(error: &ErrorBody<'_>, sequence_number: u64) -> Bytes {
    #[derive(Serialize)]
    struct Cut<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        message: &'a str,
        code: Option<&'a str>,
        param: Option<&'a str>,
        sequence_number: u64,
        error: Ours<'a>,
    }
    let cut = Cut {
        kind: "error",
        message: error.message,
        code: error.code,
        param: error.param,
        sequence_number,
        error: error.into(),
    };
    let data = super::error::json(&cut);
    Bytes::from([&b"event: error\ndata: "[..], &data, b"\n\n"].concat())
}
