//! The bytes of a client connection, with what was read ahead to tell the protocol.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::watch::Watch;
use crate::stream::{Rewound, write_through};

/// How an HTTP/2 connection begins (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Enough of the preface to tell it from every method.
const TELLING: usize = 4;

/// A client's stream.
pub(super) struct Wire<S> {
    stream: Rewound<S>,
    watch: Rc<Watch>,
}

/// What the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoken {
    Http1,
    Http2,
}

impl<S: AsyncRead + Unpin> Wire<S> {
    pub(super) fn new(stream: S, watch: Rc<Watch>) -> Self {
        Self {
            stream: Rewound::new(stream),
            watch,
        }
    }

    /// Reads as much as it takes to tell. `None` when the client left before that.
    pub(super) async fn tell(&mut self) -> io::Result<Option<Spoken>> {
        while self.stream.ahead().len() < TELLING {
            if !PREFACE.starts_with(self.stream.ahead()) {
                return Ok(Some(Spoken::Http1));
            }
            if self.stream.read_ahead().await? == 0 {
                return Ok(None);
            }
        }
        Ok(Some(
            if self.stream.ahead().starts_with(&PREFACE[..TELLING]) {
                Spoken::Http2
            } else {
                Spoken::Http1
            },
        ))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.watch.came(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

write_through!(Wire<S>.stream);
