//! The wire between controller and proxy: a Gateway's configuration out, acknowledgements and
//! health back.
//!
//! A configuration travels as resources, each with a hash of its content, so that a change costs
//! what changed and a reconnection costs nothing. A resource that a proxy cannot take keeps its
//! last good self there, and the controller is told. A replica of the controller that does not
//! write statuses tells the one that does of its proxies.

mod backoff;
mod cache;
pub mod client;
mod connect;
mod convert;
mod error;
mod health;
mod limits;
pub mod proto;
mod publication;
pub mod relay;
mod report;
mod resource;
pub mod server;

pub use convert::Invalid;
pub use error::{Error, Fault};
pub use health::{BackendHealth, HealthReport};
pub use publication::Publication;
pub use report::Report;
pub use resource::{Kind, ResourceId, ResourceKey};

#[cfg(test)]
#[path = "../tests/it/manifests.rs"]
mod manifests;
