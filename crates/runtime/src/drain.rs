//! The orderly end of a process, and what it says of itself before.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Signals this soon after the first are the same request: a process group and a supervisor that
/// passes signals on both deliver one.
const SAME_REQUEST: Duration = Duration::from_millis(250);

/// What the operator asked for, in two steps.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Cancelled by the first SIGTERM or SIGINT: finish what is under way, then end.
    pub drain: CancellationToken,
    /// Cancelled by the second: end at once.
    pub now: CancellationToken,
}

impl Shutdown {
    /// Listens for signals. The task ends after the second signal; dropping the runtime ends it too.
    ///
    /// # Errors
    /// When the system refuses a signal handler.
    pub fn on_signals() -> io::Result<(Self, JoinHandle<()>)> {
        let shutdown = Self::default();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let own = shutdown.clone();
        let task = tokio::spawn(async move {
            let mut first: Option<Instant> = None;
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                match first {
                    None => {
                        first = Some(Instant::now());
                        own.drain.cancel();
                    }
                    Some(first) if first.elapsed() < SAME_REQUEST => {}
                    Some(_) => {
                        own.now.cancel();
                        return;
                    }
                }
            }
        });
        Ok((shutdown, task))
    }
}

/// Whether the process wants traffic, and if not, why. Clones share the state.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<Mutex<State>>);

#[derive(Debug)]
enum State {
    Ready,
    NotReady(String),
}

impl Readiness {
    /// Not ready, for `reason`.
    pub fn not_ready(reason: impl Into<String>) -> Self {
        Self(Arc::new(Mutex::new(State::NotReady(reason.into()))))
    }

    pub fn set_ready(&self) {
        *self.0.lock() = State::Ready;
    }

    pub fn set_not_ready(&self, reason: impl Into<String>) {
        *self.0.lock() = State::NotReady(reason.into());
    }

    /// # Errors
    /// The reason, when it is not ready.
    pub fn check(&self) -> Result<(), String> {
        match &*self.0.lock() {
            State::Ready => Ok(()),
            State::NotReady(reason) => Err(reason.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_shared_between_clones() {
        let readiness = Readiness::not_ready("starting");
        let clone = readiness.clone();
        assert_eq!(clone.check(), Err("starting".to_owned()));
        readiness.set_ready();
        assert_eq!(clone.check(), Ok(()));
        clone.set_not_ready("draining");
        assert_eq!(readiness.check(), Err("draining".to_owned()));
    }
}
