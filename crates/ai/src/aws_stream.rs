//! AWS event streams: binary frames of headers and a payload, each with checksums.
//!
//! ```text
//! total length (4) | length of headers (4) | CRC-32 of these (4)
//! headers | payload | CRC-32 of all before (4)
//! ```

mod header;

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

use crate::error::Error;
use crate::format::Frames;
use crate::sse::Event;

/// Goes before the name of an event that reports a failure.
pub const FAILURE: &str = "exception:";

const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;

/// Cuts a stream of chunks into events; how it is cut into chunks does not change them. An event's
/// name is its type, with [`FAILURE`] before it where it is one.
pub struct AwsSplitter {
    limit: usize,
    held: BytesMut,
    /// Offset in the stream of what is held.
    at: usize,
}

impl fmt::Debug for AwsSplitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSplitter")
            .field("at", &self.at)
            .field("held", &self.held.len())
            .finish_non_exhaustive()
    }
}

impl AwsSplitter {
    /// Fails on frames longer than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            held: BytesMut::new(),
            at: 0,
        }
    }

    /// Adds input. Take the events out with [`Self::next_event`] until there is none.
    pub fn push(&mut self, chunk: &[u8]) {
        self.held.extend_from_slice(chunk);
    }

    /// The next complete event; `None` until more input comes. An error ends the stream.
    pub fn next_event(&mut self) -> Result<Option<Event>, Error> {
        if self.held.len() < PRELUDE {
            return Ok(None);
        }
        let mut prelude = &self.held[..PRELUDE];
        let [total, headers] = [prelude.get_u32(), prelude.get_u32()].map(|n| n as usize);
        if crc32fast::hash(&self.held[..PRELUDE - CHECKSUM]) != prelude.get_u32() {
            return Err(broken("the checksum of a frame's lengths is wrong"));
        }
        if total > self.limit {
            return Err(Error::EventTooLarge { limit: self.limit });
        }
        if total < PRELUDE + CHECKSUM || headers > total - PRELUDE - CHECKSUM {
            return Err(broken("the lengths of a frame make no sense"));
        }
        if self.held.len() < total {
            return Ok(None);
        }
        let frame = self.held.split_to(total).freeze();
        let body = total - CHECKSUM;
        if crc32fast::hash(&frame[..body]) != (&frame[body..]).get_u32() {
            return Err(broken("the checksum of a frame is wrong"));
        }
        let payload = frame.slice(PRELUDE + headers..body);
        let told = header::read(frame.slice(PRELUDE..PRELUDE + headers))
            .ok_or_else(|| broken("the headers of a frame make no sense"))?;
        let at = self.at;
        self.at += total;
        let (name, data) = told.event(payload);
        Ok(Some(Event {
            raw: frame,
            at,
            name,
            data: Some(data),
        }))
    }
}

impl Frames for AwsSplitter {
    fn push(&mut self, chunk: Bytes) {
        Self::push(self, &chunk);
    }

    fn next_event(&mut self) -> Result<Option<Event>, Error> {
        Self::next_event(self)
    }

    /// Half a frame says nothing.
    fn finish(self: Box<Self>) -> Option<Event> {
        None
    }
}

fn broken(why: &'static str) -> Error {
    Error::BrokenStream { why }
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    Event,
    Exception,
}

/// A frame of the type `name` with a JSON payload.
pub fn frame(message: Message, name: &str, payload: &[u8]) -> Bytes {
    let (kind, naming) = match message {
        Message::Event => ("event", ":event-type"),
        Message::Exception => ("exception", ":exception-type"),
    };
    let mut headers = Vec::with_capacity(96);
    for (key, value) in [
        (naming, name),
        (":content-type", "application/json"),
        (":message-type", kind),
    ] {
        header::write(key, value, &mut headers);
    }
    let total = PRELUDE + headers.len() + payload.len() + CHECKSUM;
    let mut out = Vec::with_capacity(total);
    for length in [total, headers.len()] {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_be_bytes());
    }
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.into()
}

#[cfg(test)]
mod tests;
