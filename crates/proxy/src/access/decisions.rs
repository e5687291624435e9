//! What servers said that were asked whether requests may pass, as long as it holds.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use agw_core::access::{Authorizer, Denial, Permit, Remembered};
use agw_core::expr::{EvalError, Input};
use agw_core::health::Millis;
use agw_core::policy::TrafficPolicy;
use agw_core::snapshot::Snapshot;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// A longer answer is not kept.
const LONGEST_BODY: usize = 4096;

/// What a server says of a request.
#[derive(Debug, Clone)]
pub(crate) enum Decision {
    Permit(Arc<Permit>),
    Deny(Arc<Denial>),
}

/// The answers of a snapshot's servers, by the address of what is said of each, which the snapshot
/// keeps alive.
#[derive(Default)]
pub(crate) struct Decisions(FxHashMap<usize, (Arc<Authorizer>, Arc<Answers>)>);

/// The answers of one server.
pub(crate) struct Answers {
    most: usize,
    hashers: [RandomState; 2],
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    answers: HashMap<Key, (Millis, Decision)>,
    /// The oldest first.
    order: VecDeque<Key>,
}

/// Values that an answer depends on, hashed so that nobody can make two meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key([u64; 2]);

impl Decisions {
    /// Answers of `before` to questions that stay the same are taken over.
    pub(crate) fn new(snapshot: &Snapshot, before: Option<&Self>) -> Self {
        let mut decisions = Self::default();
        let listeners = snapshot.config.listeners.iter().map(|l| &l.policy);
        let gateway = [&snapshot.config.policy];
        let rules = snapshot.rules.iter().map(|plan| &plan.policy);
        for policy in rules.chain(listeners).chain(gateway) {
            decisions.add(policy, before);
        }
        decisions
    }

    fn add(&mut self, policy: &TrafficPolicy, before: Option<&Self>) {
        let accesses = [&policy.pre_access, &policy.access].into_iter();
        let cases = accesses.flat_map(|access| &access.external);
        for authorizer in cases.flat_map(|cases| cases.all()).map(|case| &case.then) {
            let Some(cache) = &authorizer.cache else {
                continue;
            };
            if self.0.contains_key(&address(authorizer)) {
                continue;
            }
            let kept = before.and_then(|before| {
                let mut known = before.0.values();
                known.find(|(known, _)| known == authorizer)
            });
            let answers = match kept {
                Some((_, answers)) => answers.clone(),
                None => Arc::new(Answers::new(cache)),
            };
            let entry = (authorizer.clone(), answers);
            self.0.insert(address(authorizer), entry);
        }
    }

    pub(crate) fn of(&self, authorizer: &Arc<Authorizer>) -> Option<&Arc<Answers>> {
        self.0.get(&address(authorizer)).map(|(_, answers)| answers)
    }
}

fn address(authorizer: &Arc<Authorizer>) -> usize {
    Arc::as_ptr(authorizer).addr()
}

impl Answers {
    fn new(cache: &Remembered) -> Self {
        Self {
            most: usize::try_from(cache.most).unwrap_or(usize::MAX),
            hashers: [RandomState::new(), RandomState::new()],
            kept: Mutex::default(),
        }
    }

    /// What the answer to this request depends on; nothing where that cannot be told.
    pub(crate) fn key(&self, cache: &Remembered, input: &Input<'_>) -> Option<Key> {
        let mut text = Vec::new();
        for expression in &cache.key {
            match expression.eval(input) {
                Ok(value) => {
                    let value = value.to_json().to_string();
                    text.push(1);
                    text.extend_from_slice(&value.len().to_be_bytes());
                    text.extend_from_slice(value.as_bytes());
                }
                Err(EvalError::Absent(_)) => text.push(0),
                Err(_) => return None,
            }
        }
        Some(Key([0, 1].map(|n: usize| self.hashers[n].hash_one(&text))))
    }

    pub(crate) fn get(&self, key: Key, now: Millis) -> Option<Decision> {
        let kept = self.kept.lock();
        let (until, decision) = kept.answers.get(&key)?;
        (now < *until).then(|| decision.clone())
    }

    pub(crate) fn keep(&self, key: Key, decision: &Decision, now: Millis, lifetime: Duration) {
        let lifetime = Millis::try_from(lifetime.as_millis()).unwrap_or(Millis::MAX);
        if lifetime == 0 || decision.size() > LONGEST_BODY {
            return;
        }
        let entry = (now.saturating_add(lifetime), decision.clone());
        let mut kept = self.kept.lock();
        if kept.answers.insert(key, entry).is_some() {
            return;
        }
        kept.order.push_back(key);
        while kept.order.len() > self.most {
            if let Some(oldest) = kept.order.pop_front() {
                kept.answers.remove(&oldest);
            }
        }
    }
}

impl Decision {
    fn size(&self) -> usize {
        match self {
            Self::Permit(_) => 0,
            Self::Deny(denial) => denial.body.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use agw_core::access::Lifetime;
    use agw_core::expr::Expression;

    use super::*;

    #[test]
    fn answers_hold_for_their_time_and_no_more_are_kept_than_may_be() {
        let cache = Remembered {
            key: vec![Expression::compile("request.path").unwrap()],
            lifetime: Lifetime::Fixed(Duration::from_secs(1)),
            most: 2,
        };
        let answers = Answers::new(&cache);
        let permit = Decision::Permit(Arc::default());
        let second = Duration::from_secs(1);
        let key = |n| Key([n, n]);
        answers.keep(key(1), &permit, 0, second);
        assert!(answers.get(key(1), 999).is_some());
        assert!(answers.get(key(1), 1000).is_none());
        assert!(answers.get(key(2), 0).is_none());
        for n in 1..=3 {
            answers.keep(key(n), &permit, 0, second);
        }
        assert!(answers.get(key(1), 0).is_none(), "the oldest goes");
        assert!(answers.get(key(2), 0).is_some() && answers.get(key(3), 0).is_some());
        assert_eq!(answers.kept.lock().answers.len(), 2);
        // What is absent is a value of its own: nobody has the answer of another.
        assert!(answers.key(&cache, &Input::new()).is_some());
    }
}
