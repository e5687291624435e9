//! Policies: what they ask, and what they are attached to.

mod access;
mod all;
mod answer;
mod origin;
mod place;
mod rate_limit;
mod target;
mod traffic;
mod unreadable;

use std::collections::BTreeMap;
use std::sync::Arc;

use agw_api::backend_policy::BackendPolicies;
use agw_api::conditions::{policy as reasons, types};
use agw_api::names::{CONTROLLER_NAME, GATEWAY_CLASS, GATEWAY_GROUP};
use agw_api::policy::{TargetRef, TargetSelector, Traffic};
use agw_api::transformation::InlineTransformation;
use agw_core::guard::PromptGuard;
use agw_core::id::{ObjectKey, RouteKind};
use agw_core::policy::TrafficPolicy;
use serde_json::{Value, json};

use crate::backend::{Layer, check_part};
use crate::expression::Rejected;
use crate::finding::Code;
use crate::report::{Report, Subject};
use crate::settings::Settings;
use crate::state::ClusterState;
use crate::status::{Condition, ObjectStatus, conditions};
pub use origin::{Origin, Shapes};
pub use target::Target;

pub(crate) use access::own_authorization;

/// Policies by what they are attached to. Where several are, the older wins field by field.
#[derive(Debug, Default)]
pub(crate) struct Attached<'a> {
    traffic: BTreeMap<Target, TrafficPolicy>,
    pub(crate) backends: BTreeMap<ObjectKey, Vec<Layer<'a>>>,
    /// Backends that a policy was to guard which cannot be read, and why.
    pub(crate) closed: BTreeMap<ObjectKey, String>,
    pub(crate) statuses: Vec<ObjectStatus>,
    /// The policies in force, the older first.
    pub(crate) origins: Vec<Origin>,
}

/// A policy of either kind.
#[derive(Debug)]
struct Policy<'a> {
    subject: Subject<'a>,
    created: Option<i64>,
    generation: Option<i64>,
    refs: &'a [TargetRef],
    selectors: &'a [TargetSelector],
    traffic: Option<Traffic>,
    inline_request: Option<&'a InlineTransformation>,
    inline_response: Option<&'a InlineTransformation>,
    backend: Option<&'a BackendPolicies>,
}

/// A policy's status for one of its targets.
struct Ancestor {
    reference: Value,
    conditions: Vec<Condition>,
}

impl<'a> Attached<'a> {
    fn layer(&mut self, key: &ObjectKey, policies: &'a BackendPolicies, subject: Subject<'a>) {
        let layers = self.backends.entry(key.clone()).or_default();
        layers.push(Layer {
            policies,
            subject,
            field: "spec.backend".to_owned(),
        });
    }

    /// Lets nobody pass under a target.
    fn close(&mut self, target: Target, why: &str) {
        if let Target::Backend(key) = target {
            self.closed.entry(key).or_insert_with(|| why.to_owned());
            return;
        }
        let entry = self.traffic.entry(target).or_default();
        entry.refused.get_or_insert_with(|| why.into());
    }

    pub(crate) fn gateway(&self, key: &ObjectKey) -> TrafficPolicy {
        self.of(&Target::Gateway(key.clone()))
    }

    pub(crate) fn listener(&self, gateway: &ObjectKey, name: &str) -> TrafficPolicy {
        self.of(&Target::Listener(gateway.clone(), name.to_owned()))
    }

    pub(crate) fn route(&self, kind: RouteKind, key: &ObjectKey) -> TrafficPolicy {
        self.of(&Target::Route(kind, key.clone()))
    }

    pub(crate) fn rule(&self, kind: RouteKind, route: &ObjectKey, name: &str) -> TrafficPolicy {
        self.of(&Target::Rule(kind, route.clone(), name.to_owned()))
    }

    fn of(&self, target: &Target) -> TrafficPolicy {
        self.traffic.get(target).cloned().unwrap_or_default()
    }
}

pub(crate) fn attach<'a>(
    state: &'a ClusterState,
    settings: &Settings,
    report: &mut Report,
) -> Attached<'a> {
    let mut attached = Attached::default();
    for policy in all::all(state) {
        let mark = report.mark();
        let valid = policy.check(state, settings, report);
        let targets = policy.targets(state, report);
        let mut ancestors = Vec::new();
        for (reference, target) in targets {
            let outcome = match (&target, valid) {
                (None, _) => Err(reasons::TARGET_NOT_FOUND),
                (Some(target), Err(Rejected)) => {
                    policy.bar(target, &mut attached);
                    policy.close(target, &mut attached);
                    Err(reasons::INVALID)
                }
                (Some(target), Ok(())) => {
                    let outcome = policy.attach_to(state, target, &mut attached, report);
                    if outcome.is_err() {
                        policy.bar(target, &mut attached);
                        policy.close(target, &mut attached);
                    }
                    outcome
                }
            };
            ancestors.push(Ancestor {
                reference,
                conditions: verdict(outcome, || report.errors_since(mark)),
            });
        }
        if ancestors.is_empty() {
            ancestors.push(unattached(valid, || report.errors_since(mark)));
        }
        attached.statuses.push(policy.status(&ancestors));
    }
    unreadable::close(state, &mut attached);
    attached
}

/// The conditions of one target; `why` tells what is wrong with the policy.
fn verdict(outcome: Result<(), &'static str>, why: impl Fn() -> String) -> Vec<Condition> {
    match outcome {
        Ok(()) => vec![
            Condition::yes(types::ACCEPTED, reasons::VALID),
            Condition::yes(types::ATTACHED, reasons::ATTACHED),
        ],
        Err(reason) => vec![
            Condition::no(types::ACCEPTED, reason, why()),
            Condition::no(
                types::ATTACHED,
                reasons::PENDING,
                "the policy is not attached",
            ),
        ],
    }
}

/// Entries that a policy's status may have (GEP-713).
pub(crate) const MAX_ANCESTORS: usize = 16;

/// Stands for the ancestor of a policy that has no target.
pub(crate) fn no_target() -> Value {
    json!({ "group": GATEWAY_GROUP, "kind": "GatewayClass", "name": GATEWAY_CLASS })
}

/// The one entry of a policy that reaches nothing.
fn unattached(valid: Result<(), Rejected>, why: impl Fn() -> String) -> Ancestor {
    let conditions = match valid {
        Err(Rejected) => verdict(Err(reasons::INVALID), why),
        Ok(()) => {
            let nothing = "no object has the labels of `targetSelectors`";
            vec![
                Condition::yes(types::ACCEPTED, reasons::VALID),
                Condition::no(types::ATTACHED, reasons::PENDING, nothing),
            ]
        }
    };
    Ancestor {
        reference: no_target(),
        conditions,
    }
}

impl<'a> Policy<'a> {
    /// Whether all of it compiles and makes sense. One that is not valid is in force nowhere.
    fn check(
        &self,
        state: &'a ClusterState,
        settings: &Settings,
        report: &mut Report,
    ) -> Result<(), Rejected> {
        let targets = self.shape(report);
        let traffic = self.compile_traffic(state, None, report).map(drop);
        let backend = match self.backend {
            Some(backend) => check_part(state, settings, backend, self.subject, report),
            None => Ok(()),
        };
        targets.and(traffic).and(backend)
    }

    fn shape(&self, report: &mut Report) -> Result<(), Rejected> {
        let (message, remedy) = if self.refs.is_empty() && self.selectors.is_empty() {
            ("the policy has no target", "name one in `targetRefs`")
        } else if !self.refs.is_empty() && !self.selectors.is_empty() {
            (
                "`targetRefs` and `targetSelectors` exclude each other",
                "keep one of them",
            )
        } else if self.traffic.is_none()
            && self.inline_request.is_none()
            && self.inline_response.is_none()
            && self.backend.is_none()
        {
            (
                "the policy asks for nothing",
                "write `traffic` or `backend`",
            )
        } else {
            return Ok(());
        };
        report.add(self.subject, Code::InvalidPolicy, "spec", message, remedy);
        Err(Rejected)
    }

    /// Lets nobody pass under a target whose policy on who may is not valid.
    fn bar(&self, target: &Target, attached: &mut Attached<'a>) {
        let guards = self.traffic.as_ref().is_some_and(access::guards);
        if guards && !matches!(target, Target::Backend(_)) {
            let why = format!("{} {} is not valid", self.subject.kind, self.subject.key);
            attached.close(target.clone(), &why);
        }
    }

    /// Puts the policy in force on one target. The error is the reason why it is not.
    fn attach_to(
        &self,
        state: &'a ClusterState,
        target: &Target,
        attached: &mut Attached<'a>,
        report: &mut Report,
    ) -> Result<(), &'static str> {
        if let Target::Backend(key) = target {
            if self.has_traffic() {
                let message = "`traffic` does not apply to backends";
                report.add(
                    self.subject,
                    Code::InvalidPolicy,
                    "spec.traffic",
                    message,
                    "target a Gateway or HTTPRoute",
                );
                return Err(reasons::INVALID);
            }
            if let Some(policies) = self.backend {
                attached.layer(key, policies, self.subject);
            }
            attached
                .origins
                .push(self.origin(target, &TrafficPolicy::default()));
            return Ok(());
        }
        self.check_backend_part(report)
            .map_err(|Rejected| reasons::INVALID)?;
        let traffic = self
            .compile_for(state, target, report)
            .map_err(|Rejected| reasons::INVALID)?;
        let entry = attached.traffic.entry(target.clone()).or_default();
        let mut fields: Vec<_> = entry.overlap(&traffic).into_iter().collect();
        fields.dedup();
        let of_models = entry.shaping.overlaps(&traffic.shaping);
        let fields = fields
            .into_iter()
            .map(|name| format!("spec.traffic.{name}"));
        for field in fields.chain(of_models.then(|| "spec.backend.ai".to_owned())) {
            let message =
                format!("an older policy on {target} sets the same field; the older one counts");
            let remedy = "set it in one policy";
            report.add(self.subject, Code::PolicyConflict, &field, message, remedy);
        }
        *entry = entry.over(&traffic);
        attached.origins.push(self.origin(target, &traffic));
        Ok(())
    }

    fn origin(&self, target: &Target, says: &TrafficPolicy) -> Origin {
        let of_models = self.backend.is_some_and(|backend| backend.ai.is_some());
        Origin {
            target: target.clone(),
            kind: self.subject.kind,
            policy: self.subject.key.clone(),
            fields: says.fields(),
            shapes: match of_models {
                true => Shapes::Something,
                false => Shapes::Nothing,
            },
        }
    }

    /// What was to be guarded is not open because its guard is not valid.
    fn close(&self, target: &Target, attached: &mut Attached<'a>) {
        let guards = |backend: &&BackendPolicies| {
            let ai = backend.ai.as_ref();
            ai.is_some_and(|ai| ai.prompt_guard.is_some())
        };
        let Some(policies) = self.backend.filter(guards) else {
            return;
        };
        match target {
            Target::Backend(key) => attached.layer(key, policies, self.subject),
            _ => {
                let entry = attached.traffic.entry(target.clone()).or_default();
                let broken = || Arc::new(PromptGuard::broken());
                entry.shaping.guard.get_or_insert_with(broken);
            }
        }
    }

    /// Whether the backend part is one that targets other than backends can have.
    fn check_backend_part(&self, report: &mut Report) -> Result<(), Rejected> {
        let Some(backend) = self.backend else {
            return Ok(());
        };
        let of_models = BackendPolicies {
            ai: backend.ai.clone(),
            ..BackendPolicies::default()
        };
        let (field, message) = if *backend != of_models {
            (
                "spec.backend",
                "`backend` but for `backend.ai` applies to AgentgatewayBackends only",
            )
        } else if backend.ai.as_ref().is_some_and(|ai| !ai.routes.is_empty()) {
            (
                "spec.backend.ai.routes",
                "`ai.routes` applies to AgentgatewayBackends only",
            )
        } else {
            return Ok(());
        };
        let remedy = "target an AgentgatewayBackend";
        report.add(self.subject, Code::InvalidPolicy, field, message, remedy);
        Err(Rejected)
    }

    fn has_traffic(&self) -> bool {
        self.traffic.is_some() || self.inline_request.is_some() || self.inline_response.is_some()
    }

    fn status(&self, ancestors: &[Ancestor]) -> ObjectStatus {
        let entries: Vec<_> = ancestors
            .iter()
            .take(MAX_ANCESTORS)
            .map(|ancestor| {
                json!({
                    "ancestorRef": ancestor.reference,
                    "controllerName": CONTROLLER_NAME,
                    "conditions": conditions(&ancestor.conditions, self.generation),
                })
            })
            .collect();
        ObjectStatus {
            gateways: Vec::new(),
            object: self.subject.reference(),
            status: json!({ "ancestors": entries }),
        }
    }
}
