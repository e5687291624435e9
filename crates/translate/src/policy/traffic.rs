//! The traffic part of a policy, in both dialects.

use std::sync::Arc;

use agw_api::policy::{Phase, Traffic};
use agw_api::transformation::TrafficTransformation as Spec;
use agw_core::access::Access;
use agw_core::condition::{Case, Cases};
use agw_core::filter::Cors;
use agw_core::policy::TrafficPolicy;
use agw_core::transform::{Edits, Transformation, Transformations};

use super::place::Place;
use super::rate_limit::condition;
use super::target::Target;
use super::{Policy, access, answer, rate_limit};
use crate::expression::{self, Rejected, collect};
use crate::finding::Code;
use crate::report::Report;
use crate::retry;
use crate::shaping;
use crate::state::ClusterState;

/// The traffic part as it is compiled, before it is known in which phase it runs.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    cors: Option<Arc<Cors>>,
    access: Access,
    /// `traffic.transformation`.
    standard: Option<Transformations>,
    /// `traffic.requestTransformation` and `traffic.responseTransformation`.
    inline: Option<Transformation>,
    /// What runs after a route is matched, whatever the phase.
    rest: TrafficPolicy,
}

impl<'a> Policy<'a> {
    /// Compiles what the policy says of `target`, or of any when it is only to be checked.
    pub(super) fn compile_traffic(
        &self,
        state: &'a ClusterState,
        target: Option<&Target>,
        report: &mut Report,
    ) -> Result<Compiled, Rejected> {
        let mut compiled = Compiled::default();
        let mut outcome = Ok(());
        if let Some(traffic) = &self.traffic {
            let mut place = Place {
                state,
                subject: self.subject,
                field: "spec.traffic".to_owned(),
                report,
            };
            outcome = compiled.read(traffic, target, &mut place);
        }
        match self.inline(report) {
            Ok(made) => compiled.inline = made,
            Err(Rejected) => outcome = Err(Rejected),
        }
        outcome.map(|()| compiled)
    }

    fn inline(&self, report: &mut Report) -> Result<Option<Transformation>, Rejected> {
        if self.inline_request.is_none() && self.inline_response.is_none() {
            return Ok(None);
        }
        let mut edits = |spec: Option<_>, name: &str| match spec {
            Some(spec) => {
                let field = format!("spec.traffic.{name}");
                report.add(
                    self.subject,
                    Code::DialectTransformation,
                    &field,
                    format!("`{name}.inline` is the enterprise spelling of a transformation"),
                    "the standard form is `traffic.transformation` with `phase: PreRouting`",
                );
                expression::inline(spec, self.subject, &field, report)
            }
            None => Ok(Edits::default()),
        };
        let request = edits(self.inline_request, "requestTransformation");
        let response = edits(self.inline_response, "responseTransformation");
        Ok(Some(Transformation {
            request: request?,
            response: response?,
        }))
    }

    /// The traffic part as it is in force on `target`. The enterprise spelling runs before routing
    /// on Gateways and listeners: its users compute the headers that routes match on.
    pub(super) fn compile_for(
        &self,
        state: &'a ClusterState,
        target: &Target,
        report: &mut Report,
    ) -> Result<TrafficPolicy, Rejected> {
        // Everything was reported when the policy was checked.
        let compiled = self.compile_traffic(state, Some(target), &mut Report::default())?;
        let on_gateway = matches!(target, Target::Gateway(_) | Target::Listener(..));
        let phase = self.traffic.as_ref().and_then(|t| t.phase);
        let phase = phase.unwrap_or_default();
        let mut refuse = |field: &str, message: &str, remedy: &str| {
            report.add(self.subject, Code::InvalidPolicy, field, message, remedy);
            Rejected
        };
        if phase == Phase::PreRouting && !on_gateway {
            let message =
                format!("`phase: PreRouting` cannot run on {target}: the route is chosen by then");
            let remedy = "target the Gateway, or drop the phase";
            return Err(refuse("spec.traffic.phase", &message, remedy));
        }
        if phase == Phase::PreRouting && !compiled.rest.is_empty() {
            let message =
                "before routing there are authentication, authorization, cors and transformation";
            let remedy = "put the rest into a policy of its own";
            return Err(refuse("spec.traffic", message, remedy));
        }
        let inline = compiled.inline.clone();
        let mut policy = compiled.in_phase(phase);
        if let Some(inline) = inline {
            let slot = if on_gateway {
                &mut policy.pre_routing
            } else {
                &mut policy.post_routing
            };
            if slot.is_some() {
                let message = "`transformation` and the inline spelling run in the same phase here";
                return Err(refuse("spec.traffic", message, "keep `transformation`"));
            }
            *slot = Some(Arc::new(Cases::always(Arc::new(inline))));
        }
        if let Some(ai) = self.backend.and_then(|backend| backend.ai.as_ref()) {
            let source = shaping::Source {
                subject: self.subject,
                field: "spec.backend.ai".to_owned(),
                state,
                report: &mut Report::default(),
            };
            policy.shaping = shaping::shaping(ai, source)?;
        }
        Ok(policy)
    }
}

impl Compiled {
    /// Reads every part, so that all that is wrong is reported at once.
    fn read(
        &mut self,
        traffic: &Traffic,
        target: Option<&Target>,
        place: &mut Place<'_, '_>,
    ) -> Result<(), Rejected> {
        let mut outcome = Ok(());
        keep(
            &mut self.access,
            access::access(traffic, place),
            &mut outcome,
        );
        let standard = traffic.transformation.as_ref();
        let standard =
            standard.map(|spec| transformations(spec, &mut place.inside("transformation")));
        keep(&mut self.standard, standard.transpose(), &mut outcome);
        let cors = traffic.cors.as_ref();
        let cors = cors.map(|spec| answer::cors(spec, &mut place.inside("cors")));
        keep(&mut self.cors, shared(cors), &mut outcome);
        let rest = &mut self.rest;
        let timeout = traffic.timeouts.as_ref().and_then(|t| t.request);
        rest.request_timeout = timeout.map(agw_api::Duration::get).filter(|d| !d.is_zero());
        let retry = traffic.retry.as_ref().map(|spec| {
            let field = format!("{}.retry", place.field);
            retry::policy(spec, place.subject, &field, place.report)
        });
        keep(&mut rest.retry, retry.transpose(), &mut outcome);
        let limits = traffic.rate_limit.as_ref();
        let limits =
            limits.map(|spec| rate_limit::rate_limit(spec, target, &mut place.inside("rateLimit")));
        keep(&mut rest.rate_limit, shared(limits), &mut outcome);
        let csrf = traffic.csrf.as_ref();
        let csrf = csrf.map(|spec| answer::csrf(spec, &mut place.inside("csrf")));
        keep(&mut rest.csrf, shared(csrf), &mut outcome);
        let delay = traffic.delay.as_ref();
        let delay = delay.map(|spec| answer::delay(spec, &mut place.inside("delay")));
        keep(&mut rest.delay, shared(delay), &mut outcome);
        let headers = traffic.header_modifiers.as_ref();
        let headers =
            headers.map(|spec| answer::headers(spec, &mut place.inside("headerModifiers")));
        keep(&mut rest.headers, shared(headers), &mut outcome);
        let direct = traffic.direct_response.as_ref();
        let direct =
            direct.map(|spec| answer::direct_response(spec, &mut place.inside("directResponse")));
        keep(&mut rest.direct_response, shared(direct), &mut outcome);
        outcome
    }

    fn in_phase(self, phase: Phase) -> TrafficPolicy {
        let standard = self.standard.map(Arc::new);
        match phase {
            Phase::PreRouting => TrafficPolicy {
                pre_cors: self.cors,
                pre_access: self.access,
                pre_routing: standard,
                ..self.rest
            },
            Phase::PostRouting => TrafficPolicy {
                cors: self.cors,
                access: self.access,
                post_routing: standard,
                ..self.rest
            },
        }
    }
}

fn transformations(spec: &Spec, place: &mut Place<'_, '_>) -> Result<Transformations, Rejected> {
    let of = |request: Option<&_>, response: Option<&_>, place: &mut Place<'_, '_>| {
        let (subject, field) = (place.subject, place.field.clone());
        expression::of_traffic(request, response, subject, &field, place.report).map(Arc::new)
    };
    if spec.conditional.is_empty() {
        return of(spec.request.as_ref(), spec.response.as_ref(), place).map(Cases::always);
    }
    if spec.request.is_some() || spec.response.is_some() {
        let message = "`conditional` excludes `request` and `response`";
        return Err(place.refuse("conditional", message, "move them into an entry at the end"));
    }
    let last = spec.conditional.len() - 1;
    let cases = spec.conditional.iter().enumerate().map(|(index, entry)| {
        let at = format!("conditional[{index}]");
        let when = condition(entry.condition.as_deref(), index == last, &at, place);
        let edits = &entry.policy;
        let place = &mut place.inside(&format!("{at}.policy"));
        let then = of(edits.request.as_ref(), edits.response.as_ref(), place);
        Ok(Case {
            when: when?,
            then: then?,
        })
    });
    Ok(Cases::new(collect(cases)?))
}

fn shared<T>(made: Option<Result<T, Rejected>>) -> Result<Option<Arc<T>>, Rejected> {
    made.map(|made| made.map(Arc::new)).transpose()
}

fn keep<T>(slot: &mut T, made: Result<T, Rejected>, outcome: &mut Result<(), Rejected>) {
    match made {
        Ok(value) => *slot = value,
        Err(Rejected) => *outcome = Err(Rejected),
    }
}
