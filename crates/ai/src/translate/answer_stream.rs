//! A provider's event stream, translated or not.

use bytes::Bytes;

use super::StreamTranslator;
use crate::dialect::Class;
use crate::dialect::gemini::JsonList;
use crate::envelope::ErrorBody;
use crate::error::Error;
use crate::guard::{StreamGuard, Verdict};
use crate::stream::{Ending, Piece, StreamReader};
use crate::usage::Usage;

/// A stream on its way to the client, in the client's format.
#[derive(Debug)]
pub struct AnswerStream {
    stream: Stream,
    /// Looks at what goes on.
    guard: Option<Box<StreamGuard>>,
    /// For clients that did not ask for events.
    list: Option<JsonList>,
}

#[derive(Debug)]
enum Stream {
    Passed(StreamReader),
    Translated(StreamTranslator),
}

macro_rules! either {
    ($this:expr, $stream:ident => $value:expr) => {
        match $this {
            Stream::Passed($stream) => $value,
            Stream::Translated($stream) => $value,
        }
    };
}

impl AnswerStream {
    /// The same stream as one JSON array.
    pub fn listed(self) -> Self {
        Self {
            list: Some(JsonList::default()),
            ..self
        }
    }

    /// The same stream without what `guard` does not let through.
    pub fn guarded(self, guard: StreamGuard) -> Self {
        Self {
            guard: Some(Box::new(guard)),
            ..self
        }
    }

    /// See [`StreamReader::push`]. A guard may hold events, and may refuse to go on.
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<Piece>) -> Result<(), Error> {
        let from = out.len();
        let pushed = match &mut self.guard {
            None => either!(&mut self.stream, stream => stream.push(chunk, out)),
            Some(guard) => {
                let mut seen = Vec::new();
                let pushed = either!(&mut self.stream, stream => stream.push(chunk, &mut seen));
                guard.push_all(seen, out).and(pushed)
            }
        };
        self.list_items(from, out);
        pushed
    }

    /// See [`StreamReader::finish`]. What a guard refuses of the rest ends the stream in an error,
    /// too.
    pub fn finish(&mut self, out: &mut Vec<Piece>) -> Result<Ending, Error> {
        let from = out.len();
        let (ending, refused) = match &mut self.guard {
            None => {
                let ending = either!(&mut self.stream, stream => stream.finish(out));
                (ending, Ok(()))
            }
            Some(guard) => {
                let mut seen = Vec::new();
                let ending = either!(&mut self.stream, stream => stream.finish(&mut seen));
                let pushed = guard.push_all(seen, out);
                (ending, pushed.and_then(|()| guard.finish(out)))
            }
        };
        self.list_items(from, out);
        refused?;
        if let Some(list) = self.list.as_mut().filter(|_| ending != Ending::Cut) {
            out.push(Piece {
                raw: list.end(),
                class: Class::Done,
            });
        }
        Ok(ending)
    }

    /// What its guard has made of it so far.
    pub fn verdict(&self) -> Option<Verdict> {
        self.guard.as_ref().map(|guard| guard.verdict())
    }

    fn list_items(&mut self, from: usize, out: &mut [Piece]) {
        if let Some(list) = &mut self.list {
            for piece in &mut out[from..] {
                piece.raw = list.items(std::mem::take(&mut piece.raw));
            }
        }
    }

    pub fn has_started(&self) -> bool {
        either!(&self.stream, stream => stream.has_started())
    }

    pub fn is_done(&self) -> bool {
        either!(&self.stream, stream => stream.is_done())
    }

    pub fn usage(&self) -> &Usage {
        either!(&self.stream, stream => stream.usage())
    }

    pub fn model(&self) -> Option<&str> {
        either!(&self.stream, stream => stream.model())
    }

    pub fn finish_reason(&self) -> Option<&str> {
        either!(&self.stream, stream => stream.finish_reason())
    }

    pub fn content_events(&self) -> u64 {
        either!(&self.stream, stream => stream.content_events())
    }

    /// See [`StreamReader::cut_event`].
    pub fn cut_event(&mut self, error: &ErrorBody<'_>) -> Bytes {
        let event = match &mut self.stream {
            Stream::Passed(stream) => stream.cut_event(error),
            Stream::Translated(stream) => stream.cut_event(error),
        };
        match &mut self.list {
            None => event,
            Some(list) => [list.items(event), list.end()].concat().into(),
        }
    }
}

impl From<StreamReader> for AnswerStream {
    fn from(stream: StreamReader) -> Self {
        Self {
            stream: Stream::Passed(stream),
            guard: None,
            list: None,
        }
    }
}

impl From<StreamTranslator> for AnswerStream {
    fn from(stream: StreamTranslator) -> Self {
        Self {
            stream: Stream::Translated(stream),
            guard: None,
            list: None,
        }
    }
}
