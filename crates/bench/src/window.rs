//! The part of a load that counts, and what was spent in it.

use std::time::Duration;

use crate::clock;
use crate::process::{self, Machine};
use crate::stats::as_f64;

/// From when to when, in nanoseconds of the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// When load starts, to warm up connections and caches.
    pub(crate) starts: u64,
    pub(crate) opens: u64,
    pub(crate) closes: u64,
}

/// What one process tree used in a window, and what else went on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// CPU time in nanoseconds.
    pub(crate) cpu: u64,
    pub(crate) seconds: f64,
    pub(crate) noise: Noise,
}

/// Shares of the whole machine, 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Noise {
    /// What programs that have nothing to do with the comparison used.
    pub(crate) foreign: f64,
    /// What the host gave to other guests.
    pub(crate) steal: f64,
}

impl Window {
    pub(crate) fn from_now(warm: Duration, length: Duration) -> Self {
        let starts = clock::now();
        let opens = starts + nanos(warm);
        Self {
            starts,
            opens,
            closes: opens + nanos(length),
        }
    }

    pub(crate) fn holds(&self, at: u64) -> bool {
        (self.opens..self.closes).contains(&at)
    }

    /// Waits for the end and tells what the process tree below `pid` used.
    pub(crate) async fn watch(&self, pid: u32) -> Spent {
        let own = std::process::id();
        until(self.opens).await;
        let began = clock::now();
        let (machine, all, cpu) = (
            process::machine(),
            process::cpu_below(own),
            process::cpu_below(pid),
        );
        until(self.closes).await;
        let seconds = as_f64(clock::now() - began) / 1e9;
        let spent = process::cpu_below(pid).saturating_sub(cpu);
        let ours = process::cpu_below(own).saturating_sub(all);
        Spent {
            cpu: spent,
            seconds,
            noise: Noise::between(machine, process::machine(), ours),
        }
    }
}

impl Noise {
    /// `ours` is the CPU time, of what was busy, that belongs to the comparison.
    fn between(before: Machine, after: Machine, ours: u64) -> Self {
        let all = as_f64(after.all.saturating_sub(before.all)).max(1.0);
        let busy = after.busy.saturating_sub(before.busy);
        Self {
            foreign: as_f64(busy.saturating_sub(ours)) / all,
            steal: as_f64(after.steal.saturating_sub(before.steal)) / all,
        }
    }
}

async fn until(at: u64) {
    tokio::time::sleep(Duration::from_nanos(at.saturating_sub(clock::now()))).await;
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_busy_and_not_ours_is_foreign() {
        let before = Machine {
            busy: 100,
            steal: 0,
            all: 1000,
        };
        let after = Machine {
            busy: 700,
            steal: 50,
            all: 2000,
        };
        let noise = Noise::between(before, after, 400);
        assert!((noise.foreign - 0.2).abs() < 1e-9);
        assert!((noise.steal - 0.05).abs() < 1e-9);
        assert!(Noise::between(before, after, 900).foreign.abs() < 1e-9);
    }

    #[test]
    fn a_window_holds_its_start_and_not_its_end() {
        let window = Window {
            starts: 0,
            opens: 10,
            closes: 20,
        };
        assert!(!window.holds(9) && window.holds(10) && window.holds(19) && !window.holds(20));
    }
}
