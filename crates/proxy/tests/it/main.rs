//! The proxy in this process, in front of the mock provider, over real sockets.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod access;
mod aside;
mod authority;
mod bypass;
mod client;
mod codings;
mod connections;
mod credentials;
mod custom;
mod datagrams;
mod ext_auth;
mod failover;
mod failover_table;
mod gateway;
mod global_limits;
mod grpc;
mod grpc_server;
mod guard;
mod limits;
mod load;
mod mirror;
mod models;
mod plain;
mod policies;
mod prices;
mod redis;
mod reload;
mod routing;
mod shaping;
mod sticky;
mod streams;
mod tls;
mod token_endpoint;
mod upgrades;
mod upstreams;
mod webhook;
mod webserver;
