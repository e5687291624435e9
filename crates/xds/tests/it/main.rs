//! The wire as a whole: real servers and clients over TLS on the loopback interface.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod acknowledgements;
mod delivery;
mod manifests;
mod refusal;
mod relay;
mod restart;
mod rig;
mod wire;
