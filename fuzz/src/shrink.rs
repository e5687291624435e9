//! A smaller input that fails as well.

use std::time::{Duration, Instant};

/// Leaves out parts of `input` for as long as `fails` says that what is left still fails, and for
/// `budget` at most.
pub fn shrink(input: &[u8], budget: Duration, mut fails: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let started = Instant::now();
    let mut best = input.to_vec();
    let mut part = best.len() / 2;
    while part > 0 {
        let mut at = 0;
        while at < best.len() {
            if started.elapsed() > budget {
                return best;
            }
            let end = (at + part).min(best.len());
            let less = [&best[..at], &best[end..]].concat();
            if fails(&less) {
                best = less;
            } else {
                at = end;
            }
        }
        part /= 2;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_makes_it_fail() {
        let fails = |input: &[u8]| input.contains(&b'x') && input.contains(&b'y');
        let input = b"aaaaaxbbbbbbbbbbbbbbyccc";
        assert_eq!(shrink(input, Duration::from_secs(60), fails), b"xy");
    }
}
