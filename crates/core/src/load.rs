//! Which of several equal targets is the least busy: by how long they take and how many requests
//! they have.
//!
//! Latency is a peak-sensitive moving average: a slow answer counts at once, and fades as faster
//! ones come and as time goes by, so that a target that was slow is tried again. Two targets are
//! compared, not all: whoever picks the best of all sends everybody to the same one.

use std::time::Duration;

use crate::health::Millis;

/// Milliseconds in which what was seen fades by a factor of e.
const FADE: f64 = 10_000.0;

/// Milliseconds below which nobody cares who is faster.
const QUICK: f64 = 10.0;

/// What a failure counts as, at least: one that comes at once is no sign of speed.
const FAILURE: f64 = 1_000.0;

/// A target is left for another only where that costs less than this share.
const BETTER: f64 = 0.75;

/// How long a target takes, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Latency {
    average: f64,
    at: Millis,
}

/// What an attempt says of its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    Answer,
    Failure,
}

impl Latency {
    /// Takes in an attempt that took so long and ended now.
    pub fn observe(&mut self, now: Millis, took: Duration, seen: Seen) {
        let sample = took.as_secs_f64() * 1_000.0;
        let sample = match seen {
            Seen::Answer => sample,
            Seen::Failure => sample.max(FAILURE),
        };
        let kept = self.kept(now);
        let faded = self.average * kept;
        self.average = match sample > faded {
            true => sample,
            false => faded + sample * (1.0 - kept),
        };
        self.at = self.at.max(now);
    }

    /// What one more request costs a target that has `in_flight`.
    pub fn cost(&self, now: Millis, in_flight: u32) -> f64 {
        let latency = (self.average * self.kept(now)).max(QUICK);
        latency * (f64::from(in_flight) + 1.0)
    }

    /// The share of the average that is left.
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact below 2^53 milliseconds, 285,000 years"
    )]
    fn kept(&self, now: Millis) -> f64 {
        (-(now.saturating_sub(self.at) as f64) / FADE).exp()
    }
}

/// The two of `count` targets that are compared at this turn: the one whose turn it is, and
/// another. The same one twice when there is no other. `count` is not 0.
pub fn two(turn: usize, count: usize) -> (usize, usize) {
    let first = turn % count;
    if count == 1 {
        return (first, first);
    }
    // Every other one meets it in some round: rounds step through the distances.
    let distance = 1 + (turn / count) % (count - 1);
    (first, (first + distance) % count)
}

/// Whether the other one of two is to be asked in place of the one whose turn it is. Equals keep
/// their turns, so that they share evenly.
pub fn is_better(other: f64, own: f64) -> bool {
    other < own * BETTER
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn took(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_slow_answer_counts_at_once_and_fades() {
        let mut latency = Latency::default();
        assert_eq!(latency.cost(0, 0), QUICK);
        assert_eq!(latency.cost(0, 3), 4.0 * QUICK);
        latency.observe(0, took(100), Seen::Answer);
        latency.observe(1, took(900), Seen::Answer);
        assert!((latency.cost(1, 0) - 900.0).abs() < 1e-6);
        assert!(latency.cost(10_001, 0) < 332.0);
        assert_eq!(latency.cost(1_000_000, 0), QUICK);
        // A clock that stands still or comes late changes nothing.
        latency.observe(0, took(1), Seen::Answer);
        assert!((latency.cost(1, 0) - 900.0).abs() < 1.0);
    }

    #[test]
    fn a_failure_at_once_is_no_sign_of_speed() {
        let mut latency = Latency::default();
        latency.observe(5, took(0), Seen::Failure);
        assert!((latency.cost(5, 0) - FAILURE).abs() < 1e-6);
        latency.observe(5, took(3_000), Seen::Failure);
        assert!((latency.cost(5, 0) - 3_000.0).abs() < 1e-6);
    }

    #[test]
    fn every_pair_meets() {
        for count in 2..6 {
            let mut met = std::collections::BTreeSet::new();
            for turn in 0..count * (count - 1) {
                met.insert(two(turn, count));
            }
            assert_eq!(met.len(), count * (count - 1));
        }
        assert_eq!(two(7, 1), (0, 0));
    }

    #[test]
    fn equals_take_turns_and_the_quick_get_more() {
        let served = |millis: [u64; 3]| {
            let mut latencies = [Latency::default(); 3];
            let mut asked = [0; 3];
            for turn in 0..3_000 {
                let now = turn as u64 * 20;
                let (own, other) = two(turn, 3);
                let cost = |at: usize| latencies[at].cost(now, 0);
                let at = if is_better(cost(other), cost(own)) {
                    other
                } else {
                    own
                };
                asked[at] += 1;
                latencies[at].observe(now, took(millis[at]), Seen::Answer);
            }
            asked
        };
        assert_eq!(served([300, 300, 300]), [1_000; 3]);
        let [quick, middle, slow] = served([100, 100, 2_000]);
        assert!(quick + middle > 9 * slow, "{quick} {middle} {slow}");
        assert!(slow > 0, "nobody is forgotten");
    }

    /// The same from all that was seen, without anything kept.
    fn naive(seen: &[(Millis, u64, Seen)], now: Millis, in_flight: u32) -> f64 {
        let fade = |from: Millis, to: Millis| {
            let passed = to.saturating_sub(from);
            1.0 / (passed as f64 / FADE).exp()
        };
        let (mut value, mut last) = (0.0, 0);
        for (at, millis, seen) in seen {
            let least = if *seen == Seen::Failure { FAILURE } else { 0.0 };
            let sample = (*millis as f64).max(least);
            let share = fade(last, *at);
            let old = value * share;
            value = if old >= sample {
                old + (1.0 - share) * sample
            } else {
                sample
            };
            last = last.max(*at);
        }
        let value = value * fade(last, now);
        (if value < QUICK { QUICK } else { value }) * f64::from(in_flight + 1)
    }

    proptest! {
        #[test]
        fn costs_are_those_of_the_naive_twin(
            seen in prop::collection::vec((0u64..60_000, 0u64..30_000, any::<bool>()), 0..40),
            after in 0u64..60_000,
            in_flight in 0u32..1_000,
        ) {
            let mut seen: Vec<_> = seen
                .into_iter()
                .map(|(at, millis, bad)| (at, millis, if bad { Seen::Failure } else { Seen::Answer }))
                .collect();
            seen.sort_by_key(|(at, _, _)| *at);
            let mut latency = Latency::default();
            for (at, millis, kind) in &seen {
                latency.observe(*at, took(*millis), *kind);
            }
            let now = seen.last().map_or(0, |(at, _, _)| *at) + after;
            let (ours, twin) = (latency.cost(now, in_flight), naive(&seen, now, in_flight));
            prop_assert!((ours - twin).abs() <= twin * 1e-9, "{} {}", ours, twin);
            // More requests and slower answers never make a target more attractive.
            prop_assert!(latency.cost(now, in_flight + 1) > ours);
            let mut slower = latency;
            slower.observe(now, took(60_000), Seen::Answer);
            prop_assert!(slower.cost(now, in_flight) >= ours);
        }

        #[test]
        fn a_choice_is_never_much_worse_than_the_one_it_was_compared_with(
            costs in prop::collection::vec(1.0f64..1e6, 1..9),
            turn in any::<usize>(),
        ) {
            let (own, other) = two(turn, costs.len());
            prop_assert!(own < costs.len() && other < costs.len());
            prop_assert_eq!(own == other, costs.len() == 1);
            let chosen = if is_better(costs[other], costs[own]) { other } else { own };
            prop_assert!(costs[chosen] * BETTER <= costs[own].min(costs[other]));
        }
    }
}
