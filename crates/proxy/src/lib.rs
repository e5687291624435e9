//! The data plane: listeners, the request pipeline, upstream connections and telemetry.
//!
//! It serves whatever [`Snapshot`](agw_core::snapshot::Snapshot) comes down its channel and knows
//! nothing of where that was made: no Kubernetes type, file or wire format is in sight here.

mod access;
mod allowances;
mod asking;
mod body;
mod candidates;
mod case;
mod connection;
mod credentials;
mod datagram;
mod destination;
mod error;
pub mod explain;
mod in_flight;
mod limiter;
mod listener;
mod live;
mod pipeline;
mod prober;
mod proxy;
mod redis;
mod relay;
mod respond;
mod server_tls;
mod settings;
mod signatures;
mod stream;
mod telemetry;
mod upstream;
mod wiring;
mod worker;

pub use credentials::Environment;
pub use proxy::{DrainReport, Pages, Proxy, Serving, StartError, TargetHealth};
pub use settings::{Limits, Settings};
pub use telemetry::Reason;
