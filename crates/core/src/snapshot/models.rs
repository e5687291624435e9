//! The models that a listener offers by their names.

use std::sync::Arc;

use super::table::Entry;
use crate::listener::Listener;

/// The models of one listener.
#[derive(Debug, Default)]
pub struct ModelTable {
    /// By name, each once.
    offered: Vec<Offered>,
    matched: Matched,
}

/// A model that clients may ask for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offered {
    pub name: Arc<str>,
    /// Seconds since the epoch, where it is known.
    pub created: Option<i64>,
}

/// Whether routes look at the model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Matched {
    #[default]
    Nowhere,
    Somewhere,
}

impl ModelTable {
    pub(super) fn build(listener: &Listener, entries: &[Entry]) -> Self {
        let mut table = Self::default();
        let attached = entries
            .iter()
            .filter(|entry| entry.plan.route.listeners.contains(&listener.name));
        for entry in attached {
            let Some(pattern) = &entry.matched().model else {
                continue;
            };
            table.matched = Matched::Somewhere;
            // A pattern is no name that a client could ask for, and what leads nowhere is no offer.
            if pattern.is_exact() && entry.plan.leads_somewhere() {
                table.offered.push(Offered {
                    name: pattern.as_str().into(),
                    created: entry.plan.route.created,
                });
            }
        }
        table.offered.sort();
        table.offered.dedup_by(|a, b| a.name == b.name);
        table
    }

    /// Whether requests have to be asked for their model before they are matched.
    pub fn are_matched(&self) -> bool {
        self.matched == Matched::Somewhere
    }

    pub fn offered(&self) -> &[Offered] {
        &self.offered
    }
}
