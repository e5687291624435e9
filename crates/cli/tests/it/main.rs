//! What users see of the real binary: sockets, output, exit codes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

mod broken;
mod budget;
mod command;
mod content;
mod cors;
mod explain;
mod failover;
mod guardrails;
mod lifecycle;
mod output;
mod paths;
mod patterns;
mod reload;
mod sarif;
mod scenarios;
mod setup;
mod shaping;
