//! Idle upstream connections of one worker.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use agw_core::backend::{AppProtocol, Endpoint};
use hyper::client::conn::{http1, http2};
use rustc_hash::FxHashMap;

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
    idle: Vec<(Instant, http1::SendRequest<Outgoing>)>,
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

    /// An HTTP/1.1 connection that is ready for a request.
    pub(crate) fn take(&self, key: &PoolKey) -> Option<http1::SendRequest<Outgoing>> {
        let mut entries = self.entries.borrow_mut();
        let idle = &mut entries.get_mut(key)?.idle;
        while let Some((since, sender)) = idle.pop() {
            if sender.is_ready() && since.elapsed() < self.max_age {
                return Some(sender);
            }
        }
        None
    }

    /// The HTTP/2 connection, when it still takes requests.
    pub(crate) fn multiplexed(&self, key: &PoolKey) -> Option<http2::SendRequest<Outgoing>> {
        let mut entries = self.entries.borrow_mut();
        let slot = &mut entries.get_mut(key)?.multiplexed;
        if slot.as_ref().is_some_and(|s| s.is_closed()) {
            *slot = None;
        }
        slot.clone()
    }

    pub(crate) fn put(&self, key: &Rc<PoolKey>, sender: http1::SendRequest<Outgoing>) {
        if sender.is_closed() {
            return;
        }
        let mut entries = self.entries.borrow_mut();
        let idle = &mut entries.entry(key.clone()).or_default().idle;
        if idle.len() < self.max_idle {
            idle.push((Instant::now(), sender));
        }
    }

    pub(crate) fn share(&self, key: &Rc<PoolKey>, sender: http2::SendRequest<Outgoing>) {
        self.entries
            .borrow_mut()
            .entry(key.clone())
            .or_default()
            .multiplexed = Some(sender);
    }

    /// Forgets a multiplexed connection that failed, so that the next request makes its own.
    pub(crate) fn forget(&self, key: &PoolKey) {
        if let Some(entry) = self.entries.borrow_mut().get_mut(key) {
            entry.multiplexed = None;
        }
    }

    /// Closes what has been idle for too long; to be called now and then.
    pub(crate) fn sweep(&self) {
        self.entries.borrow_mut().retain(|_, entry| {
            entry
                .idle
                .retain(|(since, s)| !s.is_closed() && since.elapsed() < self.max_age);
            if entry.multiplexed.as_ref().is_some_and(|s| s.is_closed()) {
                entry.multiplexed = None;
            }
            !entry.idle.is_empty() || entry.multiplexed.is_some()
        });
    }
}
