//! Which objects of a kind have been told, and what they were.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use agw_core::id::ObjectKey;
use serde_json::Value;

/// Objects told so far, as hashes of their content.
#[derive(Debug, Default)]
pub(crate) struct Known {
    objects: HashMap<ObjectKey, Seen>,
    hasher: RandomState,
    /// Objects of a list that is under way.
    listing: Option<HashSet<ObjectKey>>,
    lists: u64,
}

#[derive(Debug)]
struct Seen {
    resource_version: String,
    content: u64,
}

/// What an object is against what was told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Same,
    Different,
}

impl Known {
    pub(crate) fn begin_list(&mut self) {
        self.listing = Some(HashSet::new());
    }

    /// Ends a list. Returns the objects that were known and are not in it.
    pub(crate) fn end_list(&mut self) -> Vec<ObjectKey> {
        self.lists += 1;
        let Some(listed) = self.listing.take() else {
            return Vec::new();
        };
        let known = self.objects.keys();
        known.filter(|key| !listed.contains(key)).cloned().collect()
    }

    /// Whether the list that ended was the first.
    pub(crate) fn first_list_ended(&self) -> bool {
        self.lists == 1
    }

    /// Whether this very version of the object was told.
    pub(crate) fn has_seen(&mut self, key: &ObjectKey, resource_version: Option<&str>) -> bool {
        let seen = self.objects.get(key);
        let same =
            seen.is_some_and(|seen| Some(seen.resource_version.as_str()) == resource_version);
        if same && let Some(listing) = &mut self.listing {
            listing.insert(key.clone());
        }
        same
    }

    /// Remembers an object; its content is what the value holds.
    pub(crate) fn take(
        &mut self,
        key: &ObjectKey,
        resource_version: String,
        value: &Value,
    ) -> Verdict {
        if let Some(listing) = &mut self.listing {
            listing.insert(key.clone());
        }
        let content = self.hasher.hash_one(value);
        let seen = Seen {
            resource_version,
            content,
        };
        match self.objects.insert(key.clone(), seen) {
            Some(before) if before.content == content => Verdict::Same,
            _ => Verdict::Different,
        }
    }

    pub(crate) fn remove(&mut self, key: &ObjectKey) {
        self.objects.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    #[test]
    fn a_relist_tells_changes_and_losses_only() {
        let mut known = Known::default();
        known.begin_list();
        for name in ["a", "b", "c"] {
            let verdict = known.take(&key(name), "1".to_owned(), &json!({ "spec": 1 }));
            assert_eq!(verdict, Verdict::Different);
        }
        assert_eq!(known.end_list(), []);
        assert!(known.first_list_ended());

        known.begin_list();
        assert!(known.has_seen(&key("a"), Some("1")));
        assert!(!known.has_seen(&key("b"), Some("2")));
        let same = known.take(&key("b"), "2".to_owned(), &json!({ "spec": 1 }));
        assert_eq!(same, Verdict::Same);
        assert_eq!(known.end_list(), [key("c")]);
        assert!(!known.first_list_ended());
        known.remove(&key("c"));
        let again = known.take(&key("c"), "3".to_owned(), &json!({ "spec": 1 }));
        assert_eq!(again, Verdict::Different);
    }
}
