//! The way of a request to its upstream.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use agw_core::http1::{CHUNK_END, RequestHead, Sending, chunk_start, last_chunk};
use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName};
use http_body::{Body as _, Frame};
use tokio::io::AsyncWrite as _;

use super::Io;
use crate::body::{BoxError, Outgoing};
use crate::upstream::describe;

/// Bytes up to which a piece is copied behind what goes out with it. Copying so much costs less
/// than telling the kernel of another place.
const SMALL: usize = 8 << 10;
/// Places that one write tells the kernel of.
const PLACES: usize = 32;

thread_local! {
    /// Where a worker's requests are written before they go out.
    static TEXT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A request on its way.
pub(super) struct Upload {
    /// Framed, and not taken by the connection yet.
    out: VecDeque<Bytes>,
    body: Outgoing,
    /// What the body gave before it was asked in earnest.
    early: Option<Given>,
    sending: Sending,
    stage: Stage,
    /// Trailers that the head announces.
    announced: Vec<HeaderName>,
}

/// What a body gives when it is asked: a frame, an error or its end.
type Given = Option<Result<Frame<Bytes>, BoxError>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing is written.
    Fresh,
    /// The body was asked for once: its start may go out together with the head.
    Asked,
    Body,
    /// All of it is framed.
    Framed,
}

/// Why a request does not get to its upstream.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The connection takes no more.
    Connection(io::Error),
    /// The body broke off.
    Body(String),
}

impl Upload {
    pub(super) fn new(head: &RequestHead<'_>, body: Outgoing) -> Self {
        let sending = match body.size_hint().exact() {
            Some(0) => Sending::Nothing,
            Some(length) => Sending::Exact(length),
            None => Sending::Chunked,
        };
        Self {
            out: VecDeque::new(),
            body,
            early: None,
            sending,
            stage: Stage::Fresh,
            announced: match sending {
                Sending::Chunked => head.announced_trailers(),
                Sending::Nothing | Sending::Exact(_) => Vec::new(),
            },
        }
    }

    /// Whether the head has gone out, or waits for nothing but the connection.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::Body | Stage::Framed)
    }

    /// The body as it was, unless some of it cannot be had again.
    pub(super) fn recover(self) -> Option<Outgoing> {
        self.body.again()
    }

    /// Writes the head and what there is of the body. Ready when that was handed to the
    /// connection, as far as it takes it.
    pub(super) fn poll_start(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut Io,
        head: &RequestHead<'_>,
    ) -> Poll<Result<(), Stopped>> {
        if self.stage == Stage::Fresh && self.sending != Sending::Nothing {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(given) => self.early = Some(given),
                // A body that came with its head is given out once it was asked for.
                Poll::Pending => {
                    self.stage = Stage::Asked;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
        self.stage = Stage::Body;
        let mut text = Text::take();
        head.write(self.sending, &mut text.0);
        if let Poll::Ready(Err(stopped)) = self.poll_gather(cx, &mut text.0) {
            return Poll::Ready(Err(stopped));
        }
        match self.poll_write(cx, io, &text.0) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(Stopped::Connection(error))),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    /// Goes on after the start. Ready when all has gone out.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, io: &mut Io) -> Poll<Result<(), Stopped>> {
        loop {
            ready!(self.poll_write(cx, io, &[])).map_err(Stopped::Connection)?;
            if self.stage == Stage::Framed {
                return Pin::new(io).poll_flush(cx).map_err(Stopped::Connection);
            }
            let mut text = Text::take();
            let gathered = self.poll_gather(cx, &mut text.0)?;
            if text.0.is_empty() && self.out.is_empty() && gathered.is_pending() {
                ready!(Pin::new(io).poll_flush(cx)).map_err(Stopped::Connection)?;
                return Poll::Pending;
            }
            ready!(self.poll_write(cx, io, &text.0)).map_err(Stopped::Connection)?;
        }
    }

    /// Frames what the body has: small pieces into `text`, others after it. Ready once it has
    /// enough for a write, pending when the body has to be waited for.
    fn poll_gather(
        &mut self,
        cx: &mut Context<'_>,
        text: &mut Vec<u8>,
    ) -> Poll<Result<(), Stopped>> {
        while self.stage != Stage::Framed && text.len() < SMALL && self.out.len() < PLACES {
            let ended = match self.sending {
                Sending::Nothing => true,
                // The client may say in a frame of its own that this was all.
                Sending::Exact(left) => left == 0 && self.body.is_end_stream(),
                Sending::Chunked => false,
            };
            if ended {
                self.end();
                break;
            }
            let given = match self.early.take() {
                Some(given) => given,
                None => ready!(Pin::new(&mut self.body).poll_frame(cx)),
            };
            match given {
                None => self.finish(None, text)?,
                Some(Err(error)) => return Poll::Ready(Err(Stopped::Body(describe(&*error)))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.frame(data, text)?,
                    Err(frame) => self.finish(frame.into_trailers().ok(), text)?,
                },
            }
        }
        Poll::Ready(Ok(()))
    }

    fn frame(&mut self, data: Bytes, text: &mut Vec<u8>) -> Result<(), Stopped> {
        if data.is_empty() {
            return Ok(());
        }
        match &mut self.sending {
            Sending::Chunked => {
                if self.out.is_empty() {
                    chunk_start(data.len(), text);
                } else {
                    let mut start = Vec::new();
                    chunk_start(data.len(), &mut start);
                    self.out.push_back(start.into());
                }
                self.add(data, text);
                self.add(Bytes::from_static(CHUNK_END), text);
                if self.body.is_end_stream() {
                    self.finish(None, text)?;
                }
            }
            Sending::Exact(left) => {
                let more = "it is longer than was announced";
                let rest = left.checked_sub(data.len() as u64);
                *left = rest.ok_or_else(|| Stopped::Body(more.to_owned()))?;
                self.add(data, text);
            }
            Sending::Nothing => {}
        }
        Ok(())
    }

    /// Puts bytes behind those that are there.
    fn add(&mut self, bytes: Bytes, text: &mut Vec<u8>) {
        if self.out.is_empty() && text.len() + bytes.len() <= SMALL {
            text.extend_from_slice(&bytes);
        } else {
            self.out.push_back(bytes);
        }
    }

    /// The body has ended.
    fn finish(&mut self, trailers: Option<HeaderMap>, text: &mut Vec<u8>) -> Result<(), Stopped> {
        match self.sending {
            Sending::Chunked => {
                let mut end = Vec::new();
                last_chunk(trailers.as_ref(), &self.announced, &mut end);
                self.add(end.into(), text);
            }
            Sending::Exact(1..) => {
                return Err(Stopped::Body("it is shorter than was announced".to_owned()));
            }
            Sending::Nothing | Sending::Exact(0) => {}
        }
        self.end();
        Ok(())
    }

    fn end(&mut self) {
        self.stage = Stage::Framed;
        self.body.let_go();
    }

    /// Writes `text` and then what is framed. What the connection does not take is kept.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut Io,
        mut text: &[u8],
    ) -> Poll<io::Result<()>> {
        while !text.is_empty() || !self.out.is_empty() {
            let written = if self.out.is_empty() {
                Pin::new(&mut *io).poll_write(cx, text)
            } else {
                let mut places = [IoSlice::new(&[]); PLACES];
                let pieces = self.out.iter().map(|piece| &piece[..]);
                let pieces = std::iter::once(text).chain(pieces);
                let used = places.iter_mut().zip(pieces).map(|(place, piece)| {
                    *place = IoSlice::new(piece);
                });
                let used = used.count();
                Pin::new(&mut *io).poll_write_vectored(cx, &places[..used])
            };
            let mut count = match written {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(written) => written?,
                Poll::Pending => {
                    if !text.is_empty() {
                        self.out.push_front(Bytes::copy_from_slice(text));
                    }
                    return Poll::Pending;
                }
            };
            let of_text = count.min(text.len());
            text = &text[of_text..];
            count -= of_text;
            while let Some(piece) = self.out.front_mut()
                && (count > 0 || piece.is_empty())
            {
                let of_piece = count.min(piece.len());
                piece.advance(of_piece);
                count -= of_piece;
                if piece.is_empty() {
                    self.out.pop_front();
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// The worker's text, for as long as this is held.
struct Text(Vec<u8>);

impl Text {
    fn take() -> Self {
        let mut text = TEXT.take();
        text.clear();
        Self(text)
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        // A head that was very large leaves no room behind.
        if self.0.capacity() <= 8 * SMALL {
            TEXT.set(std::mem::take(&mut self.0));
        }
    }
}
