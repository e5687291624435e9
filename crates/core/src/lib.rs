//! What a proxy serves from, and every decision on it.
//!
//! This crate is pure: it maps values to values. It has no client, socket, environment, clock or
//! source of randomness; time and random numbers are arguments.

pub mod access;
pub mod answer;
pub mod backend;
pub mod balance;
pub mod cloud;
pub mod condition;
pub mod config;
pub mod expr;
pub mod filter;
pub mod guard;
pub mod header;
pub mod health;
pub mod hostname;
pub mod http1;
pub mod id;
pub mod listener;
pub mod load;
pub mod matcher;
pub mod policy;
pub mod price;
pub mod rate_limit;
pub mod request_path;
pub mod retry;
pub mod route;
pub mod secret;
pub mod server;
pub mod session;
pub mod shaping;
pub mod snapshot;
pub mod sticky;
pub mod transform;
