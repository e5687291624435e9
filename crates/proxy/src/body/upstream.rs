//! The body of an upstream's response, and the connection it comes over.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1;

use super::{Outgoing, Sent};
use crate::upstream::{Pool, PoolKey};

/// An upstream's response body. Its end gives the connection back to the pool; dropping it before
/// its end closes the connection (HTTP/1.1) or resets the stream (HTTP/2), which tells the
/// upstream to stop.
pub(crate) struct UpstreamBody {
    incoming: Incoming,
    lease: Option<Lease>,
}

/// An HTTP/1.1 connection out of the pool for one exchange.
pub(crate) struct Lease {
    pub(crate) pool: Rc<Pool>,
    pub(crate) key: Rc<PoolKey>,
    pub(crate) sender: http1::SendRequest<Outgoing>,
    pub(crate) sent: Sent,
}

impl UpstreamBody {
    pub(crate) fn new(incoming: Incoming, lease: Option<Lease>) -> Self {
        let mut body = Self { incoming, lease };
        if body.incoming.is_end_stream() {
            body.give_back();
        }
        body
    }

    fn give_back(&mut self) {
        if let Some(lease) = self.lease.take().filter(|l| l.sent.is_complete()) {
            lease.pool.put(&lease.key, lease.sender);
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        let ended = match &frame {
            None => true,
            Some(Ok(_)) => self.incoming.is_end_stream(),
            Some(Err(_)) => {
                self.lease = None;
                false
            }
        };
        if ended {
            self.give_back();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
