//! A provider's event stream, translated or not.

use bytes::Bytes;

use super::StreamTranslator;
use crate::envelope::ErrorBody;
use crate::error::Error;
use crate::stream::{Ending, Piece, StreamReader};
use crate::usage::Usage;

/// A stream on its way to the client, in the client's format.
#[derive(Debug)]
pub enum AnswerStream {
    Passed(StreamReader),
    Translated(StreamTranslator),
}

macro_rules! either {
    ($this:expr, $stream:ident => $value:expr) => {
        match $this {
            Self::Passed($stream) => $value,
            Self::Translated($stream) => $value,
        }
    };
}

impl AnswerStream {
    /// See [`StreamReader::push`].
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<Piece>) -> Result<(), Error> {
        either!(self, stream => stream.push(chunk, out))
    }

    /// See [`StreamReader::finish`].
    pub fn finish(&mut self, out: &mut Vec<Piece>) -> Ending {
        either!(self, stream => stream.finish(out))
    }

    pub fn has_started(&self) -> bool {
        either!(self, stream => stream.has_started())
    }

    pub fn is_done(&self) -> bool {
        either!(self, stream => stream.is_done())
    }

    pub fn usage(&self) -> &Usage {
        either!(self, stream => stream.usage())
    }

    pub fn model(&self) -> Option<&str> {
        either!(self, stream => stream.model())
    }

    pub fn finish_reason(&self) -> Option<&str> {
        either!(self, stream => stream.finish_reason())
    }

    pub fn content_events(&self) -> u64 {
        either!(self, stream => stream.content_events())
    }

    /// See [`StreamReader::cut_event`].
    pub fn cut_event(&mut self, error: &ErrorBody<'_>) -> Bytes {
        match self {
            Self::Passed(stream) => stream.cut_event(error),
            Self::Translated(stream) => stream.cut_event(error),
        }
    }
}

impl From<StreamReader> for AnswerStream {
    fn from(stream: StreamReader) -> Self {
        Self::Passed(stream)
    }
}

impl From<StreamTranslator> for AnswerStream {
    fn from(stream: StreamTranslator) -> Self {
        Self::Translated(stream)
    }
}
