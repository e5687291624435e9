//! The body of a client's request, as it comes.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::connection::Flight;

/// What the client still sends. Tells its connection while it waits for more.
pub(crate) struct ClientStream {
    body: Incoming,
    flight: Rc<Flight>,
}

impl ClientStream {
    pub(crate) fn new(body: Incoming, flight: Rc<Flight>) -> Self {
        Self { body, flight }
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
