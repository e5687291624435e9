//! The traffic part of a policy, in both dialects.

use std::sync::Arc;

use agw_api::policy::Phase;
use agw_core::policy::TrafficPolicy;
use agw_core::transform::{Edits, Transformation};

use super::Policy;
use super::target::Target;
use crate::expression::{self, Rejected};
use crate::finding::Code;
use crate::report::Report;
use crate::retry;
use crate::shaping;

/// The traffic part as it is compiled, before it is known where it is in force.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    /// `traffic.transformation`.
    standard: Option<Transformation>,
    /// `traffic.requestTransformation` and `traffic.responseTransformation`.
    inline: Option<Transformation>,
    rest: TrafficPolicy,
}

impl Policy<'_> {
    pub(super) fn compile_traffic(&self, report: &mut Report) -> Result<Compiled, Rejected> {
        let mut compiled = Compiled::default();
        let mut outcome = Ok(());
        if let Some(traffic) = &self.traffic {
            if let Some(spec) = &traffic.transformation {
                match expression::transformation(
                    spec,
                    self.subject,
                    "spec.traffic.transformation",
                    report,
                ) {
                    Ok(made) => compiled.standard = Some(made),
                    Err(Rejected) => outcome = Err(Rejected),
                }
            }
            let timeout = traffic.timeouts.as_ref().and_then(|t| t.request);
            compiled.rest.request_timeout =
                timeout.map(agw_api::Duration::get).filter(|d| !d.is_zero());
            if let Some(spec) = &traffic.retry {
                match retry::policy(spec, self.subject, "spec.traffic.retry", report) {
                    Ok(made) => compiled.rest.retry = Some(made),
                    Err(Rejected) => outcome = Err(Rejected),
                }
            }
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
        target: &Target,
        report: &mut Report,
    ) -> Result<TrafficPolicy, Rejected> {
        // Everything was reported when the policy was checked.
        let compiled = self.compile_traffic(&mut Report::default())?;
        let on_gateway = matches!(target, Target::Gateway(_) | Target::Listener(..));
        let phase = self
            .traffic
            .as_ref()
            .and_then(|t| t.phase)
            .unwrap_or_default();
        let mut policy = compiled.rest;
        match (phase, on_gateway) {
            (Phase::PreRouting, true) => policy.pre_routing = compiled.standard.map(Arc::new),
            (Phase::PreRouting, false) => {
                let message = format!(
                    "`phase: PreRouting` cannot run on {target}: the route is chosen by then"
                );
                let remedy = "target the Gateway, or drop the phase";
                report.add(
                    self.subject,
                    Code::InvalidPolicy,
                    "spec.traffic.phase",
                    message,
                    remedy,
                );
                return Err(Rejected);
            }
            (Phase::PostRouting, _) => policy.post_routing = compiled.standard.map(Arc::new),
        }
        if let Some(inline) = compiled.inline {
            let slot = if on_gateway {
                &mut policy.pre_routing
            } else {
                &mut policy.post_routing
            };
            if slot.is_some() {
                let message = "`transformation` and the inline spelling run in the same phase here";
                report.add(
                    self.subject,
                    Code::InvalidPolicy,
                    "spec.traffic",
                    message,
                    "keep `transformation`",
                );
                return Err(Rejected);
            }
            *slot = Some(Arc::new(inline));
        }
        if phase == Phase::PreRouting
            && (policy.request_timeout.is_some() || policy.retry.is_some())
        {
            let message = "timeouts and retries have no place before routing";
            report.add(
                self.subject,
                Code::InvalidPolicy,
                "spec.traffic",
                message,
                "put them into a policy of their own",
            );
            return Err(Rejected);
        }
        if let Some(ai) = self.backend.and_then(|backend| backend.ai.as_ref()) {
            let source = shaping::Source {
                subject: self.subject,
                field: "spec.backend.ai".to_owned(),
                report: &mut Report::default(),
            };
            policy.shaping = shaping::shaping(ai, source)?;
        }
        Ok(policy)
    }
}
