//! Virtual models: which others they stand for, and which of them takes a request.

use std::collections::BTreeMap;
use std::sync::Arc;

use agw_api::conditions::route as reasons;
use agw_api::model::{Conditional, Failover, ModelRef, VirtualModel, Weighted};
use agw_core::backend::{Backend, BackendTarget};
use agw_core::expr::Expression;
use agw_core::id::ObjectKey;
use agw_core::route::BackendRef;

use super::{Known, Made, Maker, invalid, pattern};
use crate::expression::{self, Rejected};
use crate::finding::Code;

/// A model that a virtual one leads to.
struct Aim<'a> {
    to: &'a ModelRef,
    model: Option<&'a String>,
    weight: u32,
    when: Option<Expression>,
    field: String,
}

/// Why a target leads nowhere.
struct Missed {
    code: Code,
    message: String,
    remedy: &'static str,
}

impl Maker<'_, '_> {
    pub(super) fn aimed(&mut self, spec: &VirtualModel) -> Result<Made, Rejected> {
        let aims = match (&spec.weighted, &spec.failover, &spec.conditional) {
            (Some(weighted), None, None) => weighted_aims(weighted),
            (None, Some(failover), None) => failover_aims(failover),
            (None, None, Some(conditional)) => self.conditional_aims(conditional)?,
            _ => {
                let message =
                    "a virtual model is one of `weighted`, `failover` and `conditional`".to_owned();
                let remedy = "write exactly one of them";
                let field = "spec.virtualModel";
                return Err(self.refuse(Code::InvalidBackend, field, message, remedy));
            }
        };
        let (mut backends, mut refs) = (BTreeMap::new(), Vec::new());
        for aim in aims {
            let made = self.aim(&aim).map(|(reference, backend)| {
                backends.insert(backend.key.clone(), backend);
                reference
            });
            let made = made.unwrap_or_else(|why| invalid(why, aim.weight));
            refs.push(BackendRef {
                when: aim.when,
                ..made
            });
        }
        Ok((backends, refs))
    }

    /// In order; what stands behind one without a condition would never be asked.
    fn conditional_aims<'a>(&mut self, spec: &'a Conditional) -> Result<Vec<Aim<'a>>, Rejected> {
        let last = spec.targets.len().saturating_sub(1);
        let targets = spec.targets.iter().enumerate();
        expression::collect(targets.map(|(index, target)| {
            let field = format!("spec.virtualModel.conditional.targets[{index}]");
            if target.when.is_none() && index < last {
                let message = "only the last target may be without `when`".to_owned();
                let remedy = "write its condition, or put it last";
                return Err(self.refuse(Code::InvalidBackend, &field, message, remedy));
            }
            Ok(Aim {
                to: &target.model_ref,
                model: target.model.as_ref(),
                weight: 1,
                when: self.when(target.when.as_deref(), &field)?,
                field,
            })
        }))
    }

    /// A condition that cannot be read could let requests through to what it guards: none of the
    /// targets is served then.
    fn when(&mut self, source: Option<&str>, field: &str) -> Result<Option<Expression>, Rejected> {
        let Some(source) = source else {
            return Ok(None);
        };
        let mark = self.report.mark();
        let field = format!("{field}.when");
        let made = expression::compile(source, self.subject, &field, &mut self.report);
        made.map(Some).inspect_err(|Rejected| {
            let why = self.report.errors_since(mark);
            self.problems.not_accepted(reasons::UNSUPPORTED_VALUE, why);
        })
    }

    /// The reference that leads to a target, with the model to ask it for, and its backend.
    fn aim(&mut self, aim: &Aim<'_>) -> Result<(BackendRef, Arc<Backend>), Arc<str>> {
        let name = &aim.to.name;
        let key = ObjectKey::new(self.subject.key.namespace.clone(), name.as_str());
        self.find(&key, aim).map_err(|missed| {
            let field = format!("{}.modelRef.name", aim.field);
            let Missed {
                code,
                message,
                remedy,
            } = missed;
            self.problems
                .not_resolved(reasons::BACKEND_NOT_FOUND, message.clone());
            self.report
                .add(self.subject, code, &field, message.clone(), remedy);
            message.into()
        })
    }

    fn find(&self, key: &ObjectKey, aim: &Aim<'_>) -> Result<(BackendRef, Arc<Backend>), Missed> {
        let missed = |code, message, remedy| Missed {
            code,
            message,
            remedy,
        };
        let Some(Known { spec, served, .. }) = self.known.get(key) else {
            let message = format!("AgentgatewayModel {key} does not exist");
            let remedy = "create it in the same namespace, or correct the name";
            return Err(missed(Code::BackendNotFound, message, remedy));
        };
        let served = match served {
            None => {
                let message = format!("AgentgatewayModel {key} is virtual too");
                let remedy = "name a model of a provider";
                return Err(missed(Code::UnsupportedRefKind, message, remedy));
            }
            Some(Err(unserved)) => {
                let why = unserved.why();
                let message = format!("AgentgatewayModel {key} cannot be used: {why}");
                return Err(missed(Code::BackendNotFound, message, "correct the model"));
            }
            Some(Ok(served)) => served,
        };
        let own = pattern(spec, key);
        let model = match (aim.model, own.is_exact()) {
            (Some(model), _) => model.as_str(),
            (None, true) => own.as_str(),
            (None, false) => {
                let message = format!("AgentgatewayModel {key} takes `{own}`: which to ask for?");
                let remedy = "write the target's `model`";
                return Err(missed(Code::InvalidBackend, message, remedy));
            }
        };
        if let Some(only) = forced(&served.backend)
            && only != model
        {
            let message = format!("AgentgatewayModel {key} is `{only}` and no other model");
            let remedy = "remove the target's `model`";
            return Err(missed(Code::InvalidBackend, message, remedy));
        }
        let reference = BackendRef {
            model: Some(model.into()),
            ..served.reference(aim.weight)
        };
        Ok((reference, served.backend.clone()))
    }
}

/// The one model that a backend asks for whatever it is told.
fn forced(backend: &Backend) -> Option<&str> {
    let BackendTarget::Ai(ai) = &backend.target else {
        return None;
    };
    let mut providers = ai.groups.iter().flatten();
    providers.find_map(|provider| provider.model.as_deref())
}

fn weighted_aims(spec: &Weighted) -> Vec<Aim<'_>> {
    let targets = spec.targets.iter().enumerate();
    let aims = targets.map(|(index, target)| Aim {
        to: &target.model_ref,
        model: target.model.as_ref(),
        weight: target.weight.unwrap_or(1),
        when: None,
        field: format!("spec.virtualModel.weighted.targets[{index}]"),
    });
    aims.collect()
}

/// Those of the least priority take turns; the others stand by in order.
fn failover_aims(spec: &Failover) -> Vec<Aim<'_>> {
    let mut targets: Vec<_> = spec.targets.iter().enumerate().collect();
    targets.sort_by_key(|(_, target)| target.priority);
    let first = targets.first().map(|(_, target)| target.priority);
    let aims = targets.into_iter().map(|(index, target)| Aim {
        to: &target.model_ref,
        model: target.model.as_ref(),
        weight: u32::from(Some(target.priority) == first),
        when: None,
        field: format!("spec.virtualModel.failover.targets[{index}]"),
    });
    aims.collect()
}
