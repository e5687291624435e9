//! Backend policies: what a backend, an entry of a group and attached policies say, merged field by
//! field with the nearest to the endpoint first.

use std::time::Duration;

use agw_api::backend_policy::{BackendAuth, BackendHealth, BackendPolicies, HealthCheck};
use agw_api::conditions::backend as reasons;
use agw_api::names::DEFAULT_SECRET_KEY;
use agw_core::backend::{Auth, BackendPolicy, Ejection, Probe, ProviderKind, UpstreamTls, Verify};
use agw_core::id::ObjectKey;
use agw_core::secret::Secret;

use super::{Context, Unresolved};
use crate::expression::{self, Rejected};
use crate::finding::Code;
use crate::limits;
use crate::report::{Report, Subject};
use crate::retry;

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
pub(super) enum Purpose {
    Ai(ProviderKind),
    Plain,
}

/// Policies in force.
pub(super) struct Made {
    pub(super) policy: BackendPolicy,
    pub(super) tls: Option<UpstreamTls>,
}

pub(super) fn merge(
    context: Context<'_>,
    layers: &Layers<'_>,
    purpose: Purpose,
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
            expression::transformation(spec, layer.subject, &layer.at("transformation"), report)
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
        request_timeout: timeout?,
        retry: retry?,
        probe: check.map(|(check, _)| probe(check)),
        ejection: ejection?,
        transformation: transformation?,
    };
    Ok(Made { policy, tls })
}

impl Layer<'_> {
    fn at(&self, field: &str) -> String {
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
    purpose: Purpose,
    report: &mut Report,
) -> Result<Option<Ejection>, Rejected> {
    if purpose == Purpose::Plain && check.is_none() && health.is_none() {
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

impl Context<'_> {
    /// Where no auth is written, the provider's usual key is taken if there is one.
    fn default_auth(self, purpose: Purpose) -> Option<Auth> {
        let Purpose::Ai(kind) = purpose else {
            return None;
        };
        if self.settings.provider_override.is_some() {
            return None;
        }
        self.settings.credentials.get(&kind).cloned().map(Auth::Key)
    }

    fn auth(
        self,
        auth: &BackendAuth,
        field: &str,
        layer: &Layer<'_>,
        purpose: Purpose,
        refs: &mut Result<(), Unresolved>,
        report: &mut Report,
    ) -> Result<Auth, Rejected> {
        match (&auth.secret_ref, &auth.key, &auth.passthrough) {
            (None, None, Some(_)) => Ok(Auth::Passthrough),
            (None, Some(key), None) => {
                report.add(
                    layer.subject,
                    Code::InlineCredential,
                    &format!("{field}.key"),
                    "a key is written into the manifest",
                    "keep it in a Secret and refer to that with `secretRef`",
                );
                Ok(Auth::Key(bare(key.expose())))
            }
            (Some(reference), None, None) => {
                let namespace = layer.subject.key.namespace.clone();
                let key = ObjectKey::new(namespace, reference.name.as_str());
                let wanted = reference.key.as_deref();
                let found = self.secret(&key, wanted, purpose);
                if let Err((code, unresolved)) = &found {
                    let remedy = "create the Secret with the key's value under `Authorization`";
                    let field = format!("{field}.secretRef.name");
                    report.add(
                        layer.subject,
                        *code,
                        &field,
                        unresolved.message.clone(),
                        remedy,
                    );
                    *refs = Err(unresolved.clone());
                }
                // What stands in for the missing key never goes out: the backend is not usable.
                Ok(found.unwrap_or(Auth::Passthrough))
            }
            _ => {
                report.add(
                    layer.subject,
                    Code::InvalidBackend,
                    field,
                    "auth is exactly one of `secretRef`, `key` and `passthrough`",
                    "keep one of them",
                );
                Err(Rejected)
            }
        }
    }

    fn secret(
        self,
        key: &ObjectKey,
        wanted: Option<&str>,
        purpose: Purpose,
    ) -> Result<Auth, (Code, Unresolved)> {
        let unresolved = |reason, message| Unresolved { reason, message };
        let Some(secret) = self.state.secrets.get(key) else {
            let usual = match purpose {
                Purpose::Ai(kind) => self.settings.credentials.get(&kind),
                Purpose::Plain => None,
            };
            return match usual {
                _ if self.settings.provider_override.is_some() => {
                    Ok(Auth::Key(Secret::new("mock")))
                }
                Some(usual) => Ok(Auth::Key(bare(usual.expose()))),
                None => {
                    let message = format!("Secret {key} does not exist");
                    Err((
                        Code::SecretNotFound,
                        unresolved(reasons::SECRET_NOT_FOUND, message),
                    ))
                }
            };
        };
        let name = wanted.unwrap_or(DEFAULT_SECRET_KEY);
        let data = &secret.object.data;
        // A Secret with one key leaves no doubt which is meant.
        let lone = data
            .values()
            .next()
            .filter(|_| wanted.is_none() && data.len() == 1);
        let value = data.get(name).or(lone).and_then(|bytes| bytes.to_secret());
        match value.filter(|value| !value.expose().is_empty()) {
            Some(value) => Ok(Auth::Key(bare(value.expose()))),
            None => {
                let message = format!("Secret {key} has no key `{name}` with text in it");
                Err((
                    Code::SecretKeyNotFound,
                    unresolved(reasons::INVALID_SECRET, message),
                ))
            }
        }
    }
}

/// A key without the scheme that its header will have.
fn bare(key: &str) -> Secret {
    let key = key.trim();
    let without = key
        .split_at_checked(7)
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer "));
    Secret::new(without.map_or(key, |(_, rest)| rest.trim()))
}
