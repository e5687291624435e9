//! Manifests in, configuration, statuses and findings out.
//!
//! This crate is pure: it has no client, socket, environment or clock, and never changes its
//! input. Statuses come back as values.

mod backend;
mod class;
mod expression;
pub mod finding;
mod gateway;
mod header_case;
mod limits;
pub mod manifest;
mod policy;
mod reference;
mod report;
mod retry;
mod route;
mod service;
mod settings;
mod shadow;
mod state;
mod status;

use std::collections::BTreeMap;
use std::sync::Arc;

use agw_core::backend::Backend;
use agw_core::config::GatewayConfig;
use agw_core::id::BackendKey;
use agw_core::listener::Listener;
use agw_core::route::Route;

use finding::Finding;
use gateway::GatewayPlan;
use policy::Attached;
use report::Report;

pub use settings::{Mode, Settings};
pub use state::{ClusterState, Objects};
pub use status::ObjectStatus;

/// What the objects mean.
#[derive(Debug, Clone, Default)]
pub struct Translation {
    /// One configuration per Gateway of ours, in the order of their names.
    pub gateways: Vec<Arc<GatewayConfig>>,
    /// The exact status of every object that gets one.
    pub statuses: Vec<ObjectStatus>,
    pub findings: Vec<Finding>,
}

/// Translates the whole state. The same state gives the same result, whatever order its objects
/// came in; an object that is not valid changes nothing for the others.
pub fn translate(state: &ClusterState, settings: &Settings) -> Translation {
    let mut report = Report::default();
    let classes = class::ours(state, settings);
    let gateways = gateway::plan_all(state, &classes, &mut report);
    let policies = policy::attach(state, settings, &mut report);
    let (backends, backend_statuses) =
        backend::translate_all(state, settings, &policies.backends, &mut report);
    let context = route::Context {
        state,
        gateways: &gateways,
        backends: &backends,
        policies: &policies,
    };
    let routes: Vec<_> = state
        .routes
        .iter()
        .map(|(key, sourced)| route::translate(context, key, sourced, &mut report))
        .collect();
    shadow::report_all(state, &gateways, &routes, &mut report);
    limits::report_all(state, &gateways, &policies, &routes, &mut report);
    header_case::report_all(state, &mut report);
    state::report_without_effect(state, settings, &mut report);
    let configs = gateways.iter().enumerate();
    let configs = configs.map(|(index, plan)| Arc::new(config(index, plan, &routes, &policies)));
    let mut translation = Translation {
        gateways: configs.collect(),
        ..Translation::default()
    };
    translation.statuses = class::statuses(state);
    for (index, plan) in gateways.iter().enumerate() {
        translation
            .statuses
            .push(plan.status(&attached(index, plan, &routes)));
    }
    translation
        .statuses
        .extend(routes.iter().filter_map(|route| route.status.clone()));
    translation.statuses.extend(backend_statuses);
    translation.statuses.extend(policies.statuses);
    translation.findings = report.finish();
    translation
}

fn config(
    index: usize,
    plan: &GatewayPlan,
    routes: &[route::Translated],
    policies: &Attached<'_>,
) -> GatewayConfig {
    let listeners = plan.served().map(|listener| Listener {
        policy: policies.listener(&plan.key, &listener.name),
        ..listener.clone()
    });
    let mut backends: BTreeMap<BackendKey, Arc<Backend>> = BTreeMap::new();
    let mut attached = Vec::new();
    for route in routes {
        let Some(attachment) = route.attachments.iter().find(|a| a.gateway == index) else {
            continue;
        };
        backends.extend(
            route
                .backends
                .iter()
                .map(|(key, backend)| (key.clone(), backend.clone())),
        );
        attached.push(Arc::new(Route {
            listeners: attachment.listeners.clone(),
            ..(*route.route).clone()
        }));
    }
    GatewayConfig {
        gateway: plan.key.clone(),
        listeners: listeners.collect(),
        policy: policies.gateway(&plan.key),
        routes: attached,
        backends: backends.into_values().collect(),
    }
}

/// How many routes each listener of a Gateway has.
fn attached(index: usize, plan: &GatewayPlan, routes: &[route::Translated]) -> Vec<usize> {
    let listeners = plan.listeners.iter().map(|listener| {
        let takes = |route: &&route::Translated| {
            let attachment = route.attachments.iter().find(|a| a.gateway == index);
            attachment.is_some_and(|a| a.listeners.contains(&listener.name))
        };
        routes.iter().filter(takes).count()
    });
    listeners.collect()
}
