//! A snapshot's rules, with those taken over that say the same as in the snapshot before.

use std::sync::Arc;

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::Snapshot;
use super::plan::{Groups, RulePlan};
use super::table::{self, Entry};
use crate::config::GatewayConfig;
use crate::route::Route;

/// One plan for each rule of `config`, each at its own index. A plan of `previous` stays when its
/// route is the same value and its index is not too high now; others fill the gaps.
pub(super) fn plans(
    config: &GatewayConfig,
    previous: Option<&Snapshot>,
    groups: &Groups,
) -> Vec<Arc<RulePlan>> {
    let count = config.routes.iter().map(|route| route.rules.len()).sum();
    let before = previous.map_or(&[][..], |previous| &previous.rules);
    let mut known = FxHashMap::with_capacity_and_hasher(before.len(), FxBuildHasher);
    for plan in before.iter().filter(|plan| plan.index < count) {
        known.insert(identity(&plan.route, plan.position), plan);
    }
    let mut slots: Vec<Option<Arc<RulePlan>>> = vec![None; count];
    let mut others = Vec::new();
    for route in &config.routes {
        for position in 0..route.rules.len() {
            match known.get(&identity(route, position)) {
                Some(&plan) => slots[plan.index] = Some(plan.clone()),
                None => others.push((route, position)),
            }
        }
    }
    let mut others = others.into_iter();
    let filled = slots.into_iter().enumerate().filter_map(|(index, slot)| {
        slot.or_else(|| {
            let (route, position) = others.next()?;
            let plan = RulePlan::build(index, route, position, &config.policy, groups);
            Some(Arc::new(plan))
        })
    });
    filled.collect()
}

/// Every match of `rules` in order of precedence. Those of plans that stayed are in that order
/// already; the sort is one that takes such a run as it is.
pub(super) fn order(rules: &[Arc<RulePlan>], previous: Option<&Snapshot>) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(rules.len());
    let mut stayed = vec![false; rules.len()];
    for entry in previous.iter().flat_map(|previous| &previous.order) {
        let index = entry.plan().index;
        if rules
            .get(index)
            .is_some_and(|plan| Arc::ptr_eq(plan, entry.plan()))
        {
            stayed[index] = true;
            entries.push(entry.clone());
        }
    }
    for plan in rules.iter().filter(|plan| !stayed[plan.index]) {
        let matches = 0..plan.rule.matches.len();
        entries.extend(matches.map(|matched| Entry::new(plan, matched)));
    }
    table::sort_by_precedence(&mut entries);
    entries
}

/// A rule of a route that is alive: no other value has its address.
fn identity(route: &Arc<Route>, position: usize) -> (*const Route, usize) {
    (Arc::as_ptr(route), position)
}
