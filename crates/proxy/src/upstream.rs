//! Connections to upstreams: pooled per worker, made on demand.

mod auth;
mod connect;
mod dns;
mod http1;
mod http2;
mod pool;
mod send;
mod tls;

pub(crate) use auth::{Authorization, Proof, Unsigned};
pub(crate) use connect::{Connector, authority, host_header};
pub(crate) use http1::{Connection, Cut, Part};
pub(crate) use pool::{Pool, PoolKey};
pub(crate) use send::{Outbound, Payload, describe, send};
pub(crate) use tls::TlsClients;
