//! Routes of all kinds: what they mean, and where they are attached.

mod attach;
mod backends;
mod filters;
mod matches;
mod mirror;
mod model;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use agw_api::conditions::{route as reasons, types};
use agw_api::external::httproutes::HttpRouteRules;
use agw_api::names::CONTROLLER_NAME;
use agw_core::backend::Backend;
use agw_core::hostname::Hostname;
use agw_core::id::{BackendKey, ObjectKey, RouteKind};
use agw_core::policy::TrafficPolicy;
use agw_core::route::{Route, Rule};
use serde_json::{Value, json};

use crate::backend::Outcome;
use crate::backend_tls::TlsPolicies;
use crate::expression::Rejected;
use crate::finding::{Code, Finding};
use crate::gateway::GatewayPlan;
use crate::header_case;
use crate::limits;
use crate::manifest::{RouteObject, Sourced};
use crate::policy::Attached;
use crate::report::{Report, Subject};
use crate::retry;
use crate::service::Endpoints;
use crate::shadow::{self, Claim};
use crate::state::ClusterState;
use crate::status::{Condition, ObjectStatus, conditions};

pub(crate) use attach::Attachment;
pub(crate) use model::translate_models;

/// What translating routes looks at.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) state: &'a ClusterState,
    pub(crate) gateways: &'a [GatewayPlan],
    pub(crate) backends: &'a BTreeMap<ObjectKey, Outcome>,
    pub(crate) policies: &'a Attached<'a>,
    pub(crate) endpoints: &'a Endpoints<'a>,
    pub(crate) tls_policies: &'a TlsPolicies<'a>,
}

/// What a route means. It follows from the route and from what is there beside routes.
#[derive(Debug)]
pub(crate) struct Translated {
    pub(crate) source: Arc<Sourced<RouteObject>>,
    pub(crate) route: Route,
    pub(crate) attachments: Vec<Attachment>,
    /// Every backend that its rules name.
    pub(crate) backends: BTreeMap<BackendKey, Arc<Backend>>,
    /// Services that its rules name, usable or not.
    pub(crate) services: BTreeSet<ObjectKey>,
    pub(crate) status: Option<Arc<ObjectStatus>>,
    /// Whether the parents that it is attached to take it.
    pub(crate) is_accepted: bool,
    /// By rule and match: where each applies, and what it matches there.
    pub(crate) claims: Vec<Vec<Vec<Claim>>>,
    /// What is to be said of the route whatever other routes there are.
    pub(crate) findings: Vec<Finding>,
}

/// The first thing that is wrong with each aspect of a route, for its conditions.
#[derive(Debug, Default)]
struct Problems {
    accepted: Option<(&'static str, String)>,
    resolved: Option<(&'static str, String)>,
}

impl Problems {
    fn not_accepted(&mut self, reason: &'static str, message: impl Into<String>) {
        self.accepted
            .get_or_insert_with(|| (reason, message.into()));
    }

    fn not_resolved(&mut self, reason: &'static str, message: impl Into<String>) {
        self.resolved
            .get_or_insert_with(|| (reason, message.into()));
    }
}

pub(crate) fn translate(
    context: Context<'_>,
    key: &ObjectKey,
    source: &Arc<Sourced<RouteObject>>,
) -> Translated {
    let object = &source.object;
    let subject = Subject {
        kind: object.kind.as_str(),
        key,
        origin: &source.origin,
    };
    let report = &mut Report::default();
    let mut problems = Problems::default();
    let hostnames = hostnames(object, subject, &mut problems, report);
    if object.spec.use_default_gateways.is_some() {
        let (field, message) = ("spec.useDefaultGateways", "default Gateways are not served");
        problems.not_accepted(reasons::UNSUPPORTED_VALUE, format!("{field}: {message}"));
        let remedy = "name the Gateway in `parentRefs`";
        report.add(subject, Code::UnsupportedValue, field, message, remedy);
    }
    let (mut backends, mut services) = (BTreeMap::new(), BTreeSet::new());
    let specs = object.spec.rules.iter().flatten().enumerate();
    let rules: Vec<_> = specs
        .map(|(index, spec)| {
            let mut maker = RuleMaker {
                context,
                kind: object.kind,
                subject,
                field: format!("spec.rules[{index}]"),
                problems: &mut problems,
                backends: &mut backends,
                services: &mut services,
                report: &mut *report,
            };
            Arc::new(maker.rule(spec))
        })
        .collect();
    let route = Route {
        kind: object.kind,
        key: key.clone(),
        listeners: Vec::new(),
        hostnames,
        created: object
            .metadata
            .creation_timestamp
            .as_ref()
            .map(|t| t.0.as_second()),
        rules,
        policy: context.policies.route(object.kind, key),
    };
    let (attachments, parents) = attach::attach(context, object, subject, &route, report);
    let status = status(subject, object, &parents, &problems).map(Arc::new);
    let claims = shadow::claims(context.gateways, &route, &attachments);
    let mut translated = Translated {
        source: source.clone(),
        route,
        attachments,
        backends,
        services,
        status,
        is_accepted: problems.accepted.is_none(),
        claims,
        findings: Vec::new(),
    };
    limits::report(context, subject, &translated, report);
    header_case::report(object, subject, report);
    translated.findings = std::mem::take(report).into_findings();
    translated
}

fn hostnames(
    object: &RouteObject,
    subject: Subject<'_>,
    problems: &mut Problems,
    report: &mut Report,
) -> Vec<Hostname> {
    let written = object.spec.hostnames.iter().flatten().enumerate();
    let parsed: Vec<_> = written
        .filter_map(|(index, text)| match Hostname::parse(text) {
            Ok(hostname) if hostname != Hostname::Any => Some(hostname),
            _ => {
                let message = format!("{text:?} is not a hostname");
                let field = format!("spec.hostnames[{index}]");
                problems.not_accepted(reasons::UNSUPPORTED_VALUE, message.clone());
                let remedy = "write a DNS name, or `*.` and one";
                report.add(subject, Code::InvalidValue, &field, message, remedy);
                None
            }
        })
        .collect();
    parsed
}

/// Our entries of `status.parents`; `None` when no parent is ours.
fn status(
    subject: Subject<'_>,
    object: &RouteObject,
    parents: &[attach::Parent],
    problems: &Problems,
) -> Option<ObjectStatus> {
    if parents.is_empty() {
        return None;
    }
    let generation = object.metadata.generation;
    let resolved = match &problems.resolved {
        None => Condition::yes(types::RESOLVED_REFS, reasons::RESOLVED_REFS),
        Some((reason, message)) => Condition::no(types::RESOLVED_REFS, reason, message.clone()),
    };
    let entries: Vec<Value> = parents
        .iter()
        .map(|parent| {
            let accepted = match (&parent.refused, &problems.accepted) {
                (Some((reason, message)), _) | (None, Some((reason, message))) => {
                    Condition::no(types::ACCEPTED, reason, message.clone())
                }
                (None, None) => Condition::yes(types::ACCEPTED, reasons::ACCEPTED),
            };
            json!({
                "parentRef": parent.reference,
                "controllerName": CONTROLLER_NAME,
                "conditions": conditions(&[accepted, resolved.clone()], generation),
            })
        })
        .collect();
    Some(ObjectStatus {
        object: subject.reference(),
        gateways: parents
            .iter()
            .map(|parent| parent.gateway.clone())
            .collect(),
        status: json!({ "parents": entries }),
    })
}

/// Makes one rule, noting what is wrong with it.
struct RuleMaker<'a, 'r> {
    context: Context<'a>,
    kind: RouteKind,
    subject: Subject<'a>,
    field: String,
    problems: &'r mut Problems,
    backends: &'r mut BTreeMap<BackendKey, Arc<Backend>>,
    services: &'r mut BTreeSet<ObjectKey>,
    report: &'r mut Report,
}

impl RuleMaker<'_, '_> {
    fn rule(&mut self, spec: &HttpRouteRules) -> Rule {
        let mut broken = None;
        let matches = self
            .part(&mut broken, |maker| maker.matches(spec))
            .unwrap_or_default();
        let filters = self.part(&mut broken, |maker| {
            let specs = filters::read(spec.filters.as_deref());
            let field = format!("{}.filters", maker.field);
            maker.filters(&specs, &field, &matches)
        });
        let timeouts = self
            .part(&mut broken, |maker| maker.timeouts(spec))
            .unwrap_or_default();
        let retry = self.part(&mut broken, |maker| {
            let field = format!("{}.retry", maker.field);
            spec.retry
                .as_ref()
                .map(|r| retry::route(r, maker.subject, &field, maker.report))
                .transpose()
        });
        let session = self.part(&mut broken, |maker| {
            let session = spec.session_persistence.as_ref();
            session.map(|spec| maker.session(spec)).transpose()
        });
        let backends = self.backend_refs(spec, &matches, &mut broken);
        let name: Option<Arc<str>> = spec.name.as_deref().map(Into::into);
        let policy = match &name {
            Some(name) => self
                .context
                .policies
                .rule(self.kind, self.subject.key, name),
            None => TrafficPolicy::default(),
        };
        Rule {
            name,
            matches,
            filters: filters.unwrap_or_default(),
            request_timeout: timeouts.0,
            backend_request_timeout: timeouts.1,
            retry: retry.flatten(),
            session: session.flatten(),
            backends,
            policy,
            broken,
        }
    }

    /// A part of the rule; one that is not valid breaks the rule, which then answers 500.
    fn part<T>(
        &mut self,
        broken: &mut Option<Arc<str>>,
        make: impl FnOnce(&mut Self) -> Result<T, Rejected>,
    ) -> Option<T> {
        let made = make(self);
        if made.is_err() && broken.is_none() {
            *broken = Some(format!("{} is not valid", self.field).into());
        }
        made.ok()
    }

    /// Reports what cannot be served as written; the route is then not fully accepted.
    fn refuse(&mut self, code: Code, field: &str, message: &str, remedy: &str) -> Rejected {
        self.problems
            .not_accepted(reasons::UNSUPPORTED_VALUE, format!("{field}: {message}"));
        self.report.add(self.subject, code, field, message, remedy);
        Rejected
    }

    fn timeouts(
        &mut self,
        spec: &HttpRouteRules,
    ) -> Result<(Option<Duration>, Option<Duration>), Rejected> {
        let Some(timeouts) = &spec.timeouts else {
            return Ok((None, None));
        };
        let request = self.duration(timeouts.request.as_deref(), "timeouts.request");
        let backend = self.duration(
            timeouts.backend_request.as_deref(),
            "timeouts.backendRequest",
        );
        let (request, backend) = (request?, backend?);
        if let (Some(request), Some(backend)) = (request, backend)
            && backend > request
        {
            let field = format!("{}.timeouts.backendRequest", self.field);
            let message =
                format!("`backendRequest` ({backend:?}) is longer than `request` ({request:?})");
            return Err(self.refuse(
                Code::InvalidDuration,
                &field,
                &message,
                "make it at most as long",
            ));
        }
        Ok((request, backend))
    }

    /// A Gateway API duration; zero means none (`HTTPRouteTimeouts`).
    fn duration(&mut self, text: Option<&str>, name: &str) -> Result<Option<Duration>, Rejected> {
        let Some(text) = text else { return Ok(None) };
        match text.parse::<agw_api::Duration>() {
            Ok(duration) => Ok(Some(duration.get()).filter(|d| !d.is_zero())),
            Err(error) => {
                let field = format!("{}.{name}", self.field);
                let remedy = "write digits with a unit, such as `30s`";
                Err(self.refuse(Code::InvalidDuration, &field, &error.to_string(), remedy))
            }
        }
    }
}
