//! The mock provider over real sockets.

#![expect(clippy::unwrap_used, reason = "tests")]

mod anthropic;
mod aside;
mod azure;
mod bedrock;
mod chat;
mod completions;
mod control;
mod embeddings;
mod faults;
mod gemini;
mod lifecycle;
mod protocol;
mod rerank;
mod responses;
mod server;
mod tools;
