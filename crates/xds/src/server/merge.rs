//! What all proxies have and say: those that are connected here, and those that other replicas
//! tell of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agw_core::id::ObjectKey;

use super::deliveries::{Deliveries, Delivery, ResourceProblem};
use super::peers::{Peers, Presence};
use super::tracker::Proxy;
use crate::cache::{Content, View};
use crate::health::BackendHealth;
use crate::limits;
use crate::report::{GatewayReport, Report};
use crate::resource::ResourceKey;

/// Proxies that are connected here, by Gateway and name.
pub(super) type Connected = BTreeMap<ObjectKey, BTreeMap<Arc<str>, Proxy>>;

/// What is known of all proxies.
pub(super) fn deliveries(view: &View, connected: &Connected, peers: &Peers) -> Deliveries {
    let mut deliveries = Deliveries {
        replicas: peers.names(),
        health: own_health(view, connected),
        ..Deliveries::default()
    };
    let nobody = BTreeMap::new();
    for (gateway, content) in &view.gateways {
        let own = connected.get(gateway).unwrap_or(&nobody);
        let delivery = delivery(view.revision, gateway, content, own, peers);
        deliveries.gateways.insert(gateway.clone(), delivery);
    }
    for (backend, theirs) in peers.all().flat_map(|peer| &peer.report.health) {
        let health = deliveries.health.entry(backend.clone());
        health
            .and_modify(|health| health.merge(theirs))
            .or_insert_with(|| theirs.clone());
    }
    deliveries
}

/// What another replica is to know of the proxies that are connected here.
pub(super) fn report(view: &View, connected: &Connected) -> Report {
    let gateways = view.gateways.iter().filter_map(|(gateway, content)| {
        let proxies = connected.get(gateway)?;
        let mut report = GatewayReport::default();
        for (name, proxy) in proxies {
            let digest = content.digest_of(proxy.version);
            report.proxies.insert(name.clone(), digest);
            for error in &proxy.errors {
                report.problem(&error.id, &error.message, 1);
            }
        }
        Some((gateway.clone(), report))
    });
    Report {
        gateways: gateways.collect(),
        health: own_health(view, connected),
    }
}

fn own_health(
    view: &View,
    connected: &Connected,
) -> BTreeMap<agw_core::id::BackendKey, BackendHealth> {
    let mut all = BTreeMap::new();
    for (gateway, content) in &view.gateways {
        let proxies = connected
            .get(gateway)
            .into_iter()
            .flat_map(BTreeMap::values);
        let reports = proxies.flat_map(|proxy| &proxy.health);
        for (backend, report) in reports.filter(|(backend, _)| content.has_backend(backend)) {
            let report = BackendHealth::of(report);
            all.entry(backend.clone())
                .and_modify(|health: &mut BackendHealth| health.merge(&report))
                .or_insert(report);
        }
    }
    all
}

fn delivery(
    revision: u64,
    gateway: &ObjectKey,
    content: &Content,
    own: &BTreeMap<Arc<str>, Proxy>,
    peers: &Peers,
) -> Delivery {
    let theirs = peers.all().filter_map(|peer| {
        let report = peer.report.gateways.get(gateway)?;
        Some((peer.presence, report))
    });
    let present = theirs.clone().filter(|(p, _)| *p == Presence::Connected);
    let mut names: BTreeSet<&Arc<str>> = own.keys().collect();
    names.extend(present.flat_map(|(_, report)| report.proxies.keys()));
    let mut acked: Option<u64> = own.values().map(|proxy| proxy.revision).min();
    let mut problems = Problems::default();
    for refused in &content.refused {
        problems.add(&refused.key, &refused.reason, 0);
    }
    for error in own.values().flat_map(|proxy| &proxy.errors) {
        problems.add(&error.key, &error.message, 1);
    }
    let elsewhere = names.clone();
    for (presence, report) in theirs {
        // One that was at a replica whose stream broke may be at another already.
        let counts =
            |name: &&Arc<str>| presence == Presence::Connected || !elsewhere.contains(name);
        let mut proxies = report
            .proxies
            .iter()
            .filter(|(name, _)| counts(name))
            .peekable();
        if proxies.peek().is_none() {
            continue;
        }
        for (name, digest) in proxies {
            names.insert(name);
            let known = digest.and_then(|digest| content.revision_with(digest, revision));
            let known = known.unwrap_or(0);
            acked = Some(acked.map_or(known, |acked| acked.min(known)));
        }
        for (id, problem) in &report.problems {
            // What is not known here belongs to content of the past or of the future.
            if let Some(entry) = content.entry(id) {
                problems.add(&entry.key, &problem.message, problem.proxies);
            }
        }
    }
    Delivery {
        version: content.version,
        proxies: names.into_iter().cloned().collect(),
        acked_revision: acked,
        problems: problems.first(),
    }
}

/// By resource: what the first one says, and how many say something.
#[derive(Default)]
struct Problems<'a>(BTreeMap<&'a ResourceKey, (&'a Arc<str>, usize)>);

impl<'a> Problems<'a> {
    fn add(&mut self, resource: &'a ResourceKey, message: &'a Arc<str>, proxies: usize) {
        self.0.entry(resource).or_insert((message, 0)).1 += proxies;
    }

    fn first(self) -> Vec<ResourceProblem> {
        let problems = self.0.into_iter().take(limits::ERRORS);
        let problems = problems.map(|(resource, (message, proxies))| ResourceProblem {
            resource: resource.clone(),
            message: message.clone(),
            proxies,
        });
        problems.collect()
    }
}

#[cfg(test)]
mod tests;
