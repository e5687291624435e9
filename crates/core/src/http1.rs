//! HTTP/1.1 towards an upstream, without the connection: requests to bytes, bytes to responses
//! (RFC 9112).

mod chunks;
mod garbage;
mod request;
mod response;

pub use chunks::{Chunks, Step};
pub use garbage::Garbage;
pub use request::{CHUNK_END, RequestHead, Sending, chunk_start, last_chunk};
pub use response::{BodyLength, MAX_HEAD, ResponseHead};

/// Fields of a head or of trailers.
const MAX_FIELDS: usize = 128;
