//! What a request or a connection leaves behind: one log line and some counts.

mod access_log;
mod connection;
mod families;
mod guard;
mod histogram;
mod json;
mod labels;
mod metrics;
mod reason;
mod record;
mod render;

pub(crate) use connection::{ConnectionRecord, Dropped};
pub(crate) use guard::{GuardAction, Phase};
pub(crate) use metrics::Shard;
pub use reason::Reason;
pub(crate) use record::{AiRecord, Attempt, Outcome, Owed, Record, Unasked};
pub(crate) use render::{Gauges, render};
