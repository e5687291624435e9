//! Configuration to messages and back.
//!
//! On the way out every struct is taken apart field by field, and on the way in every message is:
//! a field that one side has and the other does not is a compile error.

mod access;
mod auth;
mod backend;
mod common;
mod external;
mod filter;
mod global_limit;
mod guard;
mod invalid;
mod listener;
mod policy;
mod resource;
mod route;
mod secret;
mod shaping;
mod sticky;
mod tls;
mod traffic;

pub use invalid::Invalid;

pub(crate) use common::enumeration;
pub(crate) use policy::GatewayPolicy;
pub(crate) use resource::{Encoded, Part, backend, decode, listener, policy, route};
pub(crate) use secret::{Content, Outgoing, Secrets};
