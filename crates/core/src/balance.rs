//! Smooth weighted round-robin.

use serde::Serialize;

/// A repeating order of choices that spreads each choice's turns evenly: with weights 80 and 20
/// every ten turns are eight and two, interleaved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Schedule {
    turns: Box<[u16]>,
}

/// Longest order kept; larger weights are scaled down to it.
const MAX_TURNS: u64 = 4096;

impl Schedule {
    /// The order for `weights`; choices of weight 0 get no turn. At most 65,536 choices.
    pub fn new(weights: &[u32]) -> Self {
        let weights = scaled(weights);
        let total: i64 = weights.iter().sum();
        let mut current = vec![0i64; weights.len()];
        let mut turns = Vec::with_capacity(usize::try_from(total).unwrap_or(0));
        for _ in 0..total {
            for (c, w) in current.iter_mut().zip(&weights) {
                *c += w;
            }
            let best = (0..weights.len())
                .filter(|&i| weights[i] > 0)
                .max_by_key(|&i| {
                    // Among equals the first in the manifest goes first.
                    (current[i], std::cmp::Reverse(i))
                });
            let Some(best) = best else { break };
            current[best] -= total;
            turns.push(u16::try_from(best).unwrap_or(u16::MAX));
        }
        Self {
            turns: turns.into(),
        }
    }

    /// Whether no choice has a weight.
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// The choice whose turn `turn` is, or the next one in order that `usable` accepts; `None`
    /// when it accepts none. `turn` is a counter that grows by one a request.
    pub fn pick(&self, turn: usize, mut usable: impl FnMut(usize) -> bool) -> Option<usize> {
        let length = self.turns.len();
        let mut refused: u64 = 0;
        (0..length)
            .map(|step| usize::from(self.turns[(turn % length + step) % length]))
            .find(|&choice| {
                // Each choice is asked once, however often it stands in the order.
                let bit = u32::try_from(choice).ok().and_then(|c| 1u64.checked_shl(c));
                if bit.is_some_and(|b| refused & b != 0) {
                    return false;
                }
                let ok = usable(choice);
                refused |= bit.unwrap_or(0);
                ok
            })
    }
}

/// Weights divided by their greatest common divisor, and scaled down when their sum is too long.
fn scaled(weights: &[u32]) -> Vec<i64> {
    let gcd = weights.iter().copied().fold(0u32, gcd).max(1);
    let reduced: Vec<u64> = weights.iter().map(|w| u64::from(w / gcd)).collect();
    let total: u64 = reduced.iter().sum();
    reduced
        .into_iter()
        .map(|w| {
            if total > MAX_TURNS && w > 0 {
                (w * MAX_TURNS / total).max(1)
            } else {
                w
            }
        })
        .map(|w| i64::try_from(w).unwrap_or(i64::MAX))
        .collect()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn first(schedule: &Schedule, turns: usize) -> Vec<usize> {
        (0..turns)
            .filter_map(|turn| schedule.pick(turn, |_| true))
            .collect()
    }

    #[test]
    fn ten_requests_at_80_20_are_eight_and_two() {
        let schedule = Schedule::new(&[80, 20]);
        for start in 0..20 {
            let second = (start..start + 10)
                .filter(|&t| schedule.pick(t, |_| true) == Some(1))
                .count();
            assert_eq!(second, 2, "window at {start}");
        }
        assert_eq!(first(&schedule, 5), [0, 0, 1, 0, 0]);
    }

    #[test]
    fn weight_zero_never_gets_a_turn() {
        assert_eq!(first(&Schedule::new(&[100, 0]), 50), vec![0; 50]);
        assert!(Schedule::new(&[0, 0]).is_empty());
        assert_eq!(Schedule::new(&[]).pick(3, |_| true), None);
    }

    #[test]
    fn passes_over_what_is_not_usable() {
        let schedule = Schedule::new(&[8, 1, 1]);
        for turn in 0..10 {
            assert_ne!(schedule.pick(turn, |c| c != 0), Some(0));
        }
        assert_eq!(schedule.pick(0, |_| false), None);
    }

    #[test]
    fn huge_weights_keep_their_proportion_in_a_bounded_order() {
        let schedule = Schedule::new(&[999_983, 500_009, 1]);
        assert!(schedule.turns.len() <= 4100);
        let first = schedule.turns.iter().filter(|&&c| c == 0).count();
        assert!((2700..2760).contains(&first), "{first}");
        assert!(schedule.turns.contains(&2));
    }

    proptest! {
        #[test]
        fn every_cycle_has_exactly_its_weights(weights in prop::collection::vec(0u32..30, 1..6)) {
            let schedule = Schedule::new(&weights);
            let divisor = weights.iter().copied().fold(0, gcd).max(1);
            for (choice, weight) in weights.iter().enumerate() {
                let turns = schedule.turns.iter().filter(|&&c| usize::from(c) == choice).count();
                prop_assert_eq!(turns, (weight / divisor) as usize);
            }
        }
    }
}
