//! How many retries a target's traffic pays for.
//!
//! Without a bound every client's retries meet at an upstream that is going down, and keep it
//! there: three attempts each are three times the load.

use crate::health::Millis;

/// Retries that one request pays for.
const SHARE: f64 = 0.2;

/// Retries a second that cost nothing: with little traffic a share of it would be none.
const FLOOR: f64 = 10.0;

/// Seconds in which what was not used fades by a factor of e.
const FADE: f64 = 10.0;

/// The retries that may still be made to one target.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryBudget {
    balance: f64,
    settled: Millis,
}

impl RetryBudget {
    /// That of a target that has been at rest.
    pub fn new(now: Millis) -> Self {
        Self {
            balance: FLOOR * FADE,
            settled: now,
        }
    }

    /// Pays in for `requests` since the last call, then takes one retry out if there is one.
    pub fn spend(&mut self, now: Millis, requests: u32) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "a time span of years fits")]
        let seconds = now.saturating_sub(self.settled) as f64 / 1000.0;
        self.settled = self.settled.max(now);
        let kept = (-seconds / FADE).exp();
        // The floor flows in while the balance fades: alone it comes to rest at FLOOR * FADE.
        self.balance = self.balance * kept + FLOOR * FADE * (1.0 - kept);
        self.balance += SHARE * f64::from(requests);
        if self.balance < 1.0 {
            return false;
        }
        self.balance -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_after_rest_is_paid_for_and_no_more() {
        let mut budget = RetryBudget::new(0);
        let granted = (0..1000).filter(|_| budget.spend(0, 0)).count();
        assert_eq!(granted, 100);
        let later = (0..1000).filter(|_| budget.spend(1000, 0)).count();
        assert!((9..=10).contains(&later), "{later}");
    }

    #[test]
    fn a_dying_target_gets_a_fifth_more_and_not_twice_as_much() {
        let mut budget = RetryBudget::new(0);
        let mut granted = 0;
        // 1,000 requests a second, each of which fails and asks for a retry.
        for request in 0..60_000u64 {
            granted += u32::from(budget.spend(request, 1));
        }
        assert!((12_000..13_500).contains(&granted), "{granted}");
    }

    #[test]
    fn what_was_not_used_fades() {
        let mut busy = RetryBudget::new(0);
        busy.spend(0, 1_000_000);
        let granted = (0..10_000).filter(|_| busy.spend(200_000, 0)).count();
        assert!(granted <= 101, "{granted}");
    }

    proptest! {
        #[test]
        fn never_grants_more_than_was_paid_in(steps in prop::collection::vec((0u64..5000, 0u32..50), 1..200)) {
            let mut budget = RetryBudget::new(0);
            let (mut now, mut requests, mut granted) = (0, 0, 0);
            for (pause, more) in steps {
                now += pause;
                requests += more;
                granted += u32::from(budget.spend(now, more));
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                let paid = 100.0 + f64::from(requests) * SHARE + FLOOR * now as f64 / 1000.0;
                prop_assert!(f64::from(granted) <= paid + 1e-6);
            }
        }

        #[test]
        fn a_clock_that_steps_back_does_no_harm(steps in prop::collection::vec(0u64..10_000, 1..50)) {
            let mut budget = RetryBudget::new(5000);
            for now in steps {
                budget.spend(now, 1);
                prop_assert!(budget.balance.is_finite() && budget.balance >= 0.0);
            }
        }
    }
}
