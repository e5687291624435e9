//! How long to wait before the next try.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const LAST: Duration = Duration::from_secs(10);

/// Waits that double, each with a random part.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    last: Duration,
    random: u64,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            next: FIRST,
            last: LAST,
            random: seed,
        }
    }

    /// Never waits longer than this.
    pub(crate) fn at_most(self, last: Duration) -> Self {
        Self { last, ..self }
    }

    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }

    /// Between half of the next wait and all of it.
    pub(crate) fn wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.last);
        wait.mul_f64(0.5 + self.fraction() / 2.0)
    }

    /// Uniform in 0..1 (SplitMix64).
    fn fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        f64::from(u32::try_from(z >> 32).unwrap_or(0)) / 4_294_967_296.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_cap_and_spreads() {
        let mut backoff = Backoff::new(7);
        for ceiling in [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000] {
            let wait = backoff.wait().as_millis();
            assert!(
                (ceiling / 2..=ceiling).contains(&wait),
                "{wait} of {ceiling}"
            );
        }
        backoff.reset();
        assert!(backoff.wait() <= FIRST);
        let mut short = Backoff::new(7).at_most(FIRST * 2);
        let longest = (0..9).map(|_| short.wait()).max();
        assert!(longest <= Some(FIRST * 2), "{longest:?}");
        assert_ne!(Backoff::new(1).wait(), Backoff::new(2).wait());
    }
}
