//! Manifests in, configuration, statuses and findings out.
//!
//! This crate is pure: it has no client, socket, environment or clock, and never changes its
//! input. Statuses come back as values.

mod authority;
mod backend;
mod backend_tls;
mod class;
mod cors;
mod expression;
pub mod finding;
mod gateway;
mod header_case;
mod header_edits;
pub mod infra;
mod limits;
pub mod manifest;
mod memo;
mod policy;
mod reference;
mod report;
mod retry;
mod route;
mod server;
mod service;
mod settings;
mod shadow;
mod shaping;
mod state;
pub mod status;
mod unreadable;

use std::collections::BTreeMap;
use std::sync::Arc;

use agw_core::backend::{Backend, BackendTarget, Endpoint, Verify};
use agw_core::config::GatewayConfig;
use agw_core::id::BackendKey;
use agw_core::listener::{Certificate, Listener};
use rustc_hash::FxHashSet;

use finding::Finding;
use gateway::GatewayPlan;
use infra::GatewayInfra;
use memo::Memo;
use report::Report;
use service::Endpoints;

pub use agw_ai::price::may_be as may_be_prices;
pub use policy::{Origin, Shapes, Target};
pub use settings::{KeyOf, Mode, Settings, key_variables};
pub use state::{ClusterState, Objects, Routes};
pub use status::ObjectStatus;

/// What the objects mean.
#[derive(Debug, Default)]
pub struct Translation {
    /// One configuration per Gateway of ours, in the order of their names.
    pub gateways: Vec<Arc<GatewayConfig>>,
    /// The exact status of every object that gets one.
    pub statuses: Vec<Arc<ObjectStatus>>,
    pub findings: Vec<Finding>,
    /// What is deployed for each Gateway of ours; nothing when files are served.
    pub infra: Vec<GatewayInfra>,
    /// The policies in force, the older first.
    pub origins: Vec<Origin>,
    memo: Memo,
}

/// Translates the whole state. The same state gives the same result, whatever order its objects
/// came in; an object that is not valid changes nothing for the others.
pub fn translate(state: &ClusterState, settings: &Settings) -> Translation {
    translate_again(&Translation::default(), state, settings)
}

/// The same, at less cost when `before` is of a state that differs in a few routes: what became of
/// the others is taken over, as the same values.
pub fn translate_again(
    before: &Translation,
    state: &ClusterState,
    settings: &Settings,
) -> Translation {
    let mut report = Report::default();
    let parameters = infra::read_all(state, &mut report);
    let classes = class::ours(state, settings, &parameters, &mut report);
    let gateways = gateway::plan_all(state, settings.mode, &classes, &parameters, &mut report);
    let policies = policy::attach(state, settings, &mut report);
    let tls_policies = backend_tls::read(state, &mut report);
    let services = backend::Services {
        endpoints: &Endpoints::of(state),
        tls_policies: &tls_policies,
    };
    let (backends, backend_statuses) =
        backend::translate_all(state, settings, services, &policies, &mut report);
    let context = route::Context {
        state,
        gateways: &gateways,
        backends: &backends,
        policies: &policies,
        endpoints: services.endpoints,
        tls_policies: &tls_policies,
    };
    let memo = before.memo.next(state, settings, context);
    let models = route::translate_models(context, settings);
    let mut routes: Vec<_> = memo.routes().iter().cloned().chain(models).collect();
    // In the order in which configurations travel.
    routes.sort_by(|a, b| (&a.route.key, a.route.kind).cmp(&(&b.route.key, b.route.kind)));
    let routes = &routes[..];
    let findings = routes.iter().flat_map(|route| &route.findings);
    report.extend(findings.cloned());
    if memo.has_shared_claims() {
        shadow::report_all(routes, &mut report);
    }
    state::report_without_effect(state, settings, &mut report);
    let infra = match settings.mode {
        Mode::Files => Vec::new(),
        Mode::Cluster => infra::all(state, &gateways, &mut report),
    };
    let unreadable = unreadable::statuses(state, &gateways, &mut report);
    let configs = gateways.iter().enumerate();
    let configs = configs.map(|(index, plan)| Arc::new(config(index, plan, routes, context)));
    let configs = configs.collect();
    let gateway_statuses = gateways.iter().enumerate().flat_map(|(index, plan)| {
        let attached = attached(index, plan, routes);
        let own = plan.status(&attached);
        let sets: Vec<_> = plan.set_statuses(&attached).collect();
        [own].into_iter().chain(sets)
    });
    let statuses = class::statuses(state, &classes).into_iter();
    let statuses = statuses.chain(gateway_statuses).map(Arc::new);
    let statuses = statuses.chain(routes.iter().filter_map(|route| route.status.clone()));
    let origins = policies.origins;
    let others = backend_statuses.into_iter().chain(policies.statuses);
    let others = others.chain(tls_policies.statuses(&gateways, routes));
    let others = others.chain(unreadable).map(Arc::new);
    Translation {
        gateways: configs,
        statuses: statuses.chain(others).collect(),
        findings: report.finish(),
        infra,
        origins,
        memo,
    }
}

fn config(
    index: usize,
    plan: &GatewayPlan,
    routes: &[Arc<route::Translated>],
    context: route::Context<'_>,
) -> GatewayConfig {
    let policies = context.policies;
    let listeners = plan.served().map(|listener| Listener {
        policy: policies.listener(&plan.key, &listener.name),
        ..listener.clone()
    });
    let mut backends: BTreeMap<BackendKey, Arc<Backend>> = BTreeMap::new();
    let mut seen = FxHashSet::default();
    let mut attached = Vec::with_capacity(routes.len());
    for route in routes {
        let Some(attachment) = route.attachments.iter().find(|a| a.gateway == index) else {
            continue;
        };
        // Many routes name the same few.
        let named = route.backends.iter();
        let new = named.filter(|(_, backend)| seen.insert(Arc::as_ptr(backend)));
        backends.extend(new.map(|(key, backend)| (key.clone(), backend.clone())));
        attached.push(attachment.route.clone());
    }
    let listeners: Vec<_> = listeners.collect();
    let policy = policies.gateway(&plan.key);
    let of_routes = attached.iter().flat_map(|route| {
        let rules = route.rules.iter().map(|rule| &rule.policy);
        rules.chain([&route.policy])
    });
    let in_force = of_routes.chain(listeners.iter().map(|l| &l.policy));
    for key in in_force.chain([&policy]).flat_map(server::asked) {
        if !backends.contains_key(key)
            && let Some(backend) = server::backend(context, key)
        {
            backends.insert(key.clone(), backend);
        }
    }
    GatewayConfig {
        gateway: plan.key.clone(),
        listeners,
        policy,
        routes: attached,
        backends: backends
            .into_values()
            .map(|backend| shown(backend, plan.client()))
            .collect(),
        logged_headers: plan.logged_headers(),
        prices: plan.prices(),
    }
}

/// The backend as a Gateway uses it that shows a certificate of its own where it verifies theirs.
fn shown(backend: Arc<Backend>, client: Option<&Arc<Certificate>>) -> Arc<Backend> {
    let Some(client) = client else {
        return backend;
    };
    let mut target = backend.target.clone();
    let endpoints: Vec<&mut Endpoint> = match &mut target {
        BackendTarget::Endpoints(plain) => plain.endpoints.iter_mut().collect(),
        BackendTarget::Ai(ai) => {
            let providers = ai.groups.iter_mut().flatten();
            providers.map(|provider| &mut provider.endpoint).collect()
        }
    };
    for tls in endpoints.into_iter().flat_map(|e| &mut e.tls) {
        if matches!(tls.verify, Verify::Trust(_)) {
            tls.client = Some(client.clone());
        }
    }
    if target == backend.target {
        return backend;
    }
    Arc::new(Backend {
        key: backend.key.clone(),
        target,
    })
}

/// How many accepted routes each listener of a Gateway has.
fn attached(index: usize, plan: &GatewayPlan, routes: &[Arc<route::Translated>]) -> Vec<usize> {
    let mut counts = vec![0; plan.listeners.len()];
    for route in routes {
        let Some(attachment) = route.attachments.iter().find(|a| a.gateway == index) else {
            continue;
        };
        if !route.is_accepted {
            continue;
        }
        for (listener, count) in plan.listeners.iter().zip(&mut counts) {
            if attachment.route.listeners.contains(&listener.name) {
                *count += 1;
            }
        }
    }
    counts
}
