//! The control plane's effects on a cluster: what it watches, writes and deploys.
//!
//! What is decided is decided by `agw-translate`; this crate carries it out. It has no server: the
//! composition root serves what is published, and tells what proxies answer.

mod ca;
mod controller;
mod decode;
mod deployer;
mod error;
mod events;
mod facts;
mod lease;
mod live;
mod metrics;
mod queue;
mod reconcile;
mod resource;
mod status;
mod token;
mod watch;

pub use ca::CaSettings;
pub use controller::{Broken, Controller, ControllerSettings, connect};
pub use deployer::objects::ProxySettings;
pub use error::{Error, Retry};
pub use facts::{Deliveries, Delivery};
pub use lease::{Leader, Leadership, LeaseSettings, identity};
pub use metrics::Metrics;
pub use reconcile::{Publication, Published};
pub use token::{Bearer, TokenError, TokenReviewer};
