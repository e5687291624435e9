//! Reading without a buffer of one's own.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio_util::io::poll_read_buf;

use super::Io;

/// Bytes that are read at once.
const ROOM: usize = 64 << 10;
/// From this size on, what was read is handed on in the buffer it was read into. Less is copied
/// out, so that it holds no more memory than it needs.
const WHOLE: usize = 32 << 10;

thread_local! {
    /// Where a worker's connections read into: one that waits keeps no buffer.
    static SCRATCH: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// What one read brought.
pub(super) enum Block<'a> {
    /// The other side says nothing more.
    End,
    /// To be copied out.
    Few(&'a [u8]),
    Many(Bytes),
}

impl From<Block<'_>> for Bytes {
    fn from(block: Block<'_>) -> Self {
        match block {
            Block::End => Self::new(),
            Block::Few(bytes) => Self::copy_from_slice(bytes),
            Block::Many(bytes) => bytes,
        }
    }
}

/// Reads once. `take` must not read itself.
pub(super) fn poll_block<T>(
    io: &mut Io,
    cx: &mut Context<'_>,
    take: impl FnOnce(Block<'_>) -> T,
) -> Poll<io::Result<T>> {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.clear();
        scratch.reserve(ROOM);
        let count = ready!(poll_read_buf(Pin::new(io), cx, scratch))?;
        Poll::Ready(Ok(match count {
            0 => take(Block::End),
            1..WHOLE => take(Block::Few(scratch)),
            _ => take(Block::Many(scratch.split().freeze())),
        }))
    })
}
