//! What AI providers say on the wire, read from the bytes that pass.
//!
//! This crate is pure: bytes in, facts and bytes out. It has no client, socket, environment or
//! clock. Bodies are never re-serialised and no document tree is built on the request path.
//!
//! ```text
//! path ─> operation ─> which API is spoken, and its canonical path
//! request body ─> request (scan) ─> facts ─> splice ─> the same bytes with another model
//! response body ─> response (scan) ─> verdict, then usage
//! event stream ─> stream (sse, dialect) ─> classified pieces, then usage
//! ```
//!
//! A provider is one folder under `dialect/` and one line in its registry.

pub mod dialect;
pub mod envelope;
pub mod error;
pub mod operation;
pub mod price;
pub mod request;
pub mod response;
pub mod scan;
pub mod sse;
pub mod stream;
pub mod usage;

pub use dialect::Dialect;
pub use error::Error;
pub use operation::Operation;
pub use usage::Usage;
