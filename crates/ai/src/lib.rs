//! What AI providers say on the wire, read from the bytes that pass.
//!
//! This crate is pure: bytes in, facts and bytes out. It has no client, socket, environment or
//! clock. Where client and provider speak the same API, bodies are never re-serialised and no
//! document tree is built; where they do not, they are translated through a neutral model.
//!
//! ```text
//! path ─> operation ─> which API is spoken, and its canonical path
//! request body ─> request (scan) ─> facts ─> splice ─> the same bytes with another model
//! response body ─> response (scan) ─> verdict, then usage
//! event stream ─> stream (sse, dialect) ─> classified pieces, then usage
//!
//! shape: what policies change of a request, before and after its translation
//! guard: what may not be said is masked or refused, in requests, answers and streams
//! translate: client's format ─> chat (neutral model) ─> provider's format, and back
//! embed, rerank, count: the same for what is no chat; estimate: tokens where nobody counts
//! ```
//!
//! A provider is one folder under `dialect/` and one line in its registry; a chat API is one folder
//! under `format/` and one line in its.

pub mod aws_stream;
pub mod chat;
pub mod count;
pub mod dialect;
pub mod embed;
pub mod envelope;
pub mod error;
pub mod estimate;
pub mod format;
pub mod guard;
mod json;
pub mod listing;
pub mod operation;
pub mod price;
pub mod request;
pub mod rerank;
pub mod response;
pub mod scan;
pub mod shape;
pub mod sigv4;
pub mod sse;
pub mod stream;
pub mod translate;
pub mod usage;

pub use dialect::Dialect;
pub use error::Error;
pub use operation::Operation;
pub use usage::Usage;
