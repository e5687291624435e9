//! A harness for tests that see the product as its users do: a binary, sockets and output.
//!
//! Every [`Agw`] and [`Mock`] gets a loopback address of its own, so manifests keep their ports
//! and tests run side by side. Nothing here needs a network.

pub mod http1;
pub mod http2;
pub mod loopback;
pub mod output;
pub mod process;
pub mod raw;
pub mod sse;

pub use http1::{Answer, End, Request};
pub use process::{Agw, Ended, Mock};
pub use raw::RawServer;
