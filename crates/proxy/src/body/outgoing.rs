//! The body of a request to an upstream.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{BoxError, ClientStream};

/// Whether a request body went out to its end. An HTTP/1.1 connection whose response ended
/// before that must not be used again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent(Rc<Cell<bool>>);

/// A request body: pieces in memory, or what the client is still sending.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Pieces {
        pieces: Rc<[Bytes]>,
        /// Position of the piece that goes out next.
        next: usize,
        left: u64,
    },
    Client {
        body: ClientStream,
        sent: Sent,
    },
}

impl Sent {
    fn set(&self) {
        self.0.set(true);
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.0.get()
    }

    /// For a body that is in memory as a whole: it is never left half unsent by the client.
    pub(crate) fn complete() -> Self {
        Self(Rc::new(Cell::new(true)))
    }
}

impl Outgoing {
    pub(crate) fn pieces(pieces: Rc<[Bytes]>) -> Self {
        let left = pieces.iter().map(|p| p.len() as u64).sum();
        Self::Pieces {
            pieces,
            next: 0,
            left,
        }
    }

    pub(crate) fn client(body: ClientStream) -> (Self, Sent) {
        let sent = Sent::default();
        (
            Self::Client {
                body,
                sent: sent.clone(),
            },
            sent,
        )
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Self::Pieces { pieces, next, left } => {
                let piece = pieces.get(*next).cloned();
                Poll::Ready(piece.map(|piece| {
                    *next += 1;
                    *left -= piece.len() as u64;
                    Ok(Frame::data(piece))
                }))
            }
            Self::Client { body, sent } => {
                let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
                if frame.is_none() || body.is_end_stream() {
                    sent.set();
                }
                Poll::Ready(frame.map(|f| f.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Pieces { left, .. } => *left == 0,
            Self::Client { body, sent } => {
                let end = body.is_end_stream();
                if end {
                    sent.set();
                }
                end
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Pieces { left, .. } => SizeHint::with_exact(*left),
            Self::Client { body, .. } => body.size_hint(),
        }
    }
}
