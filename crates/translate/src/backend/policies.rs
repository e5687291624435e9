//! Backend policies: what a backend, an entry of a group and attached policies say, merged field by
//! field with the nearest to the endpoint first.

use std::sync::Arc;
use std::time::Duration;

use agw_api::backend_policy::{BackendHealth, BackendPolicies, HealthCheck};
use agw_core::backend::{BackendPolicy, Ejection, Probe, ProviderKind, UpstreamTls, Verify};
use agw_core::shaping::Shaping;
use agw_core::sticky::Sticky;

use super::{Context, Unresolved, sticky};
use crate::expression::{self, Rejected};
use crate::finding::Code;
use crate::limits;
use crate::report::{Report, Subject};
use crate::retry;
use crate::shaping;
use crate::state::ClusterState;

/// One object's policies on a backend.
#[derive(Debug, Clone)]
pub(crate) struct Layer<'a> {
    pub(crate) policies: &'a BackendPolicies,
    pub(crate) subject: Subject<'a>,
    pub(crate) field: String,
}

/// The nearest to the endpoint first.
pub(crate) type Layers<'a> = Vec<Layer<'a>>;

/// What the policies are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose<'a> {
    Ai(Asked<'a>),
    /// The host; empty where none is known yet.
    Plain(&'a str),
}

/// A provider that requests are to prove themselves to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    pub(super) kind: ProviderKind,
    /// Where signatures are good.
    pub(super) region: &'a str,
    /// What requests go to; empty where none is known yet.
    pub(super) host: &'a str,
}

impl<'a> Purpose<'a> {
    pub(super) fn host(self) -> &'a str {
        match self {
            Self::Ai(asked) => asked.host,
            Self::Plain(host) => host,
        }
    }
}

/// Policies in force.
pub(super) struct Made {
    pub(super) policy: BackendPolicy,
    pub(super) tls: Option<UpstreamTls>,
}

pub(super) fn merge(
    context: Context<'_>,
    layers: &Layers<'_>,
    purpose: Purpose<'_>,
    refs: &mut Result<(), Unresolved>,
    report: &mut Report,
) -> Result<Made, Rejected> {
    let auth = match nearest(layers, |p| p.auth.as_ref()) {
        Some((auth, layer)) => context
            .auth(auth, &layer.at("auth"), layer, purpose, refs, report)
            .map(Some),
        None => Ok(context.default_auth(purpose)),
    };
    let timeout = timeout(layers, report);
    let retry = nearest(layers, |p| p.retry.as_ref())
        .map(|(spec, layer)| retry::policy(spec, layer.subject, &layer.at("retry"), report))
        .transpose();
    let check = nearest(layers, |p| p.health_check.as_ref());
    let ejection = ejection(
        check.map(|(c, _)| c),
        nearest(layers, |p| p.health.as_ref()),
        purpose,
        report,
    );
    let transformation = nearest(layers, |p| p.transformation.as_ref())
        .map(|(spec, layer)| {
            expression::of_backend(spec, layer.subject, &layer.at("transformation"), report)
        })
        .transpose();
    if let Some((spec, layer)) = check {
        let field = layer.at("healthCheck");
        limits::check_probe(spec, &probe(spec), layer.subject, &field, report);
        report.add(
            layer.subject,
            Code::DialectHealth,
            &layer.at("healthCheck"),
            "active health checks are this gateway's own",
            "the portable form is passive: `health.eviction.consecutiveFailures`",
        );
    }
    let shaping = shaped(context.state, layers, purpose, report);
    let sticky = balanced(layers, purpose, report);
    let tls = nearest(layers, |p| p.tls.as_ref()).map(|(tls, _)| UpstreamTls {
        sni: tls.sni.as_deref().map(Into::into),
        verify: if tls.insecure_skip_verify.is_some() {
            Verify::Off
        } else {
            Verify::Full
        },
        client: None,
    });
    let policy = BackendPolicy {
        auth: auth?,
        // Of models, which are no layers of their own.
        authorization: None,
        request_timeout: timeout?,
        retry: retry?,
        probe: check.map(|(check, _)| probe(check)),
        ejection: ejection?,
        transformation: transformation?.map(Arc::new),
        sticky: sticky?,
        shaping: shaping?,
    };
    Ok(Made { policy, tls })
}

impl Layer<'_> {
    pub(super) fn at(&self, field: &str) -> String {
        format!("{}.{field}", self.field)
    }
}

fn nearest<'l, 'a, T>(
    layers: &'l Layers<'a>,
    field: impl Fn(&'a BackendPolicies) -> Option<&'a T>,
) -> Option<(&'a T, &'l Layer<'a>)> {
    layers
        .iter()
        .find_map(|layer| field(layer.policies).map(|value| (value, layer)))
}

/// By what requests to a group's providers belong together: as the first of them says.
fn balanced(
    layers: &Layers<'_>,
    purpose: Purpose<'_>,
    report: &mut Report,
) -> Result<Option<Sticky>, Rejected> {
    let mut made = None;
    for layer in layers {
        let Some(spec) = &layer.policies.load_balancing else {
            continue;
        };
        let of_entry = layer.field.contains(".providers[");
        let of_follower = of_entry && !layer.field.contains(".providers[0]");
        if of_follower || matches!(purpose, Purpose::Plain(_)) {
            let message = match of_follower {
                true => "of a group, what its first provider says counts",
                false => "the backend has one endpoint: there is nothing to share",
            };
            let field = layer.at("loadBalancing");
            let remedy = "write it in the `policies` of a backend that has `ai.groups`";
            report.add(layer.subject, Code::NoEffect, &field, message, remedy);
            continue;
        }
        let own = sticky::sticky(&spec.sticky, layer, report)?;
        made.get_or_insert(own);
    }
    Ok(made)
}

/// What becomes of requests to models: part by part, the nearest first.
fn shaped(
    state: &ClusterState,
    layers: &Layers<'_>,
    purpose: Purpose<'_>,
    report: &mut Report,
) -> Result<Shaping, Rejected> {
    let mut made = Ok(Shaping::default());
    for layer in layers {
        let Some(ai) = &layer.policies.ai else {
            continue;
        };
        if matches!(purpose, Purpose::Plain(_)) {
            let message = "the backend is no model: `ai` changes nothing";
            let field = layer.at("ai");
            report.add(layer.subject, Code::NoEffect, &field, message, "remove it");
            continue;
        }
        let source = shaping::Source {
            subject: layer.subject,
            field: layer.at("ai"),
            state,
            report,
        };
        let next = shaping::shaping(ai, source);
        made = made.and_then(|near| next.map(|far| near.over(&far)));
    }
    made
}

fn timeout(layers: &Layers<'_>, report: &mut Report) -> Result<Option<Duration>, Rejected> {
    for layer in layers {
        let own = layer.policies.timeout.as_ref().and_then(|t| t.request);
        let http = layer.policies.http.as_ref().and_then(|h| h.request_timeout);
        if let (Some(a), Some(b)) = (own, http)
            && a != b
        {
            report.add(
                layer.subject,
                Code::InvalidBackend,
                &layer.at("timeout.request"),
                format!("`timeout.request` says {a} and `http.requestTimeout` says {b}"),
                "keep `http.requestTimeout`",
            );
            return Err(Rejected);
        }
        if own.is_some() {
            report.add(
                layer.subject,
                Code::DialectTimeout,
                &layer.at("timeout.request"),
                "the time limit stands in `timeout.request`",
                "the standard place is `http.requestTimeout`",
            );
        }
        if let Some(found) = own.or(http) {
            return Ok(Some(found.get()).filter(|d| !d.is_zero()));
        }
    }
    Ok(None)
}

fn probe(check: &HealthCheck) -> Probe {
    let or = |value: Option<agw_api::Duration>, default| {
        value
            .map(agw_api::Duration::get)
            .filter(|d| !d.is_zero())
            .unwrap_or(Duration::from_secs(default))
    };
    Probe {
        interval: or(check.interval, 30),
        timeout: or(check.timeout, 5),
    }
}

/// AI backends are always watched; a plain one only when it asks for it.
fn ejection(
    check: Option<&HealthCheck>,
    health: Option<(&BackendHealth, &Layer<'_>)>,
    purpose: Purpose<'_>,
    report: &mut Report,
) -> Result<Option<Ejection>, Rejected> {
    if matches!(purpose, Purpose::Plain(_)) && check.is_none() && health.is_none() {
        return Ok(None);
    }
    let mut made = Ejection::default();
    if let Some(check) = check {
        made.unhealthy_threshold = check
            .unhealthy_threshold
            .unwrap_or(made.unhealthy_threshold);
        made.healthy_threshold = check.healthy_threshold.unwrap_or(made.healthy_threshold);
    }
    if let Some((health, layer)) = health {
        if let Some(eviction) = &health.eviction {
            let failures = eviction.consecutive_failures;
            made.unhealthy_threshold = failures.unwrap_or(made.unhealthy_threshold);
            made.base = eviction.duration.map_or(made.base, agw_api::Duration::get);
            made.max = made.max.max(made.base);
        }
        if let Some(condition) = &health.unhealthy_condition {
            let field = layer.at("health.unhealthyCondition");
            let compiled = expression::compile(condition, layer.subject, &field, report)?;
            made.unhealthy_condition = Some(compiled);
        }
    }
    Ok(Some(made))
}
