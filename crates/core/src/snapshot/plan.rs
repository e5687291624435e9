//! A rule with its backends resolved to targets.

use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::TargetGroups;
use crate::backend::{
    AiProvider, ApiRoute, Auth, Backend, BackendPolicy, BackendTarget, Endpoint, EndpointBackend,
};
use crate::balance::Schedule;
use crate::expr::Expression;
use crate::filter::{Filter, Share};
use crate::header::FieldName;
use crate::id::BackendKey;
use crate::policy::TrafficPolicy;
use crate::retry::Retry;
use crate::route::{BackendRef, Destination, Route, Rule};
use crate::sticky::Seat;

/// A rule, ready to serve.
#[derive(Debug, Clone)]
pub struct RulePlan {
    /// Position in [`super::Snapshot::rules`].
    pub index: usize,
    /// Position among the rules of its route.
    pub position: usize,
    pub route: Arc<Route>,
    /// `namespace/name` of the route, for logs.
    pub route_label: Arc<str>,
    pub rule: Arc<Rule>,
    /// `spec.rules[].name`, or the rule's position as text.
    pub name: Arc<str>,
    /// The rule's policy over the route's over the Gateway's.
    pub policy: TrafficPolicy,
    /// The backend references in manifest order.
    pub choices: Vec<Choice>,
    /// Turns of the choices with a weight.
    pub actives: Schedule,
    /// Choices of weight 0 on AI backends beside ones with a weight: they take a request when the
    /// actives fail, in this order.
    pub standbys: Vec<usize>,
    /// Where copies of the requests go, whatever backend is chosen.
    pub mirrors: Vec<MirrorPlan>,
    /// How many mirrors the rule and its references have.
    pub mirror_count: usize,
}

/// Where copies of requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorPlan {
    /// Position among the mirrors of its rule: whose turn it is, is counted for each.
    pub index: usize,
    /// Position in [`super::Snapshot::targets`].
    pub target: usize,
    pub share: Share,
}

/// One backend reference of a rule.
#[derive(Debug, Clone)]
pub struct Choice {
    pub way: Way,
    pub filters: Vec<Filter>,
    /// Where copies of the requests go that this reference gets.
    pub mirrors: Vec<MirrorPlan>,
    /// What is asked for instead of the model that the client names.
    pub model: Option<Arc<str>>,
    /// See [`BackendRef::when`].
    pub when: Option<Expression>,
    /// Who takes requests that belong together.
    pub seat: Seat,
}

/// Where a choice leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Positions in [`super::Snapshot::targets`], in priority groups; the first with a healthy
    /// target serves.
    Targets(Vec<Vec<usize>>),
    /// The reference does not resolve: 500.
    Invalid(Arc<str>),
}

/// One place that requests are sent to and that health is kept of: a provider entry of an AI
/// backend, or a plain backend.
#[derive(Debug)]
pub struct Target {
    /// Position in [`super::Snapshot::targets`].
    pub index: usize,
    pub key: BackendKey,
    /// The key as text, for logs and metrics.
    pub label: Arc<str>,
    pub kind: TargetKind,
    /// Who takes requests that belong together: each of a plain backend's endpoints, or a provider
    /// entry alone. Never empty for the latter.
    pub seats: Box<[Seat]>,
}

#[derive(Debug)]
pub enum TargetKind {
    Ai {
        provider: Box<AiProvider>,
        routes: Arc<[ApiRoute]>,
    },
    Endpoints(Box<EndpointBackend>),
}

impl Target {
    pub fn policy(&self) -> &BackendPolicy {
        match &self.kind {
            TargetKind::Ai { provider, .. } => &provider.policy,
            TargetKind::Endpoints(endpoints) => &endpoints.policy,
        }
    }

    /// Name of the provider entry; empty for a plain backend.
    pub fn entry(&self) -> &str {
        match &self.kind {
            TargetKind::Ai { provider, .. } => &provider.name,
            TargetKind::Endpoints(_) => "",
        }
    }

    /// Whether it asks for the client's own credentials.
    pub fn passes_credentials(&self) -> bool {
        matches!(self.policy().auth, Some(Auth::Passthrough))
    }

    pub fn is_ai(&self) -> bool {
        matches!(self.kind, TargetKind::Ai { .. })
    }
}

impl RulePlan {
    pub(super) fn build(
        index: usize,
        route: &Arc<Route>,
        position: usize,
        gateway: &TrafficPolicy,
        targets: &Groups,
    ) -> Self {
        let rule = &route.rules[position];
        let own_mirrors = mirrors(&rule.filters, targets, 0);
        let mut mirror_count = own_mirrors.len();
        let mut seats = Vec::with_capacity(rule.backends.len());
        let choices: Vec<_> = rule
            .backends
            .iter()
            .map(|reference| {
                let mut choice = choice(reference, targets, mirror_count);
                // One that is named twice is two.
                seats.push(choice.seat);
                let before = seats.iter().filter(|seat| **seat == choice.seat).count();
                choice.seat = choice.seat.again(before);
                mirror_count += choice.mirrors.len();
                choice
            })
            .collect();
        let weights: Vec<_> = rule.backends.iter().map(|r| r.weight).collect();
        let any_active = weights.iter().any(|&w| w > 0);
        let standbys = (0..choices.len())
            .filter(|&c| any_active && weights[c] == 0 && targets.is_ai(&rule.backends[c].to))
            .collect();
        Self {
            index,
            position,
            route: route.clone(),
            route_label: route.key.to_string().into(),
            rule: rule.clone(),
            name: rule
                .name
                .clone()
                .unwrap_or_else(|| position.to_string().into()),
            policy: rule.policy.over(&route.policy).over(gateway),
            choices,
            actives: Schedule::new(&weights),
            standbys,
            mirrors: own_mirrors,
            mirror_count,
        }
    }

    /// The same rule under another policy of its listener.
    pub(super) fn under(&self, wider: &TrafficPolicy) -> Self {
        Self {
            policy: self.rule.policy.over(&self.route.policy).over(wider),
            ..self.clone()
        }
    }

    /// Whether conditions say which reference takes a request, and not turns.
    pub fn is_conditional(&self) -> bool {
        self.choices.iter().any(|choice| choice.when.is_some())
    }

    /// Whether any request that matches can be answered.
    pub(super) fn leads_somewhere(&self) -> bool {
        let leads = |choice: &Choice| matches!(choice.way, Way::Targets(_));
        self.rule.broken.is_none() && self.choices.iter().any(leads)
    }

    /// Bound on the whole request: the route's own timeout before a policy's.
    pub fn request_timeout(&self) -> Option<Duration> {
        self.rule.request_timeout.or(self.policy.request_timeout)
    }

    pub fn retry(&self) -> Option<&Retry> {
        self.rule.retry.as_ref().or(self.policy.retry.as_ref())
    }

    /// Every header name that this rule may put on a response, as the manifest writes it.
    pub fn response_names(&self) -> impl Iterator<Item = &FieldName> {
        let filters = self
            .rule
            .filters
            .iter()
            .chain(self.choices.iter().flat_map(|c| &c.filters));
        let edits = filters.filter_map(|filter| match filter {
            Filter::ResponseHeaders(edits) => Some(edits),
            _ => None,
        });
        let of_policy = self.policy.headers.iter().map(|h| &h.response);
        let fixed = edits
            .chain(of_policy)
            .flat_map(|e| e.set.iter().chain(&e.add))
            .map(|(name, _)| name);
        let computed = self
            .policy
            .post_routing
            .iter()
            .flat_map(|t| t.all())
            .map(|case| &case.then.response);
        let computed = computed
            .flat_map(|e| e.set.iter().chain(&e.add))
            .map(|(name, _)| name);
        fixed.chain(computed)
    }
}

/// Where each backend's targets are.
#[derive(Debug)]
pub(super) struct Groups {
    targets: TargetGroups,
    ai: FxHashMap<BackendKey, ()>,
}

impl Groups {
    /// The first target of a backend.
    pub(super) fn first(&self, key: &BackendKey) -> Option<usize> {
        self.targets.get(key)?.iter().flatten().next().copied()
    }

    fn is_ai(&self, to: &Destination) -> bool {
        matches!(to, Destination::Backend(key) if self.ai.contains_key(key))
    }
}

fn choice(reference: &BackendRef, groups: &Groups, mirrors_before: usize) -> Choice {
    let way = match &reference.to {
        Destination::Invalid(reason) => Way::Invalid(reason.clone()),
        Destination::Backend(key) => match groups.targets.get(key) {
            Some(targets) => Way::Targets(targets.clone()),
            None => Way::Invalid(format!("backend {key} is not part of the configuration").into()),
        },
    };
    let seat = match &reference.to {
        Destination::Backend(key) => Seat::of([key.to_string().as_str()]),
        Destination::Invalid(_) => Seat::of([""]),
    };
    Choice {
        seat,
        way,
        filters: reference.filters.clone(),
        mirrors: mirrors(&reference.filters, groups, mirrors_before),
        model: reference.model.clone(),
        when: reference.when.clone(),
    }
}

/// Copies go to one place of their backend (`HTTPRequestMirrorFilter.backendRef`): the first.
fn mirrors(filters: &[Filter], groups: &Groups, before: usize) -> Vec<MirrorPlan> {
    let mirrors = filters.iter().filter_map(|filter| match filter {
        Filter::Mirror(mirror) => Some(mirror),
        _ => None,
    });
    let plans = mirrors.enumerate().filter_map(|(position, mirror)| {
        let targets = groups.targets.get(&mirror.to)?;
        Some(MirrorPlan {
            index: before + position,
            target: *targets.iter().flatten().next()?,
            share: mirror.share,
        })
    });
    plans.collect()
}

/// Who a target is: the same in every proxy, and whatever stands beside it.
fn seats(label: &str, kind: &TargetKind) -> Box<[Seat]> {
    match kind {
        TargetKind::Ai { provider, .. } => [Seat::of([label, &provider.name])].into(),
        TargetKind::Endpoints(backend) => {
            let endpoints = backend.endpoints.iter();
            let seat = |e: &Endpoint| Seat::of([&*e.host, e.port.to_string().as_str()]);
            endpoints.map(seat).collect()
        }
    }
}

/// One target per provider entry or plain backend, and where each backend's are.
pub(super) fn targets(backends: &[Arc<Backend>]) -> (Vec<Arc<Target>>, Arc<Groups>) {
    let mut all = Vec::new();
    let mut groups = Groups {
        targets: FxHashMap::default(),
        ai: FxHashMap::default(),
    };
    for backend in backends {
        let mut push = |kind| {
            let index = all.len();
            all.push(Arc::new(Target {
                index,
                key: backend.key.clone(),
                label: backend.key.to_string().into(),
                seats: seats(&backend.key.to_string(), &kind),
                kind,
            }));
            index
        };
        let positions = match &backend.target {
            BackendTarget::Endpoints(endpoints) => {
                vec![vec![push(TargetKind::Endpoints(endpoints.clone()))]]
            }
            BackendTarget::Ai(ai) => {
                let routes: Arc<[ApiRoute]> = ai.routes.clone().into();
                groups.ai.insert(backend.key.clone(), ());
                let mut entry = |provider: &AiProvider| {
                    let routes = match &provider.routes[..] {
                        [] => routes.clone(),
                        own => own.into(),
                    };
                    push(TargetKind::Ai {
                        provider: Box::new(provider.clone()),
                        routes,
                    })
                };
                ai.groups
                    .iter()
                    .map(|g| g.iter().map(&mut entry).collect())
                    .collect()
            }
        };
        groups.targets.insert(backend.key.clone(), positions);
    }
    (all, Arc::new(groups))
}
