//! What is left of limits: one count for all workers.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use agw_core::health::Millis;
use agw_core::rate_limit::{Allowance, Limit, Verdict};
use agw_core::snapshot::Snapshot;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// Room for new keys is looked for no more often than this: it takes a look at every key.
const SWEEP: Millis = 1000;

/// Keys that a limit counts apart. What comes beyond them shares one allowance, so that nobody gets
/// more by inventing keys.
const MOST_KEYS: usize = 65_536;

/// The counters of a snapshot's limits, by the limit's id.
#[derive(Default)]
pub(crate) struct Allowances(FxHashMap<Arc<str>, Arc<Counter>>);

/// What is left of one limit.
pub(crate) struct Counter {
    limit: Limit,
    /// Of requests without a key, and of those beyond the bound.
    shared: Mutex<Option<Allowance>>,
    keyed: Mutex<Keyed>,
    hashers: [RandomState; 2],
}

#[derive(Default)]
struct Keyed {
    allowances: HashMap<Key, Allowance>,
    /// When room was last looked for.
    swept: Option<Millis>,
}

/// A key's value, hashed so that its length costs nothing and nobody can make two meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key([u64; 2]);

impl Allowances {
    /// Counters of `before` whose limits stay the same are taken over.
    pub(crate) fn new(snapshot: &Snapshot, before: Option<&Self>) -> Self {
        let mut counters = Self::default();
        let listeners = snapshot.config.listeners.iter().map(|l| &l.policy);
        let gateway = [&snapshot.config.policy];
        let rules = snapshot.rules.iter().map(|plan| &plan.policy);
        for policy in rules.chain(listeners).chain(gateway) {
            let limits = policy.rate_limit.iter().flat_map(|limit| limit.all());
            for limit in limits.flat_map(|case| case.then.local.iter()) {
                if counters.0.contains_key(&limit.id) {
                    continue;
                }
                let kept = before.and_then(|before| before.0.get(&limit.id));
                let kept = kept.filter(|counter| counter.limit == *limit).cloned();
                let counter = kept.unwrap_or_else(|| Arc::new(Counter::new(limit.clone())));
                counters.0.insert(limit.id.clone(), counter);
            }
        }
        counters
    }

    pub(crate) fn of(&self, limit: &Limit) -> Option<&Arc<Counter>> {
        self.0.get(&limit.id)
    }
}

impl Counter {
    fn new(limit: Limit) -> Self {
        Self {
            limit,
            shared: Mutex::new(None),
            keyed: Mutex::default(),
            hashers: [RandomState::new(), RandomState::new()],
        }
    }

    pub(crate) fn limit(&self) -> &Limit {
        &self.limit
    }

    pub(crate) fn key(&self, value: &[u8]) -> Key {
        Key([0, 1].map(|n: usize| self.hashers[n].hash_one(value)))
    }

    /// Asks for one request.
    pub(crate) fn ask(&self, key: Option<Key>, now: Millis) -> Verdict {
        self.with(key, now, |allowance| allowance.ask(&self.limit, now))
    }

    /// Takes back what [`Counter::ask`] took.
    pub(crate) fn give_back(&self, key: Option<Key>, now: Millis) {
        self.with(key, now, |allowance| allowance.give_back(&self.limit));
    }

    /// Takes what an answer cost.
    pub(crate) fn settle(&self, key: Option<Key>, now: Millis, tokens: u64) {
        self.with(key, now, |allowance| {
            allowance.settle(&self.limit, now, tokens);
        });
    }

    fn with<T>(&self, key: Option<Key>, now: Millis, act: impl FnOnce(&mut Allowance) -> T) -> T {
        if let Some(key) = key {
            let mut keyed = self.keyed.lock();
            if let Some(allowance) = keyed.allowances.get_mut(&key) {
                return act(allowance);
            }
            keyed.make_room(&self.limit, now);
            if keyed.allowances.len() < MOST_KEYS {
                let new = Allowance::new(&self.limit, now);
                return act(keyed.allowances.entry(key).or_insert(new));
            }
        }
        let mut shared = self.shared.lock();
        act(shared.get_or_insert_with(|| Allowance::new(&self.limit, now)))
    }
}

impl Keyed {
    /// Forgets the keys that have all that they may have.
    fn make_room(&mut self, limit: &Limit, now: Millis) {
        let due = self.swept.is_none_or(|swept| now >= swept + SWEEP);
        if self.allowances.len() >= MOST_KEYS && due {
            self.swept = Some(now);
            self.allowances
                .retain(|_, allowance| !allowance.is_whole(limit, now));
        }
    }
}

impl std::fmt::Debug for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Counter").field(&self.limit.id).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use agw_core::rate_limit::Unit;

    use super::*;

    /// Beyond the bound a request looks at no other key, or 35,000 of them would take minutes.
    #[test]
    fn keys_are_counted_apart_up_to_a_bound_and_together_beyond_it() {
        let counter = Counter::new(Limit {
            id: "a".into(),
            unit: Unit::Requests,
            amount: 2,
            per: Duration::from_secs(60),
            burst: 0,
            key: None,
        });
        let ask = |n: u32, now| {
            let key = counter.key(&n.to_be_bytes());
            matches!(counter.ask(Some(key), now), Verdict::Within { .. })
        };
        assert!(ask(0, 0) && ask(0, 0) && !ask(0, 0));
        for n in 1..100_000 {
            ask(n, 0);
        }
        assert_eq!(counter.keyed.lock().allowances.len(), MOST_KEYS);
        assert!(!ask(0, 0), "who was there is not forgotten");
        assert!(!ask(100_001, 0) && !ask(100_002, 0), "the rest shares one");
        // After a minute nothing is owed, and there is room again.
        assert!(ask(100_003, 60_000));
        assert_eq!(counter.keyed.lock().allowances.len(), 1);
    }
}
