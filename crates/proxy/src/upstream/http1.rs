//! HTTP/1.1 towards upstreams. A connection is a socket that whoever uses it reads and writes
//! itself: no task stands behind it, and it holds no buffer while nothing comes.

mod connection;
mod exchange;
mod io;
mod read;
mod upload;
mod uploading;

pub(crate) use connection::{Connection, Cut, Part};
pub(crate) use exchange::exchange;
pub(crate) use io::Io;
