//! The last head as it came over the wire.
//!
//! hyper reads a message with both `Content-Length` and `Transfer-Encoding` by the latter and
//! forgets the former. Such a message is an attempt at request smuggling or a broken client
//! (RFC 9112 §6.1), so it is refused; to see it, the bytes are looked at again.

use std::cell::{Cell, RefCell};

use http::{Method, Uri};

/// Bytes kept of one head. A longer one is not looked at again: hyper's reading of it is safe.
const KEPT: usize = 4 << 10;

/// Keeps the bytes since the last head was complete.
#[derive(Debug, Default)]
pub(crate) struct HeadTap {
    bytes: RefCell<Vec<u8>>,
    state: Cell<State>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Collecting a head.
    #[default]
    Open,
    /// The head is complete; what comes next begins anew.
    Complete,
    /// Not HTTP/1.1.
    Off,
}

impl HeadTap {
    pub(crate) fn off(&self) {
        self.state.set(State::Off);
        *self.bytes.borrow_mut() = Vec::new();
    }

    /// Takes what was read. False when nothing is kept on this connection.
    pub(crate) fn take(&self, read: &[u8]) -> bool {
        if self.state.get() == State::Off {
            return false;
        }
        let mut bytes = self.bytes.borrow_mut();
        if self.state.replace(State::Open) == State::Complete {
            bytes.clear();
        }
        let room = KEPT - bytes.len();
        bytes.extend_from_slice(&read[..read.len().min(room)]);
        true
    }

    /// Marks the head of a request as complete. True when it also had a `Content-Length`: to be
    /// asked only of one with a `Transfer-Encoding`.
    pub(crate) fn had_length(&self, method: &Method, uri: &Uri) -> bool {
        let line = match uri.path_and_query() {
            Some(target) if uri.authority().is_none() => format!("{method} {target} "),
            _ => format!("{method} {uri} "),
        };
        let bytes = self.bytes.borrow();
        let Some(start) = memchr::memmem::find(&bytes, line.as_bytes()) else {
            return false;
        };
        let head = &bytes[start..];
        let head = memchr::memmem::find(head, b"\r\n\r\n").map_or(head, |end| &head[..end]);
        head.split(|&byte| byte == b'\n').any(|line| {
            let name = b"content-length:";
            line.get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name))
        })
    }

    pub(crate) fn complete(&self) {
        if self.state.get() == State::Open {
            self.state.set(State::Complete);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(tap: &HeadTap, target: &str) -> bool {
        tap.had_length(&Method::POST, &target.parse().unwrap())
    }

    #[test]
    fn sees_a_length_in_the_head_and_not_in_the_body() {
        let tap = HeadTap::default();
        tap.take(b"POST /a HTTP/1.1\r\nTransfer-Encoding: chun");
        tap.take(b"ked\r\ncontent-LENGTH: 5\r\n\r\n0\r\n\r\n");
        assert!(asked(&tap, "/a"));
        tap.complete();
        tap.take(b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
        tap.take(b"19\r\nContent-Length: 7\r\n\r\n0\r\n\r\n");
        assert!(!asked(&tap, "/a"));
    }

    #[test]
    fn tells_pipelined_heads_apart() {
        let tap = HeadTap::default();
        tap.take(b"POST /a HTTP/1.1\r\nContent-Length: 0\r\n\r\nPOST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(asked(&tap, "/a"));
        assert!(!asked(&tap, "/b"));
    }

    #[test]
    fn keeps_no_more_than_its_bound() {
        let tap = HeadTap::default();
        for _ in 0..100 {
            tap.take(&[b'x'; 1000]);
        }
        assert_eq!(tap.bytes.borrow().len(), KEPT);
        tap.off();
        assert!(!tap.take(b"x"));
        assert_eq!(tap.bytes.borrow().capacity(), 0);
    }
}
