//! Bytes between a client and an upstream, both ways, until both have said their last.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::ReadBuf;
use tokio::time::Instant;

use crate::connection::Flight;
use crate::stream::{BoxStream, Duplex};
use crate::telemetry::{Outcome, Reason};

/// Bytes that are read at once, and that wait at most in one direction.
const PIECE: usize = 16 << 10;

thread_local! {
    /// Where a worker's relays read into: one that stands still keeps no buffer.
    static PIECES: RefCell<Vec<u8>> = RefCell::new(vec![0; PIECE]);
}

/// Bytes of a client that have gone through.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) received: Cell<u64>,
    pub(crate) sent: Cell<u64>,
}

/// How a relay ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Both sides have said their last.
    Well,
    /// Nothing went either way for this long.
    Idle(Duration),
    Client(io::Error),
    Upstream(io::Error),
}

/// One direction.
struct Way<'a> {
    /// What was read and is still to be written.
    held: Bytes,
    state: State,
    flushed: bool,
    count: &'a Cell<u64>,
    moved: &'a Cell<Instant>,
    /// Of a client that is to take the bytes.
    taker: Option<&'a Flight>,
    waits: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The reading side has ended; the writing side is told.
    Closing,
    Closed,
}

/// The side that failed.
enum Failure {
    Reading(io::Error),
    Writing(io::Error),
}

/// Relays until both sides have ended, one fails, or nothing has gone either way for `idle`. The
/// end of one direction is passed on and leaves the other open.
pub(crate) async fn relay(
    mut client: BoxStream,
    mut upstream: BoxStream,
    traffic: &Traffic,
    flight: &Flight,
    idle: Duration,
) -> Ended {
    let moved = Cell::new(Instant::now());
    let mut up = Way::new(&traffic.received, &moved, None);
    let mut down = Way::new(&traffic.sent, &moved, Some(flight));
    let mut alarm = pin!(tokio::time::sleep(idle));
    let ended = std::future::poll_fn(|cx| {
        let up = match up.poll(cx, &mut *client, &mut *upstream) {
            Poll::Ready(Err(Failure::Reading(error))) => return Poll::Ready(Ended::Client(error)),
            Poll::Ready(Err(Failure::Writing(error))) => {
                return Poll::Ready(Ended::Upstream(error));
            }
            other => other.is_ready(),
        };
        let down = match down.poll(cx, &mut *upstream, &mut *client) {
            Poll::Ready(Err(Failure::Reading(error))) => {
                return Poll::Ready(Ended::Upstream(error));
            }
            Poll::Ready(Err(Failure::Writing(error))) => return Poll::Ready(Ended::Client(error)),
            other => other.is_ready(),
        };
        if up && down {
            return Poll::Ready(Ended::Well);
        }
        // The alarm is not moved by every byte: it looks when it goes off.
        loop {
            ready!(alarm.as_mut().poll(cx));
            let left = idle.saturating_sub(moved.get().elapsed());
            if left.is_zero() {
                return Poll::Ready(Ended::Idle(idle));
            }
            alarm.as_mut().reset(Instant::now() + left);
        }
    });
    ended.await
}

impl<'a> Way<'a> {
    fn new(count: &'a Cell<u64>, moved: &'a Cell<Instant>, taker: Option<&'a Flight>) -> Self {
        Self {
            held: Bytes::new(),
            state: State::Open,
            flushed: true,
            count,
            moved,
            taker,
            waits: false,
        }
    }

    /// Moves what can be moved. Ready once the end was passed on.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut dyn Duplex,
        to: &mut dyn Duplex,
    ) -> Poll<Result<(), Failure>> {
        loop {
            while !self.held.is_empty() {
                let held = self.held.clone();
                let count = ready!(self.poll_write(cx, to, &held)?);
                self.held.advance(count);
            }
            match self.state {
                State::Open => {
                    if self.poll_piece(cx, from, to)?.is_pending() {
                        // What was written goes out before this side waits for more.
                        ready!(self.poll_flush(cx, to))?;
                        return Poll::Pending;
                    }
                }
                State::Closing => {
                    let closed = Pin::new(&mut *to).poll_shutdown(cx);
                    self.note(closed.is_ready());
                    ready!(closed).map_err(Failure::Writing)?;
                    self.state = State::Closed;
                }
                State::Closed => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Reads one piece and writes what of it the other side takes.
    fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut dyn Duplex,
        to: &mut dyn Duplex,
    ) -> Result<Poll<()>, Failure> {
        PIECES.with_borrow_mut(|pieces| {
            let mut piece = ReadBuf::new(pieces);
            match Pin::new(from).poll_read(cx, &mut piece) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(read) => read.map_err(Failure::Reading)?,
            }
            let piece = piece.filled();
            self.moved.set(Instant::now());
            if piece.is_empty() {
                self.state = State::Closing;
                return Ok(Poll::Ready(()));
            }
            let written = match self.poll_write(cx, to, piece)? {
                Poll::Ready(count) => count,
                Poll::Pending => 0,
            };
            self.held = Bytes::copy_from_slice(&piece[written..]);
            Ok(Poll::Ready(()))
        })
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut dyn Duplex,
        bytes: &[u8],
    ) -> Result<Poll<usize>, Failure> {
        let written = Pin::new(to).poll_write(cx, bytes);
        self.note(written.is_ready());
        let Poll::Ready(written) = written else {
            return Ok(Poll::Pending);
        };
        let count = written.map_err(Failure::Writing)?;
        if count == 0 {
            return Err(Failure::Writing(io::ErrorKind::WriteZero.into()));
        }
        self.flushed = false;
        self.moved.set(Instant::now());
        self.count.set(self.count.get() + count as u64);
        Ok(Poll::Ready(count))
    }

    fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut dyn Duplex,
    ) -> Poll<Result<(), Failure>> {
        if self.flushed {
            return Poll::Ready(Ok(()));
        }
        let flushed = Pin::new(to).poll_flush(cx);
        self.note(flushed.is_ready());
        ready!(flushed).map_err(Failure::Writing)?;
        self.flushed = true;
        Poll::Ready(Ok(()))
    }

    /// Tells a client's connection whether the client takes what it is given.
    fn note(&mut self, taken: bool) {
        let Some(flight) = self.taker else { return };
        if taken && self.waits {
            flight.taken();
        } else if !taken && !self.waits {
            flight.offer();
        }
        self.waits = !taken;
    }
}

impl From<Ended> for Outcome {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Well => Self::ok(),
            Ended::Idle(idle) => Self::failed(
                Reason::StreamIdle,
                format!("nothing went either way for {idle:?}"),
            ),
            Ended::Client(error) => Self::failed(Reason::ClientDisconnect, error.to_string()),
            Ended::Upstream(error) => Self::failed(Reason::UpstreamReset, error.to_string()),
        }
    }
}
