//! A snapshot's rules, with those taken over that say the same as in the snapshot before.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Snapshot;
use super::plan::{Groups, RulePlan};
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
    let known: FxHashMap<_, _> = previous
        .iter()
        .flat_map(|previous| &previous.rules)
        .filter(|plan| plan.index < count)
        .map(|plan| (identity(&plan.route, plan.position), plan))
        .collect();
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

/// A rule of a route that is alive: no other value has its address.
fn identity(route: &Arc<Route>, position: usize) -> (*const Route, usize) {
    (Arc::as_ptr(route), position)
}
