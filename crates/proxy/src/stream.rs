//! Streams of bytes, and streams around streams.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What bytes go through both ways.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Duplex for S {}

/// Any of the streams there are: with TLS and without, the client's and an upstream's.
pub(crate) type BoxStream = Box<dyn Duplex>;

/// `AsyncWrite` for a type whose writes go to the stream in one of its fields as they are.
macro_rules! write_through {
    ($type:ident<$stream:ident>.$field:ident) => {
        impl<$stream: tokio::io::AsyncWrite + Unpin> tokio::io::AsyncWrite for $type<$stream> {
            fn poll_write(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                bytes: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                std::pin::Pin::new(&mut self.$field).poll_write(cx, bytes)
            }

            fn poll_write_vectored(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                std::pin::Pin::new(&mut self.$field).poll_write_vectored(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                self.$field.is_write_vectored()
            }

            fn poll_flush(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::pin::Pin::new(&mut self.$field).poll_flush(cx)
            }

            fn poll_shutdown(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::pin::Pin::new(&mut self.$field).poll_shutdown(cx)
            }
        }
    };
}

pub(crate) use write_through;

/// A stream whose first bytes were read already, to see what it is: they are read again.
pub(crate) struct Rewound<S> {
    stream: S,
    ahead: BytesMut,
}

impl<S> Rewound<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self::to(stream, BytesMut::new())
    }

    /// `ahead` was read from `stream`, and nothing after it.
    pub(crate) fn to(stream: S, ahead: BytesMut) -> Self {
        Self { stream, ahead }
    }

    /// What was read ahead.
    pub(crate) fn ahead(&self) -> &[u8] {
        &self.ahead
    }
}

impl<S: AsyncRead + Unpin> Rewound<S> {
    /// Reads on without taking anything. 0 at the stream's end.
    pub(crate) async fn read_ahead(&mut self) -> io::Result<usize> {
        const STEP: usize = 2 << 10;
        self.ahead.reserve(STEP);
        self.stream.read_buf(&mut self.ahead).await
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let count = self.ahead.len().min(buf.remaining());
        buf.put_slice(&self.ahead[..count]);
        if count == self.ahead.len() {
            // A connection that lives on keeps no room for it.
            self.ahead = BytesMut::new();
        } else {
            self.ahead.advance(count);
        }
        Poll::Ready(Ok(()))
    }
}

write_through!(Rewound<S>.stream);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_read_ahead_is_read_again() {
        let mut stream = Rewound::new(&b"first, then the rest"[..]);
        assert!(stream.read_ahead().await.unwrap() > 0);
        assert!(stream.ahead().starts_with(b"first"));
        let mut start = [0; 5];
        stream.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"first");
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, ", then the rest");
        assert_eq!(stream.ahead.capacity(), 0);
    }
}
