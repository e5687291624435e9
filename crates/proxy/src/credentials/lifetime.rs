//! What to do about a credential at a moment. No clock: the time is an argument.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// So long before its end a credential is renewed, or a quarter of its life if that is less.
const AHEAD: Duration = Duration::from_secs(240);
/// So long before its end it is not used any more, or a tenth of its life: requests take time, and
/// clocks differ.
const SKEW: Duration = Duration::from_secs(10);
/// No other try is made for so long after the first failure; twice as long after each more.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A fresh credential.
#[derive(Debug, Clone)]
pub(crate) struct Minted<T> {
    pub(crate) value: T,
    pub(crate) expires: SystemTime,
}

/// What is known of one credential.
#[derive(Debug)]
pub(super) struct Lifetime<T> {
    held: Option<Held<T>>,
    /// Of the tries since the last success.
    failure: Option<Failure>,
}

#[derive(Debug)]
struct Held<T> {
    minted: Minted<T>,
    since: SystemTime,
}

#[derive(Debug)]
struct Failure {
    at: SystemTime,
    times: u32,
    why: Arc<str>,
}

/// What a request does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision<T> {
    Use(T),
    /// Use it, and have another fetched meanwhile.
    Renew(T),
    /// Wait for one to be fetched.
    Mint,
    /// The last try failed a moment ago.
    Refuse(Arc<str>),
}

impl<T> Default for Lifetime<T> {
    fn default() -> Self {
        Self {
            held: None,
            failure: None,
        }
    }
}

impl<T: Clone> Lifetime<T> {
    pub(super) fn decide(&self, now: SystemTime) -> Decision<T> {
        let pausing = self.failure.as_ref().filter(|failure| failure.pauses(now));
        match (&self.held, pausing) {
            (Some(held), None) if !held.is_over(now) && held.ages(now) => {
                Decision::Renew(held.minted.value.clone())
            }
            (Some(held), _) if !held.is_over(now) => Decision::Use(held.minted.value.clone()),
            (_, Some(failure)) => Decision::Refuse(failure.why.clone()),
            (_, None) => Decision::Mint,
        }
    }

    /// Whether another may be fetched although the one at hand is good: it is at least `apart` old,
    /// and no try failed a moment ago.
    pub(super) fn may_replace(&self, now: SystemTime, apart: Duration) -> bool {
        let pausing = self.failure.as_ref().is_some_and(|f| f.pauses(now));
        let held = self.held.as_ref();
        !pausing && held.is_none_or(|held| between(held.since, now) >= apart)
    }

    pub(super) fn minted(&mut self, minted: Minted<T>, now: SystemTime) {
        self.failure = None;
        self.held = Some(Held { minted, since: now });
    }

    pub(super) fn failed(&mut self, why: Arc<str>, now: SystemTime) {
        let times = self.failure.as_ref().map_or(0, |failure| failure.times);
        self.failure = Some(Failure {
            at: now,
            times: times.saturating_add(1),
            why,
        });
    }
}

impl<T> Held<T> {
    fn is_over(&self, now: SystemTime) -> bool {
        self.left(now) <= SKEW.min(self.length() / 10)
    }

    fn ages(&self, now: SystemTime) -> bool {
        self.left(now) <= AHEAD.min(self.length() / 4)
    }

    fn length(&self) -> Duration {
        between(self.since, self.minted.expires)
    }

    fn left(&self, now: SystemTime) -> Duration {
        between(now, self.minted.expires)
    }
}

impl Failure {
    /// A clock that was put back does not make the pause longer.
    fn pauses(&self, now: SystemTime) -> bool {
        let doubled = 1_u32 << (self.times.saturating_sub(1)).min(8);
        let pause = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
        now.duration_since(self.at)
            .is_ok_and(|passed| passed < pause)
    }
}

fn between(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    fn minted(value: u8, expires: u64) -> Minted<u8> {
        Minted {
            value,
            expires: at(expires),
        }
    }

    #[test]
    fn a_credential_is_renewed_ahead_of_its_end_and_used_until_then() {
        let mut lifetime = Lifetime::default();
        assert_eq!(lifetime.decide(at(0)), Decision::Mint);
        lifetime.minted(minted(1, 3600), at(0));
        assert_eq!(lifetime.decide(at(0)), Decision::Use(1));
        assert_eq!(lifetime.decide(at(3359)), Decision::Use(1));
        assert_eq!(lifetime.decide(at(3360)), Decision::Renew(1));
        assert_eq!(lifetime.decide(at(3589)), Decision::Renew(1));
        assert_eq!(lifetime.decide(at(3590)), Decision::Mint);
        lifetime.minted(minted(2, 7200), at(3590));
        assert_eq!(lifetime.decide(at(3590)), Decision::Use(2));
    }

    #[test]
    fn short_lives_are_renewed_in_their_last_quarter() {
        let mut lifetime = Lifetime::default();
        lifetime.minted(minted(1, 40), at(0));
        assert_eq!(lifetime.decide(at(29)), Decision::Use(1));
        assert_eq!(lifetime.decide(at(30)), Decision::Renew(1));
        assert_eq!(lifetime.decide(at(35)), Decision::Renew(1));
        assert_eq!(lifetime.decide(at(36)), Decision::Mint);
    }

    #[test]
    fn one_that_was_over_when_it_came_is_never_used() {
        let mut lifetime = Lifetime::default();
        lifetime.minted(minted(1, 5), at(5));
        assert_eq!(lifetime.decide(at(5)), Decision::Mint);
        lifetime.minted(minted(1, 5), at(9));
        assert_eq!(lifetime.decide(at(9)), Decision::Mint);
    }

    #[test]
    fn failures_pause_the_tries_longer_and_longer() {
        let mut lifetime = Lifetime::<u8>::default();
        let refuse = |why: &str| Decision::Refuse(why.into());
        let mut now = 0;
        for pause in [1, 2, 4, 8, 16, 30, 30, 30, 30, 30] {
            lifetime.failed("down".into(), at(now));
            assert_eq!(lifetime.decide(at(now)), refuse("down"));
            assert_eq!(lifetime.decide(at(now + pause - 1)), refuse("down"));
            assert_eq!(lifetime.decide(at(now + pause)), Decision::Mint, "{pause}");
            now += pause;
        }
        lifetime.minted(minted(1, now + 100), at(now));
        lifetime.failed("down".into(), at(now + 90));
        assert_eq!(
            lifetime.decide(at(now + 101)),
            Decision::Mint,
            "counted anew"
        );
    }

    #[test]
    fn a_failed_renewal_keeps_what_is_still_good() {
        let mut lifetime = Lifetime::default();
        lifetime.minted(minted(1, 3600), at(0));
        lifetime.failed("down".into(), at(3400));
        assert_eq!(lifetime.decide(at(3400)), Decision::Use(1));
        assert_eq!(lifetime.decide(at(3401)), Decision::Renew(1));
        lifetime.failed("down".into(), at(3590));
        assert_eq!(lifetime.decide(at(3590)), Decision::Refuse("down".into()));
    }

    #[test]
    fn a_clock_that_is_put_back_stops_nothing() {
        let mut lifetime = Lifetime::<u8>::default();
        lifetime.failed("down".into(), at(1000));
        assert_eq!(lifetime.decide(at(10)), Decision::Mint);
    }
}
