//! When a failed attempt is made again, and how long to wait before it.

mod budget;

use std::time::Duration;

use serde::Serialize;

pub use budget::RetryBudget;

/// Retries of one backend after its first try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retry {
    /// Retries after the first try: 2 means at most 3 requests.
    pub attempts: u32,
    /// Wait before the first retry; doubles each time.
    pub base_interval: Duration,
    pub max_interval: Duration,
    pub on: RetryOn,
}

/// Which outcomes are worth another try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RetryOn {
    /// Response statuses, each as an inclusive range.
    pub statuses: Vec<(u16, u16)>,
    /// Connection errors, resets and timeouts before a response.
    pub connect_failure: ConnectFailure,
}

/// Whether a request that got no response at all is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ConnectFailure {
    Retry,
    Give,
}

impl Default for RetryOn {
    /// What is safe to repeat for an idempotent or AI request: no response at all, 429 and 5xx.
    fn default() -> Self {
        Self {
            statuses: vec![(429, 429), (500, 599)],
            connect_failure: ConnectFailure::Retry,
        }
    }
}

impl RetryOn {
    pub fn status(&self, status: u16) -> bool {
        self.statuses
            .iter()
            .any(|&(low, high)| (low..=high).contains(&status))
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 1,
            base_interval: Duration::from_millis(25),
            max_interval: Duration::from_millis(250),
            on: RetryOn::default(),
        }
    }
}

impl Retry {
    /// The wait before retry number `retry` (1 is the first): exponential with full jitter over
    /// its upper half. `random` is uniform in 0..1.
    pub fn backoff(&self, retry: u32, random: f64) -> Duration {
        let doubled = self
            .base_interval
            .saturating_mul(1 << retry.saturating_sub(1).min(20));
        let ceiling = doubled.min(self.max_interval.max(self.base_interval));
        ceiling.mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backs_off_exponentially_up_to_the_cap() {
        let retry = Retry {
            base_interval: Duration::from_millis(100),
            max_interval: Duration::from_millis(350),
            ..Retry::default()
        };
        let waits: Vec<_> = (1..=4).map(|n| retry.backoff(n, 1.0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 350, 350]);
        assert_eq!(retry.backoff(1, 0.0), Duration::from_millis(50));
        assert_eq!(retry.backoff(u32::MAX, 1.0), Duration::from_millis(350));
    }

    #[test]
    fn default_retries_server_faults_and_rate_limits_only() {
        let on = RetryOn::default();
        for (status, want) in [
            (200, false),
            (400, false),
            (401, false),
            (429, true),
            (500, true),
            (503, true),
        ] {
            assert_eq!(on.status(status), want, "{status}");
        }
    }
}
