//! A connection to an upstream, and the response that comes over it.

use std::cell::RefCell;
use std::io;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker, ready};

use agw_core::http1::{BodyLength, Chunks, Garbage, Step};
use bytes::{Buf, Bytes};
use http::HeaderMap;
use tokio_util::task::TaskTracker;

use super::Io;
use super::read::{Block, poll_block};
use super::uploading::Uploading;
use crate::upstream::{Pool, PoolKey};

/// One socket. It is the pool's while it is idle, an exchange's until its response has begun, and
/// the response body's until that has ended. Dropped, it is closed.
pub(crate) struct Connection {
    /// Shared with the task of a request that is sent on under its response.
    pub(super) io: Rc<RefCell<Io>>,
    key: Rc<PoolKey>,
    /// Where it goes when it is idle.
    home: Weak<Pool>,
    /// Owns the task of a request that is sent on under its response.
    pub(super) tasks: TaskTracker,
    pub(super) uploading: Option<Uploading>,
    rest: Rest,
    /// Read, and not looked at yet.
    ahead: Bytes,
    /// Trailers that are not handed out yet.
    trailers: Option<HeaderMap>,
    fate: Fate,
}

/// What is still to come of the response's body.
#[derive(Debug)]
enum Rest {
    Nothing,
    Exact(u64),
    Chunked(Chunks),
    UntilClose,
    /// Nothing that makes sense.
    Garbage(Garbage),
}

/// What becomes of a connection after the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Persists,
    Closes,
}

/// A part of a response's body.
pub(crate) enum Part {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
}

/// Why a response's body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cut {
    #[error(transparent)]
    Http2(#[from] hyper::Error),
    #[error("{0}")]
    Garbage(#[from] Garbage),
    #[error("its content coding is broken: {0}")]
    Coding(io::Error),
    #[error("the connection ended before the body did")]
    Short,
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
}

impl Connection {
    pub(crate) fn new(io: Io, key: Rc<PoolKey>, pool: &Rc<Pool>, tasks: TaskTracker) -> Box<Self> {
        Box::new(Self {
            io: Rc::new(RefCell::new(io)),
            key,
            home: Rc::downgrade(pool),
            tasks,
            uploading: None,
            rest: Rest::Nothing,
            ahead: Bytes::new(),
            trailers: None,
            fate: Fate::Persists,
        })
    }

    pub(crate) fn key(&self) -> &Rc<PoolKey> {
        &self.key
    }

    /// Whether nothing has come: neither an end, nor bytes that nobody asked for.
    pub(crate) fn is_quiet(&self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        poll_block(&mut self.io.borrow_mut(), &mut cx, |_| ()).is_pending()
    }

    /// Begins a response's body, whose first bytes are `ahead`.
    pub(super) fn begin(&mut self, length: BodyLength, ahead: Bytes, fate: Fate) {
        self.ahead = ahead;
        self.fate = fate;
        self.rest = match length {
            BodyLength::Nothing | BodyLength::Exact(0) => Rest::Nothing,
            BodyLength::Exact(length) => Rest::Exact(length),
            BodyLength::Chunked => Rest::Chunked(Chunks::default()),
            BodyLength::UntilClose => {
                self.fate = Fate::Closes;
                Rest::UntilClose
            }
        };
    }

    /// The stream itself, when nobody else uses it.
    pub(super) fn into_io(self) -> Option<Io> {
        Some(Rc::into_inner(self.io)?.into_inner())
    }

    /// Whether the body has been read to its end, trailers included.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.rest, Rest::Nothing) && self.trailers.is_none()
    }

    /// How much of the body is still to come, if that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        match self.rest {
            Rest::Nothing => Some(0),
            Rest::Exact(left) => Some(left),
            Rest::Chunked(_) | Rest::UntilClose | Rest::Garbage(_) => None,
        }
    }

    /// The body has ended: the connection is used again if it may be.
    pub(crate) fn release(mut self: Box<Self>) {
        let clean = self.fate == Fate::Persists && self.ahead.is_empty();
        match self.uploading.take() {
            Some(uploading) => {
                self.fate = if clean { Fate::Persists } else { Fate::Closes };
                uploading.outlive(self);
            }
            None if clean => self.go_home(),
            None => {}
        }
    }

    pub(super) fn go_home(self: Box<Self>) {
        if self.fate == Fate::Persists
            && let Some(pool) = self.home.upgrade()
        {
            pool.put(self);
        }
    }

    /// Reads on.
    pub(crate) fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Result<Part, Cut>> {
        loop {
            if let Some(part) = self.next_part()? {
                return Poll::Ready(Ok(part));
            }
            let rest = &mut self.rest;
            let read = poll_block(&mut self.io.borrow_mut(), cx, |block| rest.take(block));
            match ready!(read)?? {
                Taken::Ahead(bytes) => self.ahead = bytes,
                Taken::Ended => self.rest = Rest::Nothing,
                Taken::Decoded(decoded) => {
                    match decoded.end {
                        None => {}
                        Some(Ok(trailers)) => {
                            self.rest = Rest::Nothing;
                            self.trailers = trailers;
                        }
                        Some(Err(garbage)) => self.rest = Rest::Garbage(garbage),
                    }
                    if decoded.surplus {
                        self.fate = Fate::Closes;
                    }
                    if !decoded.data.is_empty() {
                        return Poll::Ready(Ok(Part::Data(decoded.data)));
                    }
                }
            }
        }
    }

    /// What can be had without reading.
    fn next_part(&mut self) -> Result<Option<Part>, Garbage> {
        match &mut self.rest {
            Rest::Nothing => Ok(Some(match self.trailers.take() {
                Some(trailers) => Part::Trailers(trailers),
                None => Part::End,
            })),
            Rest::Garbage(garbage) => Err(*garbage),
            _ if self.ahead.is_empty() => Ok(None),
            Rest::Exact(left) => {
                let length = self.ahead.len() as u64;
                let data = if length <= *left {
                    std::mem::take(&mut self.ahead)
                } else {
                    // Less than what there is, so it fits.
                    self.ahead
                        .split_to(usize::try_from(*left).unwrap_or(usize::MAX))
                };
                *left -= data.len() as u64;
                if *left == 0 {
                    self.rest = Rest::Nothing;
                }
                Ok(Some(Part::Data(data)))
            }
            Rest::UntilClose => Ok(Some(Part::Data(std::mem::take(&mut self.ahead)))),
            Rest::Chunked(chunks) => {
                let mut at = 0;
                let (data, end) = match chunks.step(&self.ahead, &mut at)? {
                    Step::More => (Bytes::new(), None),
                    Step::End(trailers) => (Bytes::new(), Some(Ok(trailers))),
                    Step::Data(range) => {
                        let data = self.ahead.slice(range);
                        (data, chunks.end(&self.ahead, &mut at))
                    }
                };
                self.ahead.advance(at);
                match end {
                    None => {}
                    Some(Ok(trailers)) => {
                        self.trailers = trailers;
                        self.rest = Rest::Nothing;
                    }
                    Some(Err(garbage)) => self.rest = Rest::Garbage(garbage),
                }
                if data.is_empty() {
                    return self.next_part();
                }
                Ok(Some(Part::Data(data)))
            }
        }
    }
}

/// The end of a body in chunks, perhaps with trailers, or what breaks it.
type BodyEnd = Result<Option<HeaderMap>, Garbage>;

/// What was made of one read.
enum Taken {
    Ahead(Bytes),
    Ended,
    Decoded(Decoded),
}

/// Chunks of one read, in one piece.
#[derive(Default)]
struct Decoded {
    data: Bytes,
    /// The body's end was among it, or what is none.
    end: Option<BodyEnd>,
    /// Something follows the body.
    surplus: bool,
}

impl Rest {
    fn take(&mut self, block: Block<'_>) -> Result<Taken, Cut> {
        match (self, block) {
            (Self::UntilClose, Block::End) => Ok(Taken::Ended),
            (_, Block::End) => Err(Cut::Short),
            // Copied out without what frames it.
            (Self::Chunked(chunks), Block::Few(bytes)) => {
                Ok(Taken::Decoded(Decoded::new(chunks, bytes)))
            }
            (_, block) => Ok(Taken::Ahead(block.into())),
        }
    }
}

impl Decoded {
    fn new(chunks: &mut Chunks, bytes: &[u8]) -> Self {
        let mut decoded = Self::default();
        let mut first = None;
        let mut several = Vec::new();
        let mut at = 0;
        loop {
            match (chunks.step(bytes, &mut at), first.clone()) {
                (Ok(Step::Data(range)), None) => first = Some(range),
                (Ok(Step::Data(range)), Some(first)) => {
                    if several.is_empty() {
                        several.reserve(bytes.len() - first.start);
                        several.extend_from_slice(&bytes[first]);
                    }
                    several.extend_from_slice(&bytes[range]);
                }
                (Ok(Step::More), _) => break,
                (Ok(Step::End(trailers)), _) => {
                    decoded.end = Some(Ok(trailers));
                    break;
                }
                (Err(garbage), _) => {
                    decoded.end = Some(Err(garbage));
                    break;
                }
            }
        }
        decoded.surplus = at < bytes.len();
        decoded.data = match first {
            Some(range) if several.is_empty() => Bytes::copy_from_slice(&bytes[range]),
            Some(_) => several.into(),
            None => Bytes::new(),
        };
        decoded
    }
}
