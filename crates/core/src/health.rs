//! Passive ejection and active probes of one backend target: a state machine without a clock.

use std::time::Duration;

use crate::backend::Ejection;

/// Milliseconds since an epoch of the caller's choice.
pub type Millis = u64;

/// What is known of a target. All times are arguments, so it can be replayed in tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    consecutive_failures: u32,
    /// Ejections since the last lasting recovery; sets the next one's length.
    ejections: u32,
    ejected_until: Option<Millis>,
    trial: Trial,
    good_probes: u32,
    /// Consecutive failed probes: counted apart, so that requests that happen to succeed do not
    /// hide what the probes see.
    bad_probes: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Trial {
    #[default]
    None,
    /// One request was let through at this time; others wait for its outcome.
    Running(Millis),
}

/// Whether a target may take a request now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    Healthy,
    /// The ejection is over; one request may try it.
    HalfOpen,
    Ejected {
        until: Millis,
    },
}

/// What an observation changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    None,
    Ejected(Duration),
    Restored,
}

/// A trial whose outcome never came is given up after this long.
const TRIAL_TIMEOUT: Millis = 60_000;

impl Health {
    pub fn availability(&self, now: Millis) -> Availability {
        match (self.ejected_until, self.trial) {
            (None, _) => Availability::Healthy,
            (Some(until), _) if now < until => Availability::Ejected { until },
            (Some(_), Trial::Running(since)) if now < since + TRIAL_TIMEOUT => {
                Availability::Ejected {
                    until: since + TRIAL_TIMEOUT,
                }
            }
            (Some(_), _) => Availability::HalfOpen,
        }
    }

    pub fn is_ejected(&self) -> bool {
        self.ejected_until.is_some()
    }

    /// Takes the half-open trial; `false` when another request has it or there is none to take.
    pub fn try_trial(&mut self, now: Millis) -> bool {
        let open = self.availability(now) == Availability::HalfOpen;
        if open {
            self.trial = Trial::Running(now);
        }
        open
    }

    /// A request was answered well.
    pub fn succeeded(&mut self) -> Change {
        self.consecutive_failures = 0;
        match self.ejected_until {
            Some(_) => self.restore(),
            None => {
                self.ejections = 0;
                Change::None
            }
        }
    }

    /// A request failed. A `retry_after` from the target ejects at once, for that long.
    pub fn failed(
        &mut self,
        now: Millis,
        policy: &Ejection,
        retry_after: Option<Duration>,
    ) -> Change {
        self.consecutive_failures = self.consecutive_failures.saturating_add(1);
        let failed_trial = matches!(self.trial, Trial::Running(_));
        if let Some(wait) = retry_after {
            return self.eject(now, wait.min(policy.max));
        }
        if self.consecutive_failures < policy.unhealthy_threshold && !failed_trial {
            return Change::None;
        }
        self.eject_again(now, policy)
    }

    /// Ejects for longer than the last time, unless it is out already.
    fn eject_again(&mut self, now: Millis, policy: &Ejection) -> Change {
        if self.ejected_until.is_some_and(|until| now < until) {
            return Change::None;
        }
        let doubled = policy.base.saturating_mul(1 << self.ejections.min(20));
        self.eject(now, doubled.min(policy.max))
    }

    /// An active probe ended. Failed ones eject at the same threshold as failed requests.
    pub fn probed(&mut self, now: Millis, policy: &Ejection, outcome: Result<(), ()>) -> Change {
        if outcome.is_err() {
            self.good_probes = 0;
            self.bad_probes = self.bad_probes.saturating_add(1);
            let enough = self.bad_probes >= policy.unhealthy_threshold;
            return if enough {
                self.eject_again(now, policy)
            } else {
                Change::None
            };
        }
        self.bad_probes = 0;
        self.good_probes = self.good_probes.saturating_add(1);
        if self.ejected_until.is_none() {
            return Change::None;
        }
        if self.good_probes >= policy.healthy_threshold {
            self.restore()
        } else {
            Change::None
        }
    }

    fn eject(&mut self, now: Millis, length: Duration) -> Change {
        let length_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        self.ejections = self.ejections.saturating_add(1);
        self.ejected_until = Some(now.saturating_add(length_ms));
        self.trial = Trial::None;
        self.good_probes = 0;
        Change::Ejected(length)
    }

    fn restore(&mut self) -> Change {
        // The count of ejections stays until a success without one: a target that flaps is
        // taken out for longer each time.
        self.ejected_until = None;
        self.trial = Trial::None;
        self.consecutive_failures = 0;
        Change::Restored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(threshold: u32) -> Ejection {
        Ejection {
            unhealthy_threshold: threshold,
            healthy_threshold: 2,
            ..Ejection::default()
        }
    }

    #[test]
    fn ejects_after_the_threshold_and_tries_once_at_the_end() {
        let (mut health, policy) = (Health::default(), policy(2));
        assert_eq!(health.failed(0, &policy, None), Change::None);
        assert_eq!(health.availability(0), Availability::Healthy);
        assert_eq!(
            health.failed(1, &policy, None),
            Change::Ejected(Duration::from_secs(10))
        );
        assert_eq!(
            health.availability(2),
            Availability::Ejected { until: 10_001 }
        );
        assert_eq!(health.availability(10_001), Availability::HalfOpen);
        assert!(health.try_trial(10_001));
        assert!(!health.try_trial(10_002), "one trial at a time");
        assert_eq!(health.succeeded(), Change::Restored);
        assert_eq!(health.availability(10_003), Availability::Healthy);
    }

    #[test]
    fn failed_trials_double_the_ejection_up_to_five_minutes() {
        let (mut health, policy) = (Health::default(), policy(1));
        let mut now = 0;
        let mut lengths = Vec::new();
        for _ in 0..7 {
            health.try_trial(now);
            let Change::Ejected(length) = health.failed(now, &policy, None) else {
                panic!("not ejected")
            };
            lengths.push(length.as_secs());
            now += u64::try_from(length.as_millis()).unwrap();
        }
        assert_eq!(lengths, [10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn a_success_between_failures_starts_the_count_again() {
        let (mut health, policy) = (Health::default(), policy(2));
        health.failed(0, &policy, None);
        health.succeeded();
        assert_eq!(health.failed(1, &policy, None), Change::None);
    }

    #[test]
    fn retry_after_ejects_at_once_and_is_capped() {
        let mut health = Health::default();
        let wait = Some(Duration::from_secs(3));
        assert_eq!(
            health.failed(0, &policy(5), wait),
            Change::Ejected(Duration::from_secs(3))
        );
        let long = Some(Duration::from_secs(86_400));
        assert_eq!(
            health.failed(0, &policy(5), long),
            Change::Ejected(Duration::from_secs(300))
        );
    }

    #[test]
    fn good_probes_restore_at_once() {
        let (mut health, policy) = (Health::default(), policy(1));
        health.probed(0, &policy, Err(()));
        assert!(health.is_ejected());
        assert_eq!(health.probed(1, &policy, Ok(())), Change::None);
        assert_eq!(health.probed(2, &policy, Ok(())), Change::Restored);
        assert_eq!(health.availability(2), Availability::Healthy);
    }

    #[test]
    fn failed_probes_eject_although_requests_succeed_between_them() {
        let (mut health, policy) = (Health::default(), policy(2));
        health.probed(0, &policy, Err(()));
        health.succeeded();
        assert_eq!(
            health.probed(1, &policy, Err(())),
            Change::Ejected(Duration::from_secs(10))
        );
    }

    #[test]
    fn a_trial_without_an_outcome_does_not_block_for_ever() {
        let (mut health, policy) = (Health::default(), policy(1));
        health.failed(0, &policy, None);
        assert!(health.try_trial(10_000));
        assert!(!health.try_trial(69_999));
        assert!(health.try_trial(70_000));
    }
}
