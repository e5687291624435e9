//! Time limits and waits that another limit keeps from ever taking effect.

use std::time::Duration;

use agw_api::backend_policy::HealthCheck;
use agw_core::backend::{Backend, BackendPolicy, BackendTarget, Probe};
use agw_core::policy::TrafficPolicy;
use agw_core::retry::Retry;
use agw_core::route::{Destination, Rule};

use crate::finding::Code;
use crate::report::{Report, Subject};
use crate::route::{Attachment, Context, Translated};

const CODE: Code = Code::LimitWithoutEffect;

/// A rule of a route, with what is in force on it.
struct Place<'a> {
    subject: Subject<'a>,
    field: String,
    rule: &'a Rule,
    route: &'a Translated,
    /// The longest that a whole request may take on any listener; `None` is no limit.
    whole: Option<Duration>,
    retry: Option<&'a Retry>,
}

/// Notes what cannot take effect in the rules of a route.
pub(crate) fn report(
    context: Context<'_>,
    subject: Subject<'_>,
    route: &Translated,
    report: &mut Report,
) {
    let wider = wider(context, route);
    for (index, rule) in route.route.rules.iter().enumerate() {
        let policy = rule.policy.over(&route.route.policy);
        let place = Place {
            subject,
            field: format!("spec.rules[{index}]"),
            rule,
            route,
            whole: rule.request_timeout.or_else(|| longest(&policy, &wider)),
            retry: rule.retry.as_ref().or(policy.retry.as_ref()),
        };
        place.attempts(report);
        place.rule_retry(report);
    }
}

/// The policies of the listeners that a route is on, over those of their Gateways.
fn wider(context: Context<'_>, route: &Translated) -> Vec<TrafficPolicy> {
    let on_listener = |attachment: &Attachment| {
        let gateway = &context.gateways[attachment.gateway].key;
        let listeners = attachment.route.listeners.iter();
        listeners
            .map(|name| {
                let listener = context.policies.listener(gateway, name);
                listener.over(&context.policies.gateway(gateway))
            })
            .collect::<Vec<_>>()
    };
    route.attachments.iter().flat_map(on_listener).collect()
}

/// The longest time limit there is on any listener; `None` when there is one without a limit.
fn longest(policy: &TrafficPolicy, wider: &[TrafficPolicy]) -> Option<Duration> {
    let on_each = wider.iter().map(|w| policy.over(w).request_timeout);
    let all: Option<Vec<_>> = on_each.collect();
    all.and_then(|limits| limits.into_iter().max())
}

impl Place<'_> {
    /// Compares each backend's own limits with those of the rule.
    fn attempts(&self, report: &mut Report) {
        let mut own_limits = Vec::new();
        for (index, reference) in self.rule.backends.iter().enumerate() {
            let Destination::Backend(key) = &reference.to else {
                continue;
            };
            let Some(backend) = self.route.backends.get(key) else {
                continue;
            };
            let field = format!("{}.backendRefs[{index}].name", self.field);
            let limits: Vec<_> = policies(backend).map(|p| p.request_timeout).collect();
            own_limits.extend(limits.iter().copied());
            let too_long = limits.iter().flatten().max();
            if let (Some(whole), Some(own)) = (self.whole, too_long)
                && *own > whole
            {
                let message = format!(
                    "{key} allows {own:?} for an attempt, which never takes effect here: the whole request ends after {whole:?}"
                );
                let remedy = "shorten the backend's limit, or lengthen `timeouts.request`";
                report.add(self.subject, CODE, &field, message, remedy);
            }
            let retries = policies(backend).filter_map(|p| p.retry.as_ref());
            for retry in retries {
                self.retry(retry, &field, report);
            }
        }
        let all_have_own = !own_limits.is_empty() && own_limits.iter().all(Option::is_some);
        if let (Some(limit), true) = (self.rule.backend_request_timeout, all_have_own) {
            let message = format!(
                "`backendRequest` ({limit:?}) never takes effect: every backend of the rule has a time limit of its own"
            );
            let field = format!("{}.timeouts.backendRequest", self.field);
            let remedy = "keep one of the two: a backend's own limit has precedence";
            report.add(self.subject, CODE, &field, message, remedy);
        }
    }

    /// The retry of the rule or of a policy on it.
    fn rule_retry(&self, report: &mut Report) {
        if let Some(retry) = self.retry {
            let field = match &self.rule.retry {
                Some(_) => format!("{}.retry.backoff", self.field),
                None => self.field.clone(),
            };
            self.retry(retry, &field, report);
        }
    }

    /// Compares the wait before the first retry with the time that the whole request has.
    fn retry(&self, retry: &Retry, field: &str, report: &mut Report) {
        let shortest = retry.backoff(1, 0.0);
        if let Some(whole) = self.whole
            && retry.attempts > 0
            && retry.base_interval >= whole
        {
            let message = format!(
                "a retry comes {shortest:?} to {:?} after a failure, and the whole request ends after {whole:?}",
                retry.base_interval,
            );
            let remedy = "shorten the backoff, or lengthen `timeouts.request`";
            report.add(self.subject, CODE, field, message, remedy);
        }
    }
}

/// The policy of each place that a backend sends requests to.
fn policies(backend: &Backend) -> impl Iterator<Item = &BackendPolicy> {
    let (entries, plain) = match &backend.target {
        BackendTarget::Ai(ai) => (ai.groups.as_slice(), None),
        BackendTarget::Endpoints(endpoints) => (&[][..], Some(&endpoints.policy)),
    };
    entries.iter().flatten().map(|e| &e.policy).chain(plain)
}

/// Notes a health check that may take as long as the time between two of them.
pub(crate) fn check_probe(
    spec: &HealthCheck,
    made: &Probe,
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) {
    if made.timeout < made.interval {
        return;
    }
    let name = if spec.timeout.is_some() {
        "timeout"
    } else {
        "interval"
    };
    let message = format!(
        "a check may take {:?}, so that an interval of {:?} cannot be kept",
        made.timeout, made.interval
    );
    let remedy = "make `timeout` shorter than `interval`";
    report.add(subject, CODE, &format!("{field}.{name}"), message, remedy);
}
