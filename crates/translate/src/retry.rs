//! Retries, in the spellings of policies and of HTTPRoutes.

use std::time::Duration;

use agw_api::external::httproutes::HttpRouteRulesRetry;
use agw_api::retry::{Retry as Spec, RetryOn as Kind};
use agw_core::retry::{ConnectFailure, Retry, RetryOn};

use crate::expression::Rejected;
use crate::finding::Code;
use crate::report::{Report, Subject};

/// `policies.retry` and `traffic.retry`.
pub(crate) fn policy(
    spec: &Spec,
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) -> Result<Retry, Rejected> {
    let mut retry = Retry::default();
    if let Some(attempts) = spec.attempts {
        retry.attempts = attempts;
    }
    if let Some(backoff) = &spec.backoff {
        retry.base_interval = backoff
            .base_interval
            .map_or(retry.base_interval, agw_api::Duration::get);
        let max = backoff.max_interval.map(agw_api::Duration::get);
        if let Some(max) = max.filter(|max| *max < retry.base_interval) {
            report.add(
                subject,
                Code::InvalidPolicy,
                &format!("{field}.backoff.maxInterval"),
                format!(
                    "`maxInterval` ({max:?}) is below `baseInterval` ({:?})",
                    retry.base_interval
                ),
                "make it at least as long",
            );
            return Err(Rejected);
        }
        retry.max_interval = max.unwrap_or(retry.base_interval.saturating_mul(10));
    }
    if !spec.retry_on.is_empty() {
        report.add(
            subject,
            Code::DialectRetry,
            &format!("{field}.retryOn"),
            "what is retried stands in `retryOn`",
            "the standard form is `codes`, a list of statuses",
        );
    }
    if !spec.retry_on.is_empty() || !spec.codes.is_empty() {
        retry.on = on(&spec.retry_on, &spec.codes);
    }
    Ok(retry)
}

fn on(kinds: &[Kind], codes: &[u16]) -> RetryOn {
    let mut on = RetryOn {
        statuses: codes.iter().map(|&code| (code, code)).collect(),
        // Without a word on it, a request that got no answer is worth a retry.
        connect_failure: if kinds.is_empty() {
            ConnectFailure::Retry
        } else {
            ConnectFailure::Give
        },
    };
    for kind in kinds {
        match kind {
            Kind::ServerError => on.statuses.push((500, 599)),
            Kind::GatewayError => on.statuses.push((502, 504)),
            Kind::RateLimited => on.statuses.push((429, 429)),
            Kind::Reset | Kind::ConnectFailure => {}
        }
        let failed = matches!(
            kind,
            Kind::Reset | Kind::ConnectFailure | Kind::ServerError | Kind::GatewayError
        );
        if failed {
            on.connect_failure = ConnectFailure::Retry;
        }
    }
    on
}

/// `HTTPRouteRule.retry`.
pub(crate) fn route(
    spec: &HttpRouteRulesRetry,
    subject: Subject<'_>,
    field: &str,
    report: &mut Report,
) -> Result<Retry, Rejected> {
    let mut retry = Retry::default();
    if let Some(attempts) = spec.attempts {
        retry.attempts = u32::try_from(attempts).unwrap_or(0).min(100);
    }
    if let Some(backoff) = &spec.backoff {
        let Ok(base) = backoff.parse::<agw_api::Duration>() else {
            let message = format!("`{backoff}` is not a duration");
            let remedy = "write digits with a unit, such as `500ms`";
            report.add(
                subject,
                Code::InvalidDuration,
                &format!("{field}.backoff"),
                message,
                remedy,
            );
            return Err(Rejected);
        };
        retry.base_interval = base.get();
        retry.max_interval = base
            .get()
            .saturating_mul(10)
            .max(Duration::from_millis(250));
    }
    if let Some(codes) = &spec.codes {
        let codes = codes.iter().filter_map(|&code| u16::try_from(code).ok());
        retry.on.statuses = codes.map(|code| (code, code)).collect();
    }
    Ok(retry)
}
