//! Server-sent events, split without losing a byte (WHATWG HTML §9.2.6).

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

use crate::error::Error;

/// Events may be this long unless said otherwise.
pub const EVENT_LIMIT: usize = 1 << 20;

/// One event as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug)]
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drain(splitter: &mut Splitter, events: &mut Vec<Event>) {
        while let Some(event) = splitter.next_event().unwrap() {
            events.push(event);
        }
    }

    fn split(chunks: &[&[u8]]) -> Vec<Event> {
        let mut splitter = Splitter::default();
        let mut events = Vec::new();
        for chunk in chunks {
            splitter.push(Bytes::copy_from_slice(chunk));
            drain(&mut splitter, &mut events);
        }
        events.extend(splitter.finish());
        events
    }

    #[test]
    fn reads_events_of_every_form() {
        type Seen<'a> = (&'a str, Option<&'a str>, Option<&'a str>);
        let table: &[(&str, &[Seen<'_>])] = &[
            ("data: a\n\n", &[("data: a\n\n", None, Some("a"))]),
            ("data:a\r\n\r\n", &[("data:a\r\n\r\n", None, Some("a"))]),
            ("data:  a\r\r", &[("data:  a\r\r", None, Some(" a"))]),
            (
                "data: a\r\n\rdata: b\n\r\n",
                &[
                    ("data: a\r\n\r", None, Some("a")),
                    ("data: b\n\r\n", None, Some("b")),
                ],
            ),
            (
                "data: a\ndata\ndata: c\n\n",
                &[("data: a\ndata\ndata: c\n\n", None, Some("a\n\nc"))],
            ),
            (
                "event: x\nevent: y\ndata: {}\nid: 1\n\n",
                &[(
                    "event: x\nevent: y\ndata: {}\nid: 1\n\n",
                    Some("y"),
                    Some("{}"),
                )],
            ),
            (
                ": ping\n\n\ndata: a\n\n",
                &[
                    (": ping\n\n", None, None),
                    ("\n", None, None),
                    ("data: a\n\n", None, Some("a")),
                ],
            ),
            (
                "\u{feff}data: a\n\ndatab: c\n\n",
                &[
                    ("\u{feff}data: a\n\n", None, Some("a")),
                    ("datab: c\n\n", None, None),
                ],
            ),
            ("data: [DONE]", &[("data: [DONE]", None, Some("[DONE]"))]),
            ("", &[]),
        ];
        for (input, expected) in table {
            let events = split(&[input.as_bytes()]);
            let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
            let seen: Vec<_> = events
                .iter()
                .map(|e| {
                    (
                        text(&e.raw),
                        e.name.as_ref().map(text),
                        e.data.as_ref().map(text),
                    )
                })
                .collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|(r, n, d)| (r.to_string(), n.map(String::from), d.map(String::from)))
                .collect();
            assert_eq!(seen, expected, "{input:?}");
        }
    }

    #[test]
    fn an_event_within_one_chunk_is_not_copied() {
        let chunk = Bytes::from(b"data: a\n\ndata: b\n\n".to_vec());
        let mut splitter = Splitter::default();
        splitter.push(chunk.clone());
        let first = splitter.next_event().unwrap().unwrap();
        let second = splitter.next_event().unwrap().unwrap();
        assert_eq!(first.raw.as_ptr(), chunk.as_ptr());
        assert_eq!(second.raw.as_ptr(), chunk[9..].as_ptr());
        assert_eq!(second.data.unwrap().as_ptr(), chunk[15..].as_ptr());
    }

    #[test]
    fn rejects_an_event_over_the_limit_however_it_comes() {
        for size in [1, 7, 64] {
            let input = [&b"data: ok\n\n"[..], &b"data: 0123456789012\n\n"[..]].concat();
            let mut splitter = Splitter::new(16);
            let mut seen = Vec::new();
            let mut failed = None;
            for chunk in input.chunks(size) {
                splitter.push(Bytes::copy_from_slice(chunk));
                loop {
                    match splitter.next_event() {
                        Ok(Some(event)) => seen.push(event.raw),
                        Ok(None) => break,
                        Err(error) => {
                            failed.get_or_insert(error);
                            break;
                        }
                    }
                }
            }
            assert_eq!(
                seen.first().map(|raw| &raw[..]),
                Some(&b"data: ok\n\n"[..]),
                "{size}"
            );
            assert_eq!(failed, Some(Error::EventTooLarge { limit: 16 }), "{size}");
        }
    }

    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let token = prop_oneof![
            Just(&b"\n"[..]),
            Just(&b"\r"[..]),
            Just(&b"\r\n"[..]),
            Just(&b"data: x"[..]),
            Just(&b"data:"[..]),
            Just(&b"event: e"[..]),
            Just(&b": c"[..]),
            Just(&b"\xEF\xBB\xBF"[..]),
            Just(&b"\xff"[..]),
        ];
        proptest::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
    }

    proptest! {
        #[test]
        fn chunks_change_nothing_and_no_byte_is_lost(
            input in stream(),
            cuts in proptest::collection::vec(0usize..48, 0..6),
        ) {
            let whole = split(&[&input]);
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(input.len())).collect();
            cuts.extend([0, input.len()]);
            cuts.sort_unstable();
            let chunks: Vec<_> = cuts.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect();
            prop_assert_eq!(&split(&chunks), &whole);
            let bytes: Vec<&[u8]> = input.chunks(1).collect();
            prop_assert_eq!(&split(&bytes), &whole);
            let mut at = 0;
            for event in &whole {
                prop_assert_eq!(event.at, at);
                at += event.raw.len();
            }
            let raw: Vec<_> = whole.iter().flat_map(|event| event.raw.to_vec()).collect();
            prop_assert_eq!(raw, input);
        }
    }
}
