//! The proxy in this process, in front of the mock provider, over real sockets.

mod client;
mod failover;
mod gateway;
mod plain;
mod routing;
mod streams;
