//! Server-sent events, split without losing a byte (WHATWG HTML §9.2.6).

use std::fmt;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

use crate::error::Error;

/// Events may be this long unless said otherwise.
pub const EVENT_LIMIT: usize = 1 << 20;

/// One event as it came. What it says never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// Every byte of it, the blank line at its end included.
    pub raw: Bytes,
    /// Offset of `raw` in the stream.
    pub at: usize,
    /// Value of the last `event` line.
    pub name: Option<Bytes>,
    /// The `data` lines joined by line feeds; `None` for an event without any, such as a comment.
    pub data: Option<Bytes>,
}

/// Cuts a stream of chunks into events. The raw events put together are the input; how the input is
/// cut into chunks does not change them. An event within one chunk is a slice of it.
pub struct Splitter {
    limit: usize,
    /// Start of an event whose end has not come.
    carry: BytesMut,
    /// Input behind `carry` that has not been looked at, but for `scanned` bytes.
    chunk: Bytes,
    scanned: usize,
    /// Offset in the stream of the event that is being read.
    at: usize,
    line_empty: bool,
    /// Whether the byte before is a carriage return: a line feed would belong to it.
    after_return: bool,
    /// Whether that carriage return ended the event.
    ending: bool,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            raw,
            at,
            name,
            data,
        } = self;
        let data = data.as_ref().map(Bytes::len);
        let mut text = f.debug_struct("Event");
        text.field("at", at)
            .field("bytes", &raw.len())
            .field("name", name);
        text.field("data_bytes", &data).finish()
    }
}

impl fmt::Debug for Splitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.carry.len() + self.chunk.len();
        f.debug_struct("Splitter")
            .field("at", &self.at)
            .field("held", &held)
            .finish_non_exhaustive()
    }
}

impl Default for Splitter {
    fn default() -> Self {
        Self::new(EVENT_LIMIT)
    }
}

impl Splitter {
    /// Fails on events longer than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            carry: BytesMut::new(),
            chunk: Bytes::new(),
            scanned: 0,
            at: 0,
            line_empty: true,
            after_return: false,
            ending: false,
        }
    }

    /// Adds input. Take the events out with [`Self::next_event`] until there is none.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
            return;
        }
        let mut joined = BytesMut::with_capacity(self.chunk.len() + chunk.len());
        joined.extend_from_slice(&self.chunk);
        joined.extend_from_slice(&chunk);
        self.chunk = joined.freeze();
    }

    /// The next complete event; `None` until more input comes.
    pub fn next_event(&mut self) -> Result<Option<Event>, Error> {
        let Some(end) = self.event_end() else {
            self.carry_over()?;
            return Ok(None);
        };
        let tail = self.chunk.split_to(end);
        self.scanned = 0;
        let raw = if self.carry.is_empty() {
            tail
        } else {
            self.carry.extend_from_slice(&tail);
            self.carry.split().freeze()
        };
        if raw.len() > self.limit {
            return Err(Error::EventTooLarge { limit: self.limit });
        }
        let at = self.at;
        self.at += raw.len();
        Ok(Some(Event::read(raw, at)))
    }

    /// What is left at the end of the input, read as if a blank line followed. `None` when there is
    /// nothing left.
    pub fn finish(mut self) -> Option<Event> {
        self.carry.extend_from_slice(&self.chunk);
        let raw = self.carry.freeze();
        (!raw.is_empty()).then(|| Event::read(raw, self.at))
    }

    fn carry_over(&mut self) -> Result<(), Error> {
        if self.carry.len() + self.chunk.len() > self.limit {
            return Err(Error::EventTooLarge { limit: self.limit });
        }
        self.carry.extend_from_slice(&self.chunk);
        self.chunk = Bytes::new();
        self.scanned = 0;
        Ok(())
    }

    /// Index in `chunk` behind the current event.
    fn event_end(&mut self) -> Option<usize> {
        while let Some(byte) = self.chunk.get(self.scanned) {
            if self.after_return {
                self.after_return = false;
                self.scanned += usize::from(*byte == b'\n');
                if self.ending {
                    self.ending = false;
                    return Some(self.scanned);
                }
                continue;
            }
            let rest = &self.chunk[self.scanned..];
            let Some(line) = memchr2(b'\n', b'\r', rest) else {
                self.line_empty = false;
                self.scanned = self.chunk.len();
                return None;
            };
            let blank = self.line_empty && line == 0;
            let is_return = rest[line] == b'\r';
            self.line_empty = true;
            self.scanned += line + 1;
            self.after_return = is_return;
            // A carriage return may be half of a line end: the next byte tells.
            self.ending = blank && is_return;
            if blank && !is_return {
                return Some(self.scanned);
            }
        }
        None
    }
}

impl Event {
    fn read(raw: Bytes, at: usize) -> Self {
        let mut name = None;
        let mut data: Option<Range<usize>> = None;
        let mut joined: Option<Vec<u8>> = None;
        let mut next = if at == 0 && raw.starts_with(b"\xEF\xBB\xBF") {
            3
        } else {
            0
        };
        while next < raw.len() {
            let start = next;
            let length = memchr2(b'\n', b'\r', &raw[start..]).unwrap_or(raw.len() - start);
            next = start + length + 1;
            let line = &raw[start..start + length];
            if let Some(value) = value_of(line, b"event") {
                name = Some(start + value..start + length);
            } else if let Some(value) = value_of(line, b"data") {
                let value = start + value..start + length;
                match (&data, &mut joined) {
                    (None, _) => data = Some(value),
                    (Some(first), None) => {
                        joined = Some([&raw[first.clone()], b"\n", &raw[value]].concat());
                    }
                    (Some(_), Some(joined)) => {
                        joined.push(b'\n');
                        joined.extend_from_slice(&raw[value]);
                    }
                }
            }
        }
        let data = joined
            .map(Bytes::from)
            .or_else(|| data.map(|range| raw.slice(range)));
        Self {
            at,
            name: name.map(|range| raw.slice(range)),
            data,
            raw,
        }
    }
}

/// Where in `line` the value of `field` starts, if it is a line of that field.
fn value_of(line: &[u8], field: &[u8]) -> Option<usize> {
    match line.strip_prefix(field)? {
        [] => Some(line.len()),
        [b':', b' ', ..] => Some(field.len() + 2),
        [b':', ..] => Some(field.len() + 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
