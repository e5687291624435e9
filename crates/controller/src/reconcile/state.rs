//! The objects of the cluster, as the watches have told them.

use std::collections::BTreeSet;
use std::sync::Arc;

use agw_translate::ClusterState;
use agw_translate::manifest::Kind;

use crate::resource::RESOURCES;
use crate::watch::Change;

/// Objects, and what is still missing before they mean something.
#[derive(Debug)]
pub(crate) struct State {
    /// Shared with a translation while one runs, and with nobody else: it is never copied.
    objects: Arc<ClusterState>,
    unlisted: BTreeSet<Kind>,
    dirty: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            objects: Arc::default(),
            unlisted: RESOURCES.iter().map(|r| r.kind).collect(),
            dirty: true,
        }
    }
}

impl State {
    pub(crate) fn take(&mut self, change: Change) {
        if let Change::Listed(kind) = change {
            self.unlisted.remove(&kind);
            return;
        }
        self.dirty = true;
        let objects = Arc::make_mut(&mut self.objects);
        match change {
            Change::Apply(object) => objects.apply(*object),
            Change::Unreadable(unreadable) => objects.apply_unreadable(*unreadable),
            Change::Delete(kind, key) => objects.remove(kind, &key),
            Change::Listed(_) => {}
        }
    }

    /// Whether every kind has been listed.
    pub(crate) fn is_complete(&self) -> bool {
        self.unlisted.is_empty()
    }

    /// Kinds of which not every object has been told.
    pub(crate) fn unlisted(&self) -> Vec<&'static str> {
        self.unlisted.iter().map(|kind| kind.name()).collect()
    }

    /// Whether something changed since this was last asked.
    pub(crate) fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    pub(crate) fn objects(&self) -> Arc<ClusterState> {
        self.objects.clone()
    }
}
