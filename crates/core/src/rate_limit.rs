//! How much may pass in which time: counted by one proxy for itself, or by a server for all.

mod global;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

pub use global::{Count, Counting, Descriptor, GlobalLimit, Login, Span, Window};

use crate::condition::Cases;
use crate::expr::Expression;
use crate::health::Millis;

/// Limits on the requests under a policy's target, by condition.
pub type RateLimit = Cases<Limits>;

/// The limits that a request has to be within, all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    #[serde(skip_serializing_if = "no_limit")]
    pub local: Arc<[Limit]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global: Option<Arc<GlobalLimit>>,
}

/// One limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// Which limit it is: requests of all routes that have it are counted together.
    pub id: Arc<str>,
    pub unit: Unit,
    /// How much comes in with every `per`.
    pub amount: u32,
    #[serde(rename = "per_seconds", serialize_with = "seconds")]
    pub per: Duration,
    /// How much more may be saved up.
    pub burst: u32,
    /// Requests with the same value share a limit; all of them where this is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Expression>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Unit {
    Requests,
    /// Of models: what a request costs is known after its answer.
    Tokens,
}

/// What is left of a limit, for one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Below nothing when an answer took more than there was.
    left: i64,
    /// When the running `per` began.
    since: Millis,
}

/// How a request stands to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass, and this much is left.
    Within { left: u32 },
    /// There will be some again after this time.
    Over { wait: Duration },
}

fn no_limit(limits: &Arc<[Limit]>) -> bool {
    limits.is_empty()
}

fn seconds<S: serde::Serializer>(per: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(per.as_secs())
}

impl Limit {
    fn most(&self) -> i64 {
        i64::from(self.amount) + i64::from(self.burst)
    }

    fn per(&self) -> Millis {
        Millis::try_from(self.per.as_millis())
            .unwrap_or(Millis::MAX)
            .max(1)
    }
}

impl Allowance {
    /// That of a key which was not seen before.
    pub fn new(limit: &Limit, now: Millis) -> Self {
        Self {
            left: limit.most(),
            since: now,
        }
    }

    /// Whether nothing is lost by forgetting it.
    pub fn is_whole(&self, limit: &Limit, now: Millis) -> bool {
        let mut later = *self;
        later.refill(limit, now);
        later.left >= limit.most()
    }

    /// Asks for one request. A limit of tokens takes nothing yet.
    pub fn ask(&mut self, limit: &Limit, now: Millis) -> Verdict {
        self.refill(limit, now);
        if self.left < 1 {
            return Verdict::Over {
                wait: Duration::from_millis(self.wait(limit, now)),
            };
        }
        if limit.unit == Unit::Requests {
            self.left -= 1;
        }
        Verdict::Within {
            left: u32::try_from(self.left).unwrap_or(u32::MAX),
        }
    }

    /// Takes back what [`Allowance::ask`] took, for a request that another limit stopped.
    pub fn give_back(&mut self, limit: &Limit) {
        if limit.unit == Unit::Requests {
            self.left = (self.left + 1).min(limit.most());
        }
    }

    /// Takes what an answer cost.
    pub fn settle(&mut self, limit: &Limit, now: Millis, tokens: u64) {
        self.refill(limit, now);
        let cost = i64::try_from(tokens).unwrap_or(i64::MAX);
        self.left = self.left.saturating_sub(cost);
    }

    fn refill(&mut self, limit: &Limit, now: Millis) {
        let per = limit.per();
        let times = now.saturating_sub(self.since) / per;
        if times == 0 {
            return;
        }
        self.since += times * per;
        let more = i64::from(limit.amount).saturating_mul(i64::try_from(times).unwrap_or(i64::MAX));
        self.left = self.left.saturating_add(more).min(limit.most());
    }

    fn wait(&self, limit: &Limit, now: Millis) -> Millis {
        let missing = 1 - self.left;
        let amount = i64::from(limit.amount.max(1));
        let times = Millis::try_from((missing + amount - 1) / amount).unwrap_or(1);
        let until = self.since.saturating_add(times.saturating_mul(limit.per()));
        until.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limit(unit: Unit, amount: u32, burst: u32) -> Limit {
        Limit {
            id: "a".into(),
            unit,
            amount,
            per: Duration::from_secs(60),
            burst,
            key: None,
        }
    }

    fn passes(allowance: &mut Allowance, limit: &Limit, now: Millis, asked: usize) -> usize {
        let verdicts = (0..asked).map(|_| allowance.ask(limit, now));
        verdicts
            .filter(|v| matches!(v, Verdict::Within { .. }))
            .count()
    }

    #[test]
    fn admits_its_amount_in_each_span_and_its_burst_once() {
        let limit = limit(Unit::Requests, 10, 5);
        let mut left = Allowance::new(&limit, 1_000);
        assert_eq!(passes(&mut left, &limit, 1_000, 100), 15);
        assert_eq!(passes(&mut left, &limit, 60_999, 100), 0);
        let Verdict::Over { wait } = left.ask(&limit, 31_000) else {
            panic!("is over");
        };
        assert_eq!(wait, Duration::from_secs(30));
        assert_eq!(passes(&mut left, &limit, 61_000, 100), 10);
        // What was saved up in an hour is no more than its burst.
        assert_eq!(passes(&mut left, &limit, 3_661_000, 100), 15);
    }

    #[test]
    fn tokens_are_taken_when_they_are_known() {
        let limit = limit(Unit::Tokens, 100, 0);
        let mut left = Allowance::new(&limit, 0);
        assert_eq!(passes(&mut left, &limit, 0, 50), 50);
        left.settle(&limit, 0, 250);
        let Verdict::Over { wait } = left.ask(&limit, 0) else {
            panic!("is over");
        };
        // 150 too many: after two spans there is one more than none.
        assert_eq!(wait, Duration::from_secs(120));
        assert_eq!(passes(&mut left, &limit, 119_999, 1), 0);
        assert_eq!(passes(&mut left, &limit, 120_000, 1), 1);
    }

    #[test]
    fn what_is_whole_can_be_forgotten() {
        let limit = limit(Unit::Requests, 2, 0);
        let mut left = Allowance::new(&limit, 0);
        assert!(left.is_whole(&limit, 0));
        left.ask(&limit, 0);
        assert!(!left.is_whole(&limit, 59_999));
        assert!(left.is_whole(&limit, 60_000));
    }

    proptest! {
        /// Beside a twin that keeps the time of every request it let in.
        #[test]
        fn never_admits_more_than_it_says(
            amount in 1u32..20,
            burst in 0u32..10,
            pauses in prop::collection::vec(0u64..40_000, 1..300),
        ) {
            let limit = limit(Unit::Requests, amount, burst);
            let mut left = Allowance::new(&limit, 0);
            let (mut now, mut spans) = (0, std::collections::BTreeMap::<u64, u64>::new());
            for pause in pauses {
                now += pause;
                if let Verdict::Within { .. } = left.ask(&limit, now) {
                    *spans.entry(now / 60_000).or_default() += 1;
                }
            }
            let most = u64::from(amount + burst);
            prop_assert!(spans.values().all(|&n| n <= most));
            let all: u64 = spans.values().sum();
            prop_assert!(all <= u64::from(amount) * (now / 60_000 + 1) + u64::from(burst));
        }
    }
}
