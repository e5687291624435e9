//! What has to be looked at, and when.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Keys with the time at which each is to be looked at: at most one entry for each key, however
/// often it is marked. A key that is being worked on is not given out again before that has ended.
#[derive(Debug)]
pub(crate) struct Queue<K> {
    due: BTreeSet<(Instant, K)>,
    when: HashMap<K, Instant>,
    busy: HashSet<K>,
    /// To be looked at again when the work on them has ended.
    again: HashSet<K>,
    failures: HashMap<K, u32>,
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self {
            due: BTreeSet::new(),
            when: HashMap::new(),
            busy: HashSet::new(),
            again: HashSet::new(),
            failures: HashMap::new(),
        }
    }
}

impl<K: Clone + Hash + Ord> Queue<K> {
    /// The key has to be looked at now. One that failed keeps its pause: that something else
    /// happened is no reason to hurry.
    pub(crate) fn mark(&mut self, key: K, now: Instant) {
        if self.busy.contains(&key) {
            self.again.insert(key);
        } else if !(self.failures.contains_key(&key) && self.when.contains_key(&key)) {
            self.mark_at(key, now);
        }
    }

    /// The key has to be looked at then, and not before.
    pub(crate) fn mark_at(&mut self, key: K, at: Instant) {
        if let Some(before) = self.when.insert(key.clone(), at) {
            self.due.remove(&(before, key.clone()));
        }
        self.due.insert((at, key));
    }

    /// Takes a key whose time has come. It is being worked on until its end is told.
    pub(crate) fn next(&mut self, now: Instant) -> Option<K> {
        let first = self.due.first().filter(|(at, _)| *at <= now)?.clone();
        self.due.remove(&first);
        self.when.remove(&first.1);
        self.busy.insert(first.1.clone());
        Some(first.1)
    }

    /// When the next key's time comes.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The work on a key has ended well.
    pub(crate) fn done(&mut self, key: &K, now: Instant) {
        self.busy.remove(key);
        self.failures.remove(key);
        if self.again.remove(key) {
            self.mark(key.clone(), now);
        }
    }

    /// The work on a key is put off.
    pub(crate) fn put_off(&mut self, key: &K, until: Instant) {
        self.busy.remove(key);
        self.again.remove(key);
        self.mark_at(key.clone(), until);
    }

    /// The work on a key has failed. It is looked at again after a pause that grows.
    pub(crate) fn failed(&mut self, key: &K, now: Instant) {
        let failures = self.failures.entry(key.clone()).or_default();
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(*failures);
        *failures = (*failures + 1).min(16);
        self.put_off(key, now + pause.min(LONGEST_PAUSE));
    }
}

/// Waits until that time; for ever if there is none.
pub(crate) async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_marked_during_the_work_is_looked_at_once_more() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.mark("a", now);
        queue.mark("a", now);
        assert_eq!(queue.next(now), Some("a"));
        assert_eq!(queue.next(now), None);
        queue.mark("a", now);
        queue.mark("a", now);
        assert_eq!(queue.next(now), None);
        queue.done(&"a", now);
        assert_eq!(queue.next(now), Some("a"));
        queue.done(&"a", now);
        assert_eq!(queue.next(now), None);
    }

    #[test]
    fn failures_are_tried_again_with_growing_pauses() {
        let (mut queue, mut now) = (Queue::default(), Instant::now());
        queue.mark("a", now);
        let mut pauses = Vec::new();
        for _ in 0..10 {
            assert_eq!(queue.next(now), Some("a"));
            queue.failed(&"a", now);
            queue.mark("a", now);
            assert_eq!(queue.next(now), None, "it is not due yet");
            let at = queue.next_at().unwrap();
            pauses.push((at - now).as_millis());
            now = at;
        }
        assert_eq!(pauses[..4], [250, 500, 1000, 2000]);
        assert_eq!(pauses[9], 30_000);
        assert_eq!(queue.next(now), Some("a"));
        queue.done(&"a", now);
        queue.mark("a", now);
        assert_eq!(queue.next(now), Some("a"), "a success ends the pauses");
    }
}
