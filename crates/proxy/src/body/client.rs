//! The body of a client's request, as it comes.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::oneshot;

use crate::connection::Flight;

/// What the client still sends. Tells its connection while it waits for more.
pub(crate) struct ClientStream {
    body: Incoming,
    flight: Rc<Flight>,
    copies: Vec<Copying>,
}

/// A copy of a body that is still coming. It costs references to the body's pieces, no bytes.
pub(crate) struct BodyCopy(oneshot::Receiver<Vec<Bytes>>);

/// The body ended early, was not read to its end, or is larger than the copy may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body could not be copied")]
pub(crate) struct NotCopied;

/// Pieces kept for a [`BodyCopy`] until the body is complete.
struct Copying {
    pieces: Vec<Bytes>,
    left: usize,
    to: oneshot::Sender<Vec<Bytes>>,
}

impl ClientStream {
    pub(crate) fn new(body: Incoming, flight: Rc<Flight>) -> Self {
        Self {
            body,
            flight,
            copies: Vec::new(),
        }
    }

    /// A copy of the body, if it turns out to be at most `limit` bytes.
    pub(crate) fn copy(&mut self, limit: usize) -> BodyCopy {
        let (to, copy) = oneshot::channel();
        self.copies.push(Copying {
            pieces: Vec::new(),
            left: limit,
            to,
        });
        BodyCopy(copy)
    }

    fn feed_copies(&mut self, polled: &Poll<Option<Result<Frame<Bytes>, hyper::Error>>>) {
        match polled {
            Poll::Pending => return,
            Poll::Ready(Some(Err(_))) => self.copies.clear(),
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    self.copies.retain_mut(|copy| copy.keep(data));
                }
            }
            Poll::Ready(None) => {}
        }
        if self.body.is_end_stream() {
            for copy in self.copies.drain(..) {
                // The mirror may have given up waiting.
                let _ = copy.to.send(copy.pieces);
            }
        }
    }
}

impl BodyCopy {
    pub(crate) async fn whole(self) -> Result<Vec<Bytes>, NotCopied> {
        self.0.await.map_err(|_| NotCopied)
    }
}

impl Copying {
    /// Keeps a piece; false when the copy has become too large.
    fn keep(&mut self, data: &Bytes) -> bool {
        let Some(left) = self.left.checked_sub(data.len()) else {
            return false;
        };
        self.left = left;
        self.pieces.push(data.clone());
        true
    }
}

impl Body for ClientStream {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Pending => self.flight.await_body(),
            Poll::Ready(_) => self.flight.got_body(),
        }
        if !self.copies.is_empty() {
            self.feed_copies(&polled);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl std::fmt::Debug for ClientStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientStream").finish_non_exhaustive()
    }
}

impl Drop for ClientStream {
    fn drop(&mut self) {
        self.flight.got_body();
    }
}
