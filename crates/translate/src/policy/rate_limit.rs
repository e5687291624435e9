//! Limits.

use std::sync::Arc;
use std::time::Duration;

use agw_api::rate_limit::{LocalRateLimit, RateLimit as Spec, RateLimitUnit};
use agw_core::condition::{Case, Cases};
use agw_core::rate_limit::{Limit, RateLimit, Unit};

use super::place::Place;
use super::target::Target;
use crate::expression::{Rejected, collect};

/// Compiles the limits of a policy on one target: what comes under another is counted apart.
pub(super) fn rate_limit(
    spec: &Spec,
    target: Option<&Target>,
    place: &mut Place<'_, '_>,
) -> Result<RateLimit, Rejected> {
    let scope = target.map(|t| format!(" on {t}")).unwrap_or_default();
    let policy = format!("{} {}{scope}", place.subject.kind, place.subject.key);
    match (&spec.local[..], &spec.conditional[..]) {
        (local @ [_, ..], []) => Ok(Cases::always(limits(local, "local", &policy, place)?)),
        ([], entries @ [_, ..]) => {
            let last = entries.len() - 1;
            let cases = entries.iter().enumerate().map(|(index, entry)| {
                let at = format!("conditional[{index}]");
                let when = condition(entry.condition.as_deref(), index == last, &at, place);
                let local = format!("{at}.policy.local");
                let then = limits(&entry.policy.local, &local, &policy, place);
                Ok(Case {
                    when: when?,
                    then: then?,
                })
            });
            Ok(Cases::new(collect(cases)?))
        }
        _ => Err(place.refuse(
            "",
            "it is not said what the limit is",
            "write exactly one of `local` and `conditional`",
        )),
    }
}

/// The condition of an entry, which only the last may go without.
pub(super) fn condition(
    source: Option<&str>,
    is_last: bool,
    at: &str,
    place: &mut Place<'_, '_>,
) -> Result<Option<agw_core::expr::Expression>, Rejected> {
    match source {
        Some(source) => place
            .expression(&format!("{at}.condition"), source)
            .map(Some),
        None if is_last => Ok(None),
        None => {
            let remedy = "give it a condition, or move it to the end";
            Err(place.refuse(at, "the entries after it are never looked at", remedy))
        }
    }
}

fn limits(
    list: &[LocalRateLimit],
    at: &str,
    policy: &str,
    place: &mut Place<'_, '_>,
) -> Result<Arc<[Limit]>, Rejected> {
    if list.is_empty() {
        return Err(place.refuse(at, "there is no limit", "write one"));
    }
    let made = list.iter().enumerate().map(|(index, spec)| {
        let at = format!("{at}[{index}]");
        let id = format!("{policy} {at}");
        limit(spec, id.into(), &at, place)
    });
    collect(made).map(Into::into)
}

fn limit(
    spec: &LocalRateLimit,
    id: Arc<str>,
    at: &str,
    place: &mut Place<'_, '_>,
) -> Result<Limit, Rejected> {
    let key = spec.key.as_deref();
    let key = key.map(|source| place.expression(&format!("{at}.key"), source));
    let (unit, amount) = match (spec.requests, spec.tokens) {
        (Some(amount), None) => (Unit::Requests, amount),
        (None, Some(amount)) => (Unit::Tokens, amount),
        _ => {
            let remedy = "write exactly one of `requests` and `tokens`";
            return Err(place.refuse(at, "it is not said what is counted", remedy));
        }
    };
    if amount == 0 {
        let remedy = "write 1 or more; `authorization` refuses requests altogether";
        return Err(place.refuse(at, "a limit of nothing", remedy));
    }
    Ok(Limit {
        id,
        unit,
        amount,
        per: Duration::from_secs(match spec.unit {
            RateLimitUnit::Seconds => 1,
            RateLimitUnit::Minutes => 60,
            RateLimitUnit::Hours => 3600,
        }),
        burst: spec.burst.unwrap_or_default(),
        key: key.transpose()?,
    })
}
