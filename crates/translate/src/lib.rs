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
pub mod infra;
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
pub mod status;
mod unreadable;

use std::collections::BTreeMap;
use std::sync::Arc;

use agw_core::backend::Backend;
use agw_core::config::GatewayConfig;
use agw_core::id::BackendKey;
use agw_core::listener::Listener;
use agw_core::route::Route;

use finding::Finding;
use gateway::GatewayPlan;
use infra::GatewayInfra;
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
    /// What is deployed for each Gateway of ours; nothing when files are served.
    pub infra: Vec<GatewayInfra>,
}

/// Translates the whole state. The same state gives the same result, whatever order its objects
/// came in; an object that is not valid changes nothing for the others.
pub fn translate(state: &ClusterState, settings: &Settings) -> Translation {
    let mut report = Report::default();
    let parameters = infra::read_all(state, &mut report);
    let classes = class::ours(state, settings, &parameters, &mut report);
    let gateways = gateway::plan_all(state, settings.mode, &classes, &parameters, &mut report);
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
    let infra = match settings.mode {
        Mode::Files => Vec::new(),
        Mode::Cluster => infra::all(state, &gateways, &mut report),
    };
    let unreadable = unreadable::statuses(state, &gateways, &mut report);
    let configs = gateways.iter().enumerate();
    let configs = configs.map(|(index, plan)| Arc::new(config(index, plan, &routes, &policies)));
    let mut translation = Translation {
        gateways: configs.collect(),
        infra,
        ..Translation::default()
    };
    translation.statuses = class::statuses(state, &classes);
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
    translation.statuses.extend(unreadable);
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
        logged_headers: plan.logged_headers(),
    }
}

/// How many accepted routes each listener of a Gateway has.
fn attached(index: usize, plan: &GatewayPlan, routes: &[route::Translated]) -> Vec<usize> {
    let mut counts = vec![0; plan.listeners.len()];
    for route in routes {
        let Some(attachment) = route.attachments.iter().find(|a| a.gateway == index) else {
            continue;
        };
        if !route.status.as_ref().is_some_and(|s| s.accepts(&plan.key)) {
            continue;
        }
        for (listener, count) in plan.listeners.iter().zip(&mut counts) {
            if attachment.listeners.contains(&listener.name) {
                *count += 1;
            }
        }
    }
    counts
}
