//! What a gateway needs to know of a request's body, and the edits it makes to it.

mod edit;

use std::ops::Range;
use std::sync::Arc;

use crate::error::Error;
use crate::operation::Operation;
use crate::scan::{Kind, Repeat, Scanner, Want};

pub use edit::{Edits, Spliced, splice};

/// A model name may be this long.
pub const MODEL_LIMIT: usize = 512;

/// What a body says, and where. Valid for the body it was read from only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFacts {
    model: Member<Arc<str>>,
    /// Whether an event stream is asked for.
    pub stream: bool,
    options: Member<StreamOptions>,
    pub has_messages: bool,
    pub has_prompt: bool,
    pub has_input: bool,
    /// Offset behind the opening brace.
    opened: usize,
    /// Whether the object has no member.
    empty: bool,
}

/// Who asked for the usage at the end of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageOwner {
    /// The client did, or nobody: the stream goes out as it is.
    Client,
    /// Only the gateway did: the extra chunk is taken out of the stream.
    Gateway,
}

/// A member of the body: where its value is and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Member<T> {
    Absent,
    Null(Range<usize>),
    Present(Range<usize>, T),
}

/// `stream_options`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum StreamOptions {
    /// Not an object; the provider will say so.
    Odd,
    /// `include_usage` is true.
    Asked,
    /// `include_usage` is there and something else; its value's place in the body.
    Refused(Range<usize>),
    /// No `include_usage`; the offset behind the brace, and whether members follow.
    Silent { opened: usize, filled: bool },
}

const WANTS: [Want; 6] = {
    const fn want(key: &'static str) -> Want {
        Want {
            key,
            repeat: Repeat::Reject,
            keep: 0,
        }
    }
    [
        want("model"),
        want("stream"),
        want("stream_options"),
        want("messages"),
        want("prompt"),
        want("input"),
    ]
};

impl RequestFacts {
    /// Reads a whole body in one pass. The errors are the client's fault, and their texts are for it.
    pub fn read(body: &[u8]) -> Result<Self, Error> {
        let mut scanner = Scanner::new(&WANTS);
        scanner.push(body)?;
        scanner.finish()?;
        let opened = scanner.opened().ok_or(Error::NotAnObject)?;
        let present = |key| {
            scanner
                .field(key)
                .is_some_and(|field| field.kind != Kind::Null)
        };
        Ok(Self {
            model: member(&scanner, body, "model", model)?,
            stream: stream(&scanner, body)?,
            options: member(&scanner, body, "stream_options", StreamOptions::read)?,
            has_messages: present("messages"),
            has_prompt: present("prompt"),
            has_input: present("input"),
            opened,
            empty: body[opened..].trim_ascii_start().first() == Some(&b'}'),
        })
    }

    /// The model that the client asks for.
    pub fn model(&self) -> Option<&Arc<str>> {
        match &self.model {
            Member::Present(_, model) => Some(model),
            Member::Absent | Member::Null(_) => None,
        }
    }

    /// Who is to own the usage of the stream that this request starts: the gateway asks for it
    /// where the API has it on demand and the client did not ask.
    pub fn usage_owner(&self, operation: Operation) -> UsageOwner {
        let on_demand = matches!(operation, Operation::Chat | Operation::Completions);
        let left = match &self.options {
            Member::Absent | Member::Null(_) => true,
            Member::Present(_, options) => {
                matches!(
                    options,
                    StreamOptions::Refused(_) | StreamOptions::Silent { .. }
                )
            }
        };
        if on_demand && self.stream && left {
            UsageOwner::Gateway
        } else {
            UsageOwner::Client
        }
    }
}

impl StreamOptions {
    fn read(span: &Range<usize>, value: &[u8], kind: Kind) -> Result<Self, Error> {
        const INCLUDE: [Want; 1] = [Want {
            key: "include_usage",
            repeat: Repeat::Reject,
            keep: 0,
        }];
        if kind != Kind::Object {
            return Ok(Self::Odd);
        }
        let mut scanner = Scanner::new(&INCLUDE);
        scanner.push(value)?;
        let opened = scanner.opened().unwrap_or(1);
        Ok(
            match scanner
                .field("include_usage")
                .and_then(|field| field.span())
            {
                None => Self::Silent {
                    opened: span.start + opened,
                    filled: value[opened..].trim_ascii_start().first() != Some(&b'}'),
                },
                Some(found) if &value[found.clone()] == b"true" => Self::Asked,
                Some(found) => Self::Refused(span.start + found.start..span.start + found.end),
            },
        )
    }
}

fn member<T>(
    scanner: &Scanner,
    body: &[u8],
    key: &str,
    read: impl FnOnce(&Range<usize>, &[u8], Kind) -> Result<T, Error>,
) -> Result<Member<T>, Error> {
    let Some((field, span)) = scanner
        .field(key)
        .and_then(|field| field.span().map(|s| (field, s)))
    else {
        return Ok(Member::Absent);
    };
    if field.kind == Kind::Null {
        return Ok(Member::Null(span));
    }
    let value = read(&span, &body[span.clone()], field.kind)?;
    Ok(Member::Present(span, value))
}

fn model(_: &Range<usize>, value: &[u8], kind: Kind) -> Result<Arc<str>, Error> {
    const WRONG: Error = Error::WrongType {
        key: "model",
        expected: "a string",
    };
    if kind != Kind::String {
        return Err(WRONG);
    }
    if value.len() > MODEL_LIMIT {
        return Err(Error::ModelTooLong { limit: MODEL_LIMIT });
    }
    let plain = &value[1..value.len() - 1];
    if plain.contains(&b'\\') {
        return serde_json::from_slice::<String>(value)
            .map(Arc::from)
            .map_err(|_| WRONG);
    }
    std::str::from_utf8(plain).map(Arc::from).map_err(|_| WRONG)
}

fn stream(scanner: &Scanner, body: &[u8]) -> Result<bool, Error> {
    let Some(field) = scanner.field("stream") else {
        return Ok(false);
    };
    match field.kind {
        Kind::Null => Ok(false),
        Kind::Bool => Ok(body[field.start] == b't'),
        _ => Err(Error::WrongType {
            key: "stream",
            expected: "true or false",
        }),
    }
}

#[cfg(test)]
mod tests;
