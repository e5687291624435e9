//! What cannot be taken for a response.

/// Why bytes are no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Garbage {
    #[error("its head cannot be read: {0}")]
    Head(httparse::Error),
    #[error("its status is none")]
    Status,
    #[error("its head is too large")]
    HeadTooLarge,
    #[error("it has both Content-Length and Transfer-Encoding")]
    TwoLengths,
    #[error("its Content-Length is no length")]
    ContentLength,
    #[error("its Transfer-Encoding is not `chunked`")]
    TransferEncoding,
    #[error("the size of a chunk cannot be read")]
    ChunkSize,
    #[error("a chunk does not end where it says")]
    ChunkEnd,
    #[error("its chunk extensions are too long")]
    ChunkExtensions,
    #[error("its trailers cannot be read")]
    Trailers,
    #[error("its trailers are too large")]
    TrailersTooLarge,
}
