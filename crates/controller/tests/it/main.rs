//! The controller against an API server in the same process.
#![expect(clippy::panic, reason = "a test fails by panicking")]

mod ca;
mod deploy;
mod events;
mod fake;
mod leader;
mod rbac;
mod rig;
mod status;
mod token;
mod watch;
