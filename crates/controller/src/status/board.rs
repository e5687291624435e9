//! What the statuses are to be, and which of them to look at.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use agw_core::id::ObjectKey;
use agw_translate::ObjectStatus;
use agw_translate::finding::ObjectRef;
use tokio::time::Instant;

use crate::queue::Queue;

#[derive(Debug, Default)]
pub(crate) struct Board {
    pub(crate) queue: Queue<ObjectRef>,
    /// With the last translation that said so.
    wanted: HashMap<ObjectRef, (Arc<ObjectStatus>, u64)>,
    /// How many have been taken.
    translations: u64,
    /// Last write of a backend that was about its health.
    health: BTreeMap<ObjectRef, Instant>,
}

impl Board {
    /// Takes the statuses of a new translation, and returns the objects whose status is another.
    pub(crate) fn want(&mut self, statuses: &[Arc<ObjectStatus>]) -> Vec<ObjectRef> {
        self.translations += 1;
        let latest = self.translations;
        let mut changed = Vec::new();
        for status in statuses {
            match self.wanted.get_mut(&status.object) {
                Some((known, seen)) => {
                    *seen = latest;
                    if Arc::ptr_eq(known, status) {
                        continue;
                    }
                    if known != status {
                        changed.push(status.object.clone());
                    }
                    // Also one that says the same: the next comparison is of the same value then,
                    // and ends at once.
                    known.clone_from(status);
                }
                None => {
                    let wanted = (status.clone(), latest);
                    self.wanted.insert(status.object.clone(), wanted);
                    changed.push(status.object.clone());
                }
            }
        }
        let gone = self.wanted.extract_if(|_, (_, seen)| *seen != latest);
        changed.extend(gone.map(|(object, _)| object));
        changed
    }

    pub(crate) fn wanted(&self, object: &ObjectRef) -> Option<&Arc<ObjectStatus>> {
        self.wanted.get(object).map(|(status, _)| status)
    }

    /// The ListenerSets of a Gateway: what is known of its proxies is known of theirs.
    pub(crate) fn sets_of(&self, gateway: &ObjectRef) -> Vec<ObjectRef> {
        if gateway.kind != "Gateway" {
            return Vec::new();
        }
        let namespace = gateway.namespace.as_deref().unwrap_or_default();
        let its = |key: &ObjectKey| (&*key.namespace, &*key.name) == (namespace, &*gateway.name);
        let wanted = self.wanted.iter();
        let sets = wanted.filter(|(object, (status, _))| {
            object.kind == "ListenerSet" && status.gateways.iter().any(its)
        });
        sets.map(|(object, _)| object.clone()).collect()
    }

    pub(crate) fn all(&self) -> Vec<ObjectRef> {
        self.wanted.keys().cloned().collect()
    }

    pub(crate) fn health_written(&mut self, object: &ObjectRef, now: Instant) {
        self.health.insert(object.clone(), now);
    }

    /// When a backend's health may be written again, if not now.
    pub(crate) fn health_allowed(
        &mut self,
        object: &ObjectRef,
        pause: Duration,
        now: Instant,
    ) -> Option<Instant> {
        self.health.retain(|_, at| now < *at + pause);
        self.health.get(object).map(|at| *at + pause)
    }

    /// Forgets what was to be looked at; what is wanted stays.
    pub(crate) fn rest(&mut self) {
        self.queue = Queue::default();
        self.health.clear();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn backend(name: &str) -> ObjectRef {
        ObjectRef::new("AgentgatewayBackend", Some("ns"), name)
    }

    fn status(name: &str, value: i32) -> Arc<ObjectStatus> {
        Arc::new(ObjectStatus {
            gateways: Vec::new(),
            object: backend(name),
            status: json!(value),
        })
    }

    #[test]
    fn a_gateway_leads_to_its_listener_sets() {
        let mut board = Board::default();
        let set = ObjectRef::new("ListenerSet", Some("other"), "set");
        let its = ObjectStatus {
            gateways: vec![ObjectKey::new("ns", "gw")],
            ..ObjectStatus::new(set.clone(), json!({}))
        };
        board.want(&[Arc::new(its), status("a", 1)]);
        let gateway = |name: &str| ObjectRef::new("Gateway", Some("ns"), name);
        assert_eq!(board.sets_of(&gateway("gw")), [set]);
        assert_eq!(board.sets_of(&gateway("other")), []);
    }

    #[test]
    fn only_what_is_wanted_otherwise_is_named() {
        let mut board = Board::default();
        let all = board.want(&[status("a", 1), status("b", 1), status("c", 1)]);
        assert_eq!(all.len(), 3);
        let changed = board.want(&[status("a", 1), status("b", 2)]);
        assert_eq!(changed, [backend("b"), backend("c")]);
        assert_eq!(board.wanted(&backend("b")).unwrap().status, json!(2));
        assert_eq!(board.wanted(&backend("c")), None);
        // One that says the same in another value takes its place: those that follow are that value.
        let again = status("a", 1);
        assert_eq!(board.want(&[again.clone(), status("b", 2)]), []);
        assert!(Arc::ptr_eq(board.wanted(&backend("a")).unwrap(), &again));
    }

    #[test]
    fn health_is_written_once_in_a_while() {
        let (mut board, now) = (Board::default(), Instant::now());
        let pause = Duration::from_secs(10);
        assert_eq!(board.health_allowed(&backend("a"), pause, now), None);
        board.health_written(&backend("a"), now);
        let later = now + Duration::from_secs(9);
        assert_eq!(
            board.health_allowed(&backend("a"), pause, later),
            Some(now + pause)
        );
        assert_eq!(board.health_allowed(&backend("b"), pause, later), None);
        assert_eq!(
            board.health_allowed(&backend("a"), pause, now + pause),
            None
        );
    }
}
