//! Limits.

use std::sync::Arc;
use std::time::Duration;

use agw_api::rate_limit::{
    CountedUnit, GlobalRateLimit, LocalRateLimit, RateLimit as Spec, RateLimitDescriptor,
    RateLimitUnit, RedisCounter, WindowUnit,
};
use agw_core::condition::{Case, Cases};
use agw_core::id::ObjectKey;
use agw_core::rate_limit::{
    Counting, Descriptor, GlobalLimit, Limit, Limits, Login, RateLimit, Span, Unit, Window,
};

use super::access::external::failure_mode;
use super::place::Place;
use super::target::Target;
use crate::expression::{Rejected, collect};
use crate::finding::Code;

/// Compiles the limits of a policy on one target: what comes under another is counted apart.
pub(super) fn rate_limit(
    spec: &Spec,
    target: Option<&Target>,
    place: &mut Place<'_, '_>,
) -> Result<RateLimit, Rejected> {
    let scope = target.map(|t| format!(" on {t}")).unwrap_or_default();
    let policy = format!("{} {}{scope}", place.subject.kind, place.subject.key);
    let beside = !spec.local.is_empty() || spec.global.is_some();
    match &spec.conditional[..] {
        [] if beside => {
            let global = spec.global.as_ref();
            Ok(Cases::always(limits(
                &spec.local,
                global,
                "",
                &policy,
                place,
            )?))
        }
        entries @ [_, ..] if !beside => {
            let last = entries.len() - 1;
            let cases = entries.iter().enumerate().map(|(index, entry)| {
                let at = format!("conditional[{index}]");
                let when = condition(entry.condition.as_deref(), index == last, &at, place);
                let limited = &entry.policy;
                let inside = format!("{at}.policy.");
                let then = limits(
                    &limited.local,
                    limited.global.as_ref(),
                    &inside,
                    &policy,
                    place,
                );
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
            "write `local` and `global`, or `conditional`",
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

/// The limits under the path `inside`.
fn limits(
    list: &[LocalRateLimit],
    global: Option<&GlobalRateLimit>,
    inside: &str,
    policy: &str,
    place: &mut Place<'_, '_>,
) -> Result<Limits, Rejected> {
    if list.is_empty() && global.is_none() {
        let at = inside.trim_end_matches('.');
        return Err(place.refuse(at, "there is no limit", "write `local` or `global`"));
    }
    let local = list.iter().enumerate().map(|(index, spec)| {
        let at = format!("{inside}local[{index}]");
        let id = format!("{policy} {at}");
        limit(spec, id.into(), &at, place)
    });
    let local = collect(local);
    let global =
        global.map(|spec| global_limit(spec, &mut place.inside(&format!("{inside}global"))));
    Ok(Limits {
        local: local?.into(),
        global: global.transpose()?.map(Arc::new),
    })
}

fn global_limit(
    spec: &GlobalRateLimit,
    place: &mut Place<'_, '_>,
) -> Result<GlobalLimit, Rejected> {
    let asked = place.asked(spec.backend_ref.as_ref(), spec.url.as_deref());
    if spec.domain.is_empty() {
        return Err(place.refuse(
            "domain",
            "it is empty",
            "write the domain that the server knows",
        ));
    }
    if spec.descriptors.is_empty() {
        return Err(place.refuse("descriptors", "there is none", "write what is counted by"));
    }
    let descriptors = spec.descriptors.iter().enumerate();
    let descriptors = collect(descriptors.map(|(index, descriptor_spec)| {
        let mut place = place.inside(&format!("descriptors[{index}]"));
        if descriptor_spec.limit.is_some() != spec.redis.is_some() {
            let why = "with `redis` each descriptor has its `limit`, and without it none";
            return Err(place.refuse("", why, "write `limit` and `redis`, or none of them"));
        }
        descriptor(descriptor_spec, &mut place)
    }));
    let url = spec.url.as_deref();
    let is_redis = |url: &str| url.starts_with("redis://") || url.starts_with("rediss://");
    if url.is_some_and(|url| is_redis(url) != spec.redis.is_some()) {
        let why = "it is not that of such a server";
        let remedy = "write `redis://host` with `redis`, and `http://host:port` without";
        return Err(place.refuse("url", why, remedy));
    }
    let by = match &spec.redis {
        None => Counting::Service,
        Some(redis) => Counting::Redis(login(redis, &mut place.inside("redis"))?),
    };
    let (server, path) = asked?;
    if path.is_some() {
        let remedy = "write `http://host:port`";
        return Err(place.refuse("url", "such a server is asked at no path", remedy));
    }
    Ok(GlobalLimit {
        server,
        by,
        domain: (*spec.domain).into(),
        descriptors: descriptors?,
        failure_mode: failure_mode(spec.failure_mode),
    })
}

fn descriptor(
    spec: &RateLimitDescriptor,
    place: &mut Place<'_, '_>,
) -> Result<Descriptor, Rejected> {
    if spec.entries.is_empty() {
        return Err(place.refuse("entries", "there is none", "write what is counted by"));
    }
    let entries = spec.entries.iter().enumerate();
    let entries = collect(entries.map(|(index, entry)| {
        let at = format!("entries[{index}].expression");
        let value = place.expression(&at, &entry.expression)?;
        Ok((entry.name.as_str().into(), value))
    }));
    let mut one = |source: &Option<String>, at: &str| {
        let source = source.as_deref();
        source
            .map(|source| place.expression(at, source))
            .transpose()
    };
    let cost = one(&spec.cost, "cost");
    let limit = one(&spec.limit_override, "limitOverride");
    let window = spec.limit.as_ref().map(|limit| match limit.amount {
        0 => {
            let remedy = "write 1 or more; `authorization` refuses requests altogether";
            Err(place.refuse("limit.amount", "a limit of nothing", remedy))
        }
        amount => Ok(Window {
            amount,
            per: span(limit.unit),
        }),
    });
    Ok(Descriptor {
        entries: entries?,
        unit: match spec.unit {
            None | Some(CountedUnit::Requests) => Unit::Requests,
            Some(CountedUnit::Tokens) => Unit::Tokens,
        },
        cost: cost?,
        limit: limit?,
        window: window.transpose()?,
    })
}

fn span(unit: WindowUnit) -> Span {
    match unit {
        WindowUnit::Seconds => Span::Second,
        WindowUnit::Minutes => Span::Minute,
        WindowUnit::Hours => Span::Hour,
        WindowUnit::Days => Span::Day,
        WindowUnit::Months => Span::Month,
        WindowUnit::Years => Span::Year,
    }
}

/// How one is let into Redis.
fn login(spec: &RedisCounter, place: &mut Place<'_, '_>) -> Result<Login, Rejected> {
    let password = spec.secret_ref.as_ref().map(|secret| {
        let key = ObjectKey::new(place.subject.key.namespace.clone(), &*secret.name);
        let Some(found) = place.state.secrets.get(&key) else {
            let message = format!("Secret {key} does not exist");
            let remedy = "create it beside the policy, or correct the name";
            place.say(Code::SecretNotFound, "secretRef.name", &message, remedy);
            return Err(Rejected);
        };
        let name = secret.key.as_deref().unwrap_or("password");
        let password = found.object.data.get(name).and_then(|d| d.to_secret());
        password.ok_or_else(|| {
            let message = format!("Secret {key} has no text under `{name}`");
            let remedy = "store the password there";
            place.say(Code::SecretKeyNotFound, "secretRef", &message, remedy);
            Rejected
        })
    });
    let password = password.transpose()?;
    if spec.username.is_some() && password.is_none() {
        let remedy = "write `secretRef` too";
        return Err(place.refuse("username", "a user without a password", remedy));
    }
    Ok(Login {
        username: spec.username.as_deref().map(Into::into),
        password,
        database: spec.database.unwrap_or_default().into(),
    })
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
