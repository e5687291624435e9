//! Bodies on both sides of the proxy.

mod answer;
mod buffer;
mod client;
mod coding;
mod outgoing;
mod upstream;

pub(crate) use answer::{Answer, BoundKind};
pub(crate) use buffer::{Collected, collect};
pub(crate) use client::{BodyCopy, ClientStream};
pub(crate) use coding::decoded;
pub(crate) use outgoing::Outgoing;
pub(crate) use upstream::UpstreamBody;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
