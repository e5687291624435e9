//! Idle upstream connections of one worker.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use agw_core::backend::{AppProtocol, Endpoint};
use hyper::client::conn::http2;
use rustc_hash::FxHashMap;

use super::http1::Connection;
use crate::body::Outgoing;

/// What makes two connections interchangeable.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PoolKey {
    pub(crate) endpoint: Endpoint,
    pub(crate) protocol: AppProtocol,
}

/// Connections by endpoint. Bounded: `max_idle` per endpoint, none older than `max_age`.
pub(crate) struct Pool {
    entries: RefCell<FxHashMap<Rc<PoolKey>, Entry>>,
    max_idle: usize,
    max_age: Duration,
}

#[derive(Default)]
struct Entry {
    /// The most recently used last: it is the least likely to have been closed.
    idle: Vec<(Instant, Box<Connection>)>,
    multiplexed: Option<http2::SendRequest<Outgoing>>,
}

impl Pool {
    pub(crate) fn new(max_idle: usize, max_age: Duration) -> Self {
        Self {
            entries: RefCell::default(),
            max_idle,
            max_age,
        }
    }

    /// An HTTP/1.1 connection that was not closed while it was idle, as far as that is known.
    pub(super) fn take(&self, key: &PoolKey) -> Option<Box<Connection>> {
        let mut entries = self.entries.borrow_mut();
        let idle = &mut entries.get_mut(key)?.idle;
        while let Some((since, connection)) = idle.pop() {
            if since.elapsed() < self.max_age && connection.is_quiet() {
                return Some(connection);
            }
        }
        None
    }

    /// The HTTP/2 connection, when it still takes requests.
    pub(super) fn multiplexed(&self, key: &PoolKey) -> Option<http2::SendRequest<Outgoing>> {
        let mut entries = self.entries.borrow_mut();
        let slot = &mut entries.get_mut(key)?.multiplexed;
        if slot.as_ref().is_some_and(|s| s.is_closed()) {
            *slot = None;
        }
        slot.clone()
    }

    /// Keeps a connection that is ready for another request.
    pub(super) fn put(&self, connection: Box<Connection>) {
        let mut entries = self.entries.borrow_mut();
        let key = connection.key();
        let entry = match entries.get_mut(key) {
            Some(entry) => entry,
            None => entries.entry(key.clone()).or_default(),
        };
        if entry.idle.len() < self.max_idle {
            entry.idle.push((Instant::now(), connection));
        }
    }

    pub(super) fn share(&self, key: Rc<PoolKey>, sender: http2::SendRequest<Outgoing>) {
        self.entries
            .borrow_mut()
            .entry(key)
            .or_default()
            .multiplexed = Some(sender);
    }

    /// Forgets a multiplexed connection that failed, so that the next request makes its own.
    pub(super) fn forget(&self, key: &PoolKey) {
        if let Some(entry) = self.entries.borrow_mut().get_mut(key) {
            entry.multiplexed = None;
        }
    }

    /// Closes what has been idle for too long or was closed by the other side; to be called now
    /// and then.
    pub(crate) fn sweep(&self) {
        self.entries.borrow_mut().retain(|_, entry| {
            entry.idle.retain(|(since, connection)| {
                since.elapsed() < self.max_age && connection.is_quiet()
            });
            if entry.multiplexed.as_ref().is_some_and(|s| s.is_closed()) {
                entry.multiplexed = None;
            }
            !entry.idle.is_empty() || entry.multiplexed.is_some()
        });
    }
}
