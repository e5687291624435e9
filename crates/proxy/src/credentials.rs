//! Credentials that expire: fetched when a request first needs one, renewed before it ends.
//!
//! ```text
//! Refresher ── Lifetime (what to do now: use, renew, mint, refuse)
//!     └─ Mint: Gcp | Azure | Aws ── TokenEndpoints (HTTP), Environment (what the process was given)
//! ```
//!
//! A kind of credential is one file here that implements [`Mint`] and knows nothing of when it is
//! called.

mod aws;
mod azure;
mod endpoint;
mod environment;
mod error;
mod gcp;
mod jwt;
mod lifetime;
mod refresher;
mod sources;

pub(crate) use endpoint::{TokenEndpoints, Via};
pub use environment::Environment;
pub(crate) use error::MintError;
pub(crate) use lifetime::Minted;
pub(crate) use refresher::{Mint, Refresher};
pub(crate) use sources::{AwsSource, BearerSource, Holder, Sources};
