//! What the API server last said about the objects that get a status.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use agw_translate::finding::ObjectRef;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Notify;

/// An object as it is in the cluster, as far as the writers need it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Live {
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    /// `null` when it has none.
    pub(crate) status: Arc<Value>,
    /// Of a Gateway, the name of its class.
    pub(crate) class: Option<Arc<str>>,
}

/// Identity and status of objects. Clones share the state. It holds as many entries as there are
/// objects, and forgets deleted ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct LiveObjects(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    objects: HashMap<ObjectRef, Live>,
    /// Objects whose status differs from what it was when last taken.
    changed: HashSet<ObjectRef>,
}

/// Whether an object's status was news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    Changed,
    Known,
}

impl LiveObjects {
    /// Takes in what the API server says, unless it is older than what is known.
    pub(crate) fn put(&self, object: ObjectRef, live: Live) {
        if self.put_own(object.clone(), live) == Put::Changed {
            self.0.state.lock().changed.insert(object);
            self.0.changed.notify_one();
        }
    }

    /// The same for what the writer wrote or read itself: nobody is told.
    pub(crate) fn put_own(&self, object: ObjectRef, live: Live) -> Put {
        let mut state = self.0.state.lock();
        let known = state.objects.get(&object);
        if known.is_some_and(|known| known.uid == live.uid && is_older(&live, known)) {
            return Put::Known;
        }
        let same = known.is_some_and(|known| known.uid == live.uid && known.status == live.status);
        state.objects.insert(object, live);
        if same { Put::Known } else { Put::Changed }
    }

    pub(crate) fn remove(&self, object: &ObjectRef) {
        let mut state = self.0.state.lock();
        state.objects.remove(object);
        state.changed.remove(object);
    }

    pub(crate) fn get(&self, object: &ObjectRef) -> Option<Live> {
        self.0.state.lock().objects.get(object).cloned()
    }

    /// Names of all objects of which `keep` holds.
    pub(crate) fn filter(&self, keep: impl Fn(&ObjectRef, &Live) -> bool) -> Vec<ObjectRef> {
        let state = self.0.state.lock();
        let kept = state
            .objects
            .iter()
            .filter(|(object, live)| keep(object, live));
        kept.map(|(object, _)| object.clone()).collect()
    }

    /// Waits until some object changed, and takes which.
    pub(crate) async fn changed(&self) -> HashSet<ObjectRef> {
        loop {
            let changed = std::mem::take(&mut self.0.state.lock().changed);
            if !changed.is_empty() {
                return changed;
            }
            self.0.changed.notified().await;
        }
    }
}

/// Whether `live` is from before `known`. Resource versions of one object are comparable numbers
/// in every API server there is; where they are not, nothing is older, and a write that builds on
/// an old state is refused and decided again.
fn is_older(live: &Live, known: &Live) -> bool {
    let number = |live: &Live| live.resource_version.parse::<u64>().ok();
    matches!((number(live), number(known)), (Some(live), Some(known)) if live < known)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(version: &str, status: Value) -> Live {
        Live {
            uid: "u".to_owned(),
            resource_version: version.to_owned(),
            status: Arc::new(status),
            class: None,
        }
    }

    #[tokio::test]
    async fn an_old_state_does_not_replace_a_newer_one() {
        let objects = LiveObjects::default();
        let route = ObjectRef::new("HTTPRoute", Some("ns"), "r");
        objects.put(route.clone(), live("9", json!(1)));
        assert_eq!(objects.changed().await, HashSet::from([route.clone()]));
        objects.put(route.clone(), live("10", json!(2)));
        objects.put(route.clone(), live("9", json!(1)));
        assert_eq!(*objects.get(&route).unwrap().status, json!(2));
        // Recreated: its versions may start anywhere.
        let other = Live {
            uid: "v".to_owned(),
            ..live("1", json!(3))
        };
        objects.put(route.clone(), other);
        assert_eq!(*objects.get(&route).unwrap().status, json!(3));
    }
}
