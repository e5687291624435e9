//! The body of an upstream's response, and the connection it comes over.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::coding::Decoder;
use crate::stream::BoxStream;
use crate::upstream::{Connection, Cut, Part};

/// An upstream's response body. Its end gives the connection back to the pool; dropping it before
/// its end closes the connection (HTTP/1.1) or resets the stream (HTTP/2), which tells the
/// upstream to stop.
pub(crate) struct UpstreamBody(Source);

enum Source {
    Ended,
    Http1(Box<Connection>),
    Http2(Incoming),
    /// It broke off, which is still to be told.
    Cut(Cut),
    /// What is to be undone first.
    Coded(Box<Coded>),
    /// What the connection has become after HTTP/1.1. It is no body.
    Switched(BoxStream),
}

struct Coded {
    /// `None` once it has ended.
    body: Option<UpstreamBody>,
    decoder: Decoder,
}

impl UpstreamBody {
    pub(crate) fn http1(connection: Box<Connection>) -> Self {
        let mut body = Self(Source::Http1(connection));
        body.settle();
        body
    }

    pub(crate) fn http2(incoming: Incoming) -> Self {
        Self(Source::Http2(incoming))
    }

    pub(crate) fn switched(stream: BoxStream) -> Self {
        Self(Source::Switched(stream))
    }

    pub(super) fn decoded(self, decoder: Decoder) -> Self {
        let body = Some(self);
        Self(Source::Coded(Box::new(Coded { body, decoder })))
    }

    /// One that breaks off at once.
    pub(super) fn broken(error: std::io::Error) -> Self {
        Self(Source::Cut(Cut::Coding(error)))
    }

    /// The stream that an upgrade led to.
    pub(crate) fn into_stream(self) -> Option<BoxStream> {
        match self.0 {
            Source::Switched(stream) => Some(stream),
            _ => None,
        }
    }

    /// Gives the connection back once nothing more comes over it.
    fn settle(&mut self) {
        if let Source::Http1(connection) = &self.0
            && connection.is_over()
            && let Source::Http1(connection) = std::mem::replace(&mut self.0, Source::Ended)
        {
            connection.release();
        }
    }
}

impl Coded {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        loop {
            match self.decoder.next() {
                Ok(Some(decoded)) => return Poll::Ready(Some(Ok(Frame::data(decoded)))),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(Cut::Coding(error)))),
            }
            let Some(body) = &mut self.body else {
                return Poll::Ready(None);
            };
            let frame = match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(cut)) => return Poll::Ready(Some(Err(cut))),
                None => {
                    self.body = None;
                    match self.decoder.finish() {
                        Ok(rest) if rest.is_empty() => return Poll::Ready(None),
                        Ok(rest) => return Poll::Ready(Some(Ok(Frame::data(rest)))),
                        Err(error) => return Poll::Ready(Some(Err(Cut::Coding(error)))),
                    }
                }
            };
            match frame.into_data() {
                Ok(coded) => self.decoder.push(coded),
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let connection = match &mut self.0 {
            Source::Ended | Source::Switched(_) => return Poll::Ready(None),
            Source::Cut(_) => {
                let Source::Cut(cut) = std::mem::replace(&mut self.0, Source::Ended) else {
                    return Poll::Ready(None);
                };
                return Poll::Ready(Some(Err(cut)));
            }
            Source::Http2(incoming) => {
                let frame = ready!(Pin::new(incoming).poll_frame(cx));
                return Poll::Ready(frame.map(|frame| frame.map_err(Cut::from)));
            }
            Source::Coded(coded) => {
                let frame = ready!(coded.poll_frame(cx));
                if matches!(frame, None | Some(Err(_))) {
                    self.0 = Source::Ended;
                }
                return Poll::Ready(frame);
            }
            Source::Http1(connection) => connection,
        };
        let frame = match ready!(connection.poll_part(cx)) {
            Ok(Part::Data(data)) => Some(Ok(Frame::data(data))),
            Ok(Part::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Ok(Part::End) => None,
            Err(cut) => {
                // With the error the client's connection ends: what came before goes out first.
                self.0 = Source::Cut(cut);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        };
        self.settle();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Ended | Source::Switched(_) => true,
            Source::Http1(_) | Source::Cut(_) | Source::Coded(_) => false,
            Source::Http2(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Ended | Source::Switched(_) => SizeHint::with_exact(0),
            Source::Http1(connection) => match connection.left() {
                Some(left) => SizeHint::with_exact(left),
                None => SizeHint::default(),
            },
            Source::Http2(incoming) => incoming.size_hint(),
            Source::Cut(_) | Source::Coded(_) => SizeHint::default(),
        }
    }
}
