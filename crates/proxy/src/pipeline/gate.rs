//! Holding a success back until it is known to be one.

use agw_ai::dialect::{Class, Dialect, ProviderError};
use agw_ai::guard::StreamGuard;
use agw_ai::response::{ResponseReader, Verdict};
use agw_ai::stream::StreamReader;
use agw_ai::translate::AnswerStream;
use agw_core::guard::Streaming;
use bytes::Bytes;
use http_body_util::BodyExt;

use super::question::{Form, Question};
use crate::body::{Answer, UpstreamBody};
use crate::error::Error;
use crate::upstream::describe;

/// A stream that has begun well.
pub(super) struct Opened {
    pub(super) answer: Box<Answer>,
    /// Whether its first content is among what was held.
    pub(super) content: bool,
}

/// Reads just so much of a JSON answer that an error object or garbage would have shown.
pub(super) async fn json(
    mut body: UpstreamBody,
    dialect: &'static dyn Dialect,
    question: &Question,
    limit: usize,
) -> Result<Box<Answer>, Error> {
    let mut reader = ResponseReader::new(dialect, question.operation);
    let mut held = Vec::new();
    let mut length = 0;
    while let Some(data) = next(&mut body).await? {
        length += data.len();
        let verdict = reader.push(&data);
        held.push(data);
        match verdict {
            Verdict::Good => return Ok(Answer::json(held, body, reader)),
            Verdict::ErrorObject => {
                return Err(Error::FailedInside(error_name(reader.error().as_ref())));
            }
            Verdict::Garbage => {
                return Err(Error::Garbage(
                    "a success whose body is not JSON".to_owned(),
                ));
            }
            Verdict::Undecided if length > limit => return Ok(Answer::json(held, body, reader)),
            Verdict::Undecided => {}
        }
    }
    Err(Error::Garbage(
        "a success whose body is empty or ends early".to_owned(),
    ))
}

/// Reads a stream up to its first content. Events before it (a role, a comment) are held.
pub(super) async fn events(
    mut body: UpstreamBody,
    dialect: &'static dyn Dialect,
    question: &Question,
    limit: usize,
) -> Result<Opened, Error> {
    let mut reader: AnswerStream = match &question.call {
        None => StreamReader::new(dialect, question.operation, question.usage_owner()).into(),
        Some(call) => call
            .stream()
            .map_err(|error| Error::Garbage(error.to_string()))?
            .into(),
    };
    let guard = question.guard.as_deref();
    let streaming = guard.filter(|guard| guard.streaming == Streaming::Enabled);
    if let Some(guard) = streaming.and_then(|g| StreamGuard::new(g, question.operation)) {
        reader = reader.guarded(guard);
    }
    if question.answer == Form::List {
        reader = reader.listed();
    }
    let mut held = Vec::new();
    let mut length = 0;
    while let Some(data) = next(&mut body).await.map_err(cut)? {
        length += data.len();
        let mut pieces = Vec::new();
        let read = reader.push(data, &mut pieces);
        for piece in &pieces {
            if let Class::Error(error) = &piece.class {
                return Err(Error::FailedInside(error_name(Some(error))));
            }
        }
        read.map_err(|error| match error {
            refused @ agw_ai::Error::Refused(_) => refused.into(),
            other => Error::Garbage(other.to_string()),
        })?;
        let content = pieces.iter().any(|p| p.class == Class::Content);
        held.extend(pieces.into_iter().map(|piece| piece.raw));
        if content || reader.is_done() || length > limit {
            return Ok(Opened {
                answer: Answer::events(held, body, reader),
                content,
            });
        }
    }
    Err(Error::CutBeforeContent("it closed".to_owned()))
}

async fn next(body: &mut UpstreamBody) -> Result<Option<Bytes>, Error> {
    while let Some(frame) = body.frame().await {
        match frame.map(|f| f.into_data()) {
            Ok(Ok(data)) if data.is_empty() => {}
            Ok(Ok(data)) => return Ok(Some(data)),
            Ok(Err(_trailers)) => {}
            Err(error) => return Err(Error::Reset(describe(&error))),
        }
    }
    Ok(None)
}

fn cut(error: Error) -> Error {
    match error {
        Error::Reset(text) => Error::CutBeforeContent(text),
        other => other,
    }
}

/// What the provider's error object calls the error. Its message stays out of logs: it may quote
/// a key or a prompt.
fn error_name(error: Option<&ProviderError>) -> String {
    let names = error
        .into_iter()
        .flat_map(|error| [&error.kind, &error.code])
        .flatten();
    let names: Vec<_> = names
        .map(|name| name.chars().take(64).collect::<String>())
        .collect();
    if names.is_empty() {
        "an error object".to_owned()
    } else {
        names.join(" ")
    }
}
