//! A provider's event stream on its way to the client.

use std::fmt;

use bytes::Bytes;

use crate::dialect::{Class, Dialect, Started};
use crate::envelope::ErrorBody;
use crate::error::Error;
use crate::operation::Operation;
use crate::request::UsageOwner;
use crate::sse::{Event, Splitter};
use crate::usage::Usage;

/// Reads a stream as it passes. It gives back every byte but those of the usage chunk that only the
/// gateway asked for.
pub struct StreamReader {
    dialect: &'static dyn Dialect,
    operation: Operation,
    owner: UsageOwner,
    splitter: Splitter,
    /// Bytes pushed so far.
    pushed: usize,
    started: Started,
    done: bool,
    failed: bool,
    content_events: u64,
    usage: Usage,
    model: Option<String>,
    finish_reason: Option<String>,
    /// Data of the last event.
    last: Option<Bytes>,
}

/// Consecutive events of one class. What they say never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Piece {
    /// To be forwarded as they are.
    pub raw: Bytes,
    pub class: Class,
}

/// How a stream came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With the dialect's end mark.
    Complete,
    /// Without the mark, but behind the reason why generation finished: some servers never send a
    /// mark.
    Unmarked,
    /// The provider reported a failure.
    Failed,
    /// In the middle.
    Cut,
}

impl fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamReader")
            .field("operation", &self.operation)
            .field("pushed", &self.pushed)
            .field("started", &self.started)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { raw, class } = self;
        f.debug_struct("Piece")
            .field("bytes", &raw.len())
            .field("class", class)
            .finish()
    }
}

impl StreamReader {
    pub fn new(dialect: &'static dyn Dialect, operation: Operation, owner: UsageOwner) -> Self {
        Self {
            dialect,
            operation,
            owner,
            splitter: Splitter::new(dialect.event_limit(operation)),
            pushed: 0,
            started: Started::No,
            done: false,
            failed: false,
            content_events: 0,
            usage: Usage::default(),
            model: None,
            finish_reason: None,
            last: None,
        }
    }

    /// Reads `chunk` and appends what is to be forwarded to `out`. Neighbouring events of one chunk
    /// and class come as one piece. Bytes of an unfinished event stay inside. An error ends the
    /// stream; what was appended before it is valid.
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<Piece>) -> Result<(), Error> {
        let base = self.pushed;
        self.pushed += chunk.len();
        self.splitter.push(chunk.clone());
        let mut run = Run {
            chunk: &chunk,
            base,
            open: None,
        };
        loop {
            match self.splitter.next_event() {
                Ok(Some(event)) => {
                    let (at, raw) = (event.at, event.raw.clone());
                    if let Some(class) = self.read(event) {
                        run.add(at, raw, class, out);
                    }
                }
                Ok(None) => {
                    run.close(out);
                    return Ok(());
                }
                Err(error) => {
                    run.close(out);
                    return Err(error);
                }
            }
        }
    }

    /// Ends the input. A last event without its blank line is read and appended only if it is
    /// whole; half an event is dropped.
    pub fn finish(&mut self, out: &mut Vec<Piece>) -> Ending {
        let splitter = std::mem::take(&mut self.splitter);
        if let Some(event) = splitter.finish() {
            let whole = event.data.as_deref().is_none_or(|data| {
                data.trim_ascii() == b"[DONE]"
                    || serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok()
            });
            let raw = event.raw.clone();
            if whole && let Some(class) = self.read(event) {
                out.push(Piece { raw, class });
            }
        }
        if self.failed {
            Ending::Failed
        } else if self.done {
            Ending::Complete
        } else if self.finish_reason.is_some() {
            Ending::Unmarked
        } else {
            Ending::Cut
        }
    }

    /// Whether content, or an end, has come.
    pub fn has_started(&self) -> bool {
        self.started == Started::Yes
    }

    /// Whether the end mark has come.
    pub fn is_done(&self) -> bool {
        self.done
    }

    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The model that answers.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    pub fn finish_reason(&self) -> Option<&str> {
        self.finish_reason.as_deref()
    }

    /// Events with data from the first content on, without the end mark: a lower bound on what was
    /// generated when a cut stream has no usage.
    pub fn content_events(&self) -> u64 {
        self.content_events
    }

    /// The event that tells the client that its stream broke. Never an end mark.
    pub fn cut_event(&self, error: &ErrorBody<'_>) -> Bytes {
        self.dialect
            .cut_event(self.operation, error, self.last.as_deref())
    }

    /// Takes in one event; `None` when it is not to be forwarded.
    fn read(&mut self, event: Event) -> Option<Class> {
        let reading = self
            .dialect
            .read_event(self.operation, &event, self.started);
        if let Some(usage) = reading.usage {
            self.usage.update(usage);
        }
        if let (None, Some(model)) = (&self.model, reading.model) {
            self.model = Some(model.into_owned());
        }
        if let Some(reason) = reading.finish_reason {
            self.finish_reason = Some(reason.into_owned());
        }
        if reading.usage_only && self.owner == UsageOwner::Gateway {
            return None;
        }
        let class = match (reading.class, self.started) {
            (Class::Empty, Started::Yes) => Class::Content,
            (class, _) => class,
        };
        match &class {
            Class::Empty => {}
            Class::Content => {
                self.started = Started::Yes;
                self.content_events += u64::from(event.data.is_some());
            }
            Class::Error(_) => self.failed = true,
            Class::Done => {
                self.started = Started::Yes;
                self.done = true;
            }
        }
        self.last = event.data.or(self.last.take());
        Some(class)
    }
}

/// Events that lie side by side in one chunk.
struct Run<'c> {
    chunk: &'c Bytes,
    /// Offset of `chunk` in the stream.
    base: usize,
    /// Start and end in `chunk`.
    open: Option<(usize, usize, Class)>,
}

impl Run<'_> {
    fn add(&mut self, at: usize, raw: Bytes, class: Class, out: &mut Vec<Piece>) {
        let Some(start) = at.checked_sub(self.base) else {
            // It began in an earlier chunk, so it is the first here.
            out.push(Piece { raw, class });
            return;
        };
        let end = start + raw.len();
        match &mut self.open {
            Some((_, behind, known))
                if *behind == start && *known == class && !matches!(class, Class::Error(_)) =>
            {
                *behind = end;
            }
            _ => {
                self.close(out);
                self.open = Some((start, end, class));
            }
        }
    }

    fn close(&mut self, out: &mut Vec<Piece>) {
        if let Some((start, end, class)) = self.open.take() {
            out.push(Piece {
                raw: self.chunk.slice(start..end),
                class,
            });
        }
    }
}

#[cfg(test)]
mod tests;
