//! What a worker's sweep needs to know of each client connection: whether it stands still, and
//! whose fault that is.
//!
//! Times are whole seconds of the worker's own clock, which the sweep moves: keeping them costs
//! the request path nothing but a store.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use rustc_hash::FxHashMap;

use super::head_tap::HeadTap;
use super::upgrade::Upgrade;
use crate::settings::Limits;

/// Seconds since the worker started.
type Seconds = u32;

/// Time that a connection which was asked to end may still take.
const FAREWELL: Seconds = 10;

/// The client connections of one worker.
pub(crate) struct Watches {
    started: Instant,
    now: Rc<Cell<Seconds>>,
    next: Cell<u64>,
    all: RefCell<FxHashMap<u64, Rc<Watch>>>,
}

/// One client connection. It is forgotten when this is dropped.
pub(crate) struct Watched {
    id: u64,
    watch: Rc<Watch>,
    owner: Rc<Watches>,
}

pub(crate) struct Watch {
    port: u16,
    now: Rc<Cell<Seconds>>,
    /// Since when bytes of a head are awaited: from the start, and from the first byte of a later
    /// one. HTTP/2 counts as idle instead.
    head_since: Cell<Option<Seconds>>,
    /// When the last request ended.
    idle_since: Cell<Seconds>,
    flights: RefCell<Vec<Weak<Flight>>>,
    active: Cell<u32>,
    /// When it was asked to end.
    farewell: Cell<Option<Seconds>>,
    signal: Cell<Signal>,
    /// Of the task that serves the connection.
    waker: RefCell<Option<Waker>>,
    /// What the last request is upgraded to, once its answer is out.
    upgrade: Cell<Option<Box<Upgrade>>>,
    pub(crate) tap: HeadTap,
}

/// What a connection is told. Later ones outweigh earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Signal {
    GoOn,
    /// Answer what is asked already, then close.
    End,
    /// Close now.
    Cut,
}

/// A request under way on a connection.
pub(crate) struct Flight {
    watch: Rc<Watch>,
    /// Since when bytes of the answer wait for the client to take them.
    offered: Cell<Option<Seconds>>,
    /// Since when bytes of the request's body are awaited.
    awaited: Cell<Option<Seconds>>,
}

/// Why the sweep ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Closed {
    /// No request for a while.
    Idle,
    /// A request's head did not come to its end.
    SlowHead,
    /// The client neither reads its answer nor sends its body.
    Stalled,
    /// The TLS handshake failed or took too long.
    Handshake,
    /// There were too many connections.
    Refused,
}

impl Closed {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::SlowHead => "slow_head",
            Self::Stalled => "stalled",
            Self::Handshake => "handshake",
            Self::Refused => "refused",
        }
    }
}

impl Watches {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            started: Instant::now(),
            now: Rc::default(),
            next: Cell::new(0),
            all: RefCell::default(),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.all.borrow().len()
    }

    /// A connection to the listeners of `port`.
    pub(crate) fn add(self: &Rc<Self>, port: u16) -> Watched {
        let id = self.next.get();
        self.next.set(id + 1);
        let watch = Rc::new(Watch {
            port,
            now: self.now.clone(),
            head_since: Cell::new(Some(self.now.get())),
            idle_since: Cell::new(self.now.get()),
            flights: RefCell::default(),
            active: Cell::new(0),
            farewell: Cell::new(None),
            signal: Cell::new(Signal::GoOn),
            waker: RefCell::default(),
            upgrade: Cell::default(),
            tap: HeadTap::default(),
        });
        self.all.borrow_mut().insert(id, watch.clone());
        Watched {
            id,
            watch,
            owner: self.clone(),
        }
    }

    /// Lets the connections to `port` finish what they are doing and end.
    pub(crate) fn end(&self, port: u16) {
        for watch in self.all.borrow().values() {
            if watch.port == port {
                watch.raise(Signal::End);
            }
        }
    }

    /// Moves the clock and ends what stands still for too long. Calls `closed` for each.
    pub(crate) fn sweep(&self, limits: &Limits, mut closed: impl FnMut(Closed)) {
        let seconds = self.started.elapsed().as_secs();
        self.now
            .set(Seconds::try_from(seconds).unwrap_or(Seconds::MAX));
        for watch in self.all.borrow().values() {
            if let Some(why) = watch.judge(limits) {
                closed(why);
            }
        }
    }
}

impl Watched {
    pub(crate) fn watch(&self) -> &Rc<Watch> {
        &self.watch
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.owner.all.borrow_mut().remove(&self.id);
    }
}

impl Watch {
    /// Ends the connection when its time is up. A first end for idleness lets it say goodbye.
    fn judge(&self, limits: &Limits) -> Option<Closed> {
        let now = self.now.get();
        let older = |since: Option<Seconds>, bound: std::time::Duration| {
            since.is_some_and(|since| u64::from(now.saturating_sub(since)) > bound.as_secs())
        };
        if let Some(since) = self.farewell.get() {
            if self.active.get() == 0 && now.saturating_sub(since) > FAREWELL {
                self.raise(Signal::Cut);
            }
            return None;
        }
        let why = if older(self.head_since.get(), limits.header_read) {
            Closed::SlowHead
        } else if self.is_stalled(|since| older(since, limits.client_stall)) {
            Closed::Stalled
        } else if self.active.get() == 0 && older(Some(self.idle_since.get()), limits.client_idle) {
            Closed::Idle
        } else {
            return None;
        };
        self.farewell.set(Some(now));
        self.raise(match why {
            Closed::Idle => Signal::End,
            _ => Signal::Cut,
        });
        Some(why)
    }

    fn is_stalled(&self, too_old: impl Fn(Option<Seconds>) -> bool) -> bool {
        let flights = self.flights.borrow();
        let mut flights = flights.iter().filter_map(Weak::upgrade);
        flights.any(|flight| too_old(flight.offered.get()) || too_old(flight.awaited.get()))
    }

    /// The connection has no heads to time by their bytes.
    pub(crate) fn multiplexed(&self) {
        self.head_since.set(None);
        self.tap.off();
    }

    /// Bytes came from the client.
    pub(crate) fn came(&self, bytes: &[u8]) {
        if self.tap.take(bytes) && self.active.get() == 0 && self.head_since.get().is_none() {
            self.head_since.set(Some(self.now.get()));
        }
    }

    /// A request's head is complete.
    pub(crate) fn begin(self: &Rc<Self>) -> Rc<Flight> {
        self.head_since.set(None);
        self.active.set(self.active.get() + 1);
        let flight = Rc::new(Flight {
            watch: self.clone(),
            offered: Cell::new(None),
            awaited: Cell::new(None),
        });
        self.flights.borrow_mut().push(Rc::downgrade(&flight));
        flight
    }

    /// What the connection goes on with after HTTP/1.1.
    pub(super) fn upgraded(&self) -> Option<Box<Upgrade>> {
        self.upgrade.take()
    }

    fn raise(&self, signal: Signal) {
        if signal > self.signal.get() {
            self.signal.set(signal);
            if let Some(waker) = self.waker.borrow_mut().take() {
                waker.wake();
            }
        }
    }

    /// The signal of now. The task is woken by a later one.
    fn poll_signal(&self, cx: &mut Context<'_>) -> Signal {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        self.signal.get()
    }

    /// Whether the connection should end once its requests are answered.
    pub(crate) fn is_ending(&self) -> bool {
        self.signal.get() >= Signal::End
    }

    /// Whether the connection was cut: it stood still.
    pub(crate) fn is_cut(&self) -> bool {
        self.signal.get() == Signal::Cut
    }

    /// Resolves when the connection should end once its requests are answered.
    pub(crate) async fn ended(&self) {
        let ended = std::future::poll_fn(|cx| match self.poll_signal(cx) {
            Signal::GoOn => Poll::Pending,
            Signal::End | Signal::Cut => Poll::Ready(()),
        });
        ended.await;
    }

    /// What `work` resolves to, unless the connection is to be cut. A signal wakes the task, so
    /// that `work` may look for it too.
    pub(crate) async fn unless_cut<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        std::future::poll_fn(|cx| match self.poll_signal(cx) {
            Signal::Cut => Poll::Ready(None),
            Signal::GoOn | Signal::End => work.as_mut().poll(cx).map(Some),
        })
        .await
    }
}

impl Flight {
    /// Bytes were handed over, and the client is to take them.
    pub(crate) fn offer(&self) {
        self.offered.set(Some(self.watch.now.get()));
    }

    /// The client took what it was offered.
    pub(crate) fn taken(&self) {
        self.offered.set(None);
    }

    /// The connection goes on with `upgrade` once this request is answered.
    pub(crate) fn upgrade(&self, upgrade: Upgrade) {
        self.watch.upgrade.set(Some(Box::new(upgrade)));
    }

    /// The client is to send more of its body.
    pub(crate) fn await_body(&self) {
        if self.awaited.get().is_none() {
            self.awaited.set(Some(self.watch.now.get()));
        }
    }

    pub(crate) fn got_body(&self) {
        self.awaited.set(None);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let watch = &self.watch;
        watch.active.set(watch.active.get().saturating_sub(1));
        watch.idle_since.set(watch.now.get());
        watch
            .flights
            .borrow_mut()
            .retain(|flight| flight.strong_count() > 0);
    }
}

#[cfg(test)]
mod tests;
