//! The body of a request to an upstream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{BoxError, ClientStream};

/// A request body: pieces in memory, or what the client is still sending.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Pieces {
        pieces: Vec<Bytes>,
        /// Position of the piece that goes out next.
        next: usize,
        left: u64,
    },
    /// Nothing of it was taken.
    Client(ClientStream),
    /// Some of it was taken.
    Begun(ClientStream),
    /// All of it was.
    Gone,
}

impl Outgoing {
    pub(crate) fn pieces(pieces: Vec<Bytes>) -> Self {
        let left = pieces.iter().map(|p| p.len() as u64).sum();
        Self::Pieces {
            pieces,
            next: 0,
            left,
        }
    }

    /// A copy that starts afresh, of a body that is in memory.
    pub(crate) fn copy(&self) -> Option<Self> {
        match self {
            Self::Pieces { pieces, .. } => Some(Self::pieces(pieces.clone())),
            _ => None,
        }
    }

    /// The body from its start, unless the client's was begun.
    pub(crate) fn again(self) -> Option<Self> {
        match self {
            Self::Pieces { pieces, .. } => Some(Self::pieces(pieces)),
            Self::Client(body) => Some(Self::Client(body)),
            Self::Begun(_) | Self::Gone => None,
        }
    }

    /// Nothing more is taken: lets go of the client, and keeps what can be sent again.
    pub(crate) fn let_go(&mut self) {
        if let Self::Client(_) | Self::Begun(_) = self {
            *self = Self::Gone;
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let (frame, first) = match &mut *self {
            Self::Pieces { pieces, next, left } => {
                let piece = pieces.get(*next).cloned();
                return Poll::Ready(piece.map(|piece| {
                    *next += 1;
                    *left -= piece.len() as u64;
                    Ok(Frame::data(piece))
                }));
            }
            Self::Gone => return Poll::Ready(None),
            Self::Client(body) => (ready!(Pin::new(body).poll_frame(cx)), true),
            Self::Begun(body) => (ready!(Pin::new(body).poll_frame(cx)), false),
        };
        if first && let Self::Client(body) = std::mem::replace(&mut *self, Self::Gone) {
            *self = Self::Begun(body);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Pieces { left, .. } => *left == 0,
            Self::Client(body) | Self::Begun(body) => body.is_end_stream(),
            Self::Gone => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Pieces { left, .. } => SizeHint::with_exact(*left),
            Self::Client(body) | Self::Begun(body) => body.size_hint(),
            Self::Gone => SizeHint::with_exact(0),
        }
    }
}
