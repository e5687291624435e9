//! Which result belongs to which call, where neither has an id.

use std::collections::{HashMap, VecDeque};
use std::fmt;

/// The calls of a conversation, in their order.
#[derive(Default)]
pub(super) struct Calls {
    made: usize,
    /// Ids of calls that have no result yet, by name.
    open: HashMap<String, VecDeque<String>>,
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls")
            .field("made", &self.made)
            .finish_non_exhaustive()
    }
}

impl Calls {
    /// Takes in a call; returns its id, or one that tells it from the others.
    pub(super) fn called(&mut self, id: Option<String>, name: &str) -> String {
        let id = id
            .filter(|id| !id.is_empty())
            .unwrap_or_else(|| format!("call_{}", self.made));
        self.made += 1;
        self.open
            .entry(name.to_owned())
            .or_default()
            .push_back(id.clone());
        id
    }

    /// The id of the call that a result is of; `None` when no call of that name waits for one.
    pub(super) fn answered(&mut self, id: Option<String>, name: &str) -> Option<String> {
        let waiting = self.open.get_mut(name);
        match id.filter(|id| !id.is_empty()) {
            Some(id) => {
                if let Some(waiting) = waiting
                    && waiting.front() == Some(&id)
                {
                    waiting.pop_front();
                }
                Some(id)
            }
            None => waiting?.pop_front(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_find_their_calls_by_id_or_by_name_and_order() {
        let mut calls = Calls::default();
        assert_eq!(calls.called(None, "a"), "call_0");
        assert_eq!(calls.called(Some("x".into()), "a"), "x");
        assert_eq!(calls.called(Some(String::new()), "b"), "call_2");
        assert_eq!(calls.answered(None, "b").as_deref(), Some("call_2"));
        assert_eq!(calls.answered(None, "b"), None);
        assert_eq!(calls.answered(None, "a").as_deref(), Some("call_0"));
        assert_eq!(calls.answered(Some("x".into()), "a").as_deref(), Some("x"));
        assert_eq!(calls.answered(None, "a"), None);
        assert_eq!(calls.answered(None, "c"), None);
    }
}
