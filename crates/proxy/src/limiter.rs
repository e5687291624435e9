//! Servers that count for all proxies.

use std::time::Duration;

use agw_core::access::HeaderEdit;
use agw_core::rate_limit::{Count, Counting, GlobalLimit, Login, Span};
use agw_envoy::SHOULD_RATE_LIMIT;
use agw_envoy::core::HeaderValue as Told;
use agw_envoy::descriptor::RateLimitDescriptor;
use agw_envoy::descriptor::rate_limit_descriptor::{Entry, RateLimitOverride};
use agw_envoy::known::Duration as Known;
use agw_envoy::ratelimit::rate_limit_response::{Code, DescriptorStatus, RateLimit};
use agw_envoy::ratelimit::{RateLimitRequest, RateLimitResponse};
use agw_envoy::types::RateLimitUnit;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};

use crate::asking::Asking;
pub(crate) use crate::redis::Holding;

/// A server that has not answered by then has failed: every request waits for it.
pub(crate) const WITHIN: Duration = Duration::from_secs(2);

/// What a server says of a request.
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    /// Of the request, as it goes on.
    pub(crate) request: Vec<HeaderEdit>,
    /// Of the response, whoever makes it.
    pub(crate) response: Vec<HeaderEdit>,
    /// The response's body, where the server has words of its own for it.
    pub(crate) body: Bytes,
}

/// Whether a request is within its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Within,
    Over,
}

/// Asks for what is counted, and counts it. The error says why nobody did.
pub(crate) async fn ask(
    asking: &Asking<'_>,
    limit: &GlobalLimit,
    counts: &[Count],
    holding: Holding,
) -> Result<Answer, String> {
    match &limit.by {
        Counting::Service => ask_service(asking, limit, counts).await,
        Counting::Redis(login) => ask_redis(asking, limit, login, (counts, holding)).await,
    }
}

async fn ask_service(
    asking: &Asking<'_>,
    limit: &GlobalLimit,
    counts: &[Count],
) -> Result<Answer, String> {
    let question = RateLimitRequest {
        domain: limit.domain.to_string(),
        descriptors: counts.iter().map(descriptor).collect(),
        hits_addend: 0,
    };
    let answer: RateLimitResponse = asking
        .grpc(&limit.server, SHOULD_RATE_LIMIT, &question)
        .await?;
    let verdict = match answer.overall_code() {
        Code::Ok => Verdict::Within,
        Code::OverLimit => Verdict::Over,
        Code::Unknown => return Err("its answer says neither yes nor no".to_owned()),
    };
    let mut response: Vec<_> = standing(&answer.statuses, verdict);
    response.extend(edits(answer.response_headers_to_add));
    Ok(Answer {
        verdict,
        request: edits(answer.request_headers_to_add).collect(),
        response,
        body: answer.raw_body,
    })
}

async fn ask_redis(
    asking: &Asking<'_>,
    limit: &GlobalLimit,
    login: &Login,
    (counts, holding): (&[Count], Holding),
) -> Result<Answer, String> {
    let worker = asking.worker;
    let endpoint = asking.first(&limit.server);
    let endpoint = endpoint.ok_or_else(|| "it has no ready endpoint".to_owned())?;
    let what = (limit, counts, holding);
    let asked = worker
        .redis
        .count(&worker.connector, &endpoint, login, what, asking.within);
    let told = asked.await?;
    let statuses = counts.iter().zip(&told.counters);
    let statuses = statuses.map(|(count, (now, left))| counted(count, *now, *left, told.over));
    let statuses: Vec<_> = statuses.collect();
    let verdict = match told.over {
        true => Verdict::Over,
        false => Verdict::Within,
    };
    Ok(Answer {
        verdict,
        request: Vec::new(),
        response: standing(&statuses, verdict),
        body: Bytes::new(),
    })
}

/// How a counter in Redis stands, of which `now` is used in a window with so many milliseconds left.
fn counted(count: &Count, now: u64, left: Option<u64>, over: bool) -> DescriptorStatus {
    let most = count.limit.map_or(0, |limit| u64::from(limit.amount));
    let reached = match count.amount {
        0 => now >= most,
        hits => now.saturating_add(hits) > most,
    };
    DescriptorStatus {
        code: match over && reached {
            true => Code::OverLimit,
            false => Code::Ok,
        }
        .into(),
        current_limit: count.limit.map(|limit| RateLimit {
            requests_per_unit: limit.amount,
            ..RateLimit::default()
        }),
        limit_remaining: u32::try_from(most.saturating_sub(now)).unwrap_or(u32::MAX),
        duration_until_reset: left.map(|left| Known {
            seconds: i64::try_from(left / 1000).unwrap_or(i64::MAX),
            nanos: i32::try_from(left % 1000).unwrap_or_default() * 1_000_000,
        }),
    }
}

/// One request needs no number: servers that know none for each descriptor count one.
fn descriptor(count: &Count) -> RateLimitDescriptor {
    let entries = count.entries.iter().map(|(key, value)| Entry {
        key: key.to_string(),
        value: value.clone(),
    });
    RateLimitDescriptor {
        entries: entries.collect(),
        limit: count.limit.map(|limit| RateLimitOverride {
            requests_per_unit: limit.amount,
            unit: unit(limit.per).into(),
        }),
        hits_addend: (count.amount != 1).then_some(count.amount),
    }
}

fn unit(span: Span) -> RateLimitUnit {
    match span {
        Span::Second => RateLimitUnit::Second,
        Span::Minute => RateLimitUnit::Minute,
        Span::Hour => RateLimitUnit::Hour,
        Span::Day => RateLimitUnit::Day,
        Span::Month => RateLimitUnit::Month,
        Span::Year => RateLimitUnit::Year,
    }
}

/// How the request stands to the limit that it is over, or else to the nearest.
fn standing(statuses: &[DescriptorStatus], verdict: Verdict) -> Vec<HeaderEdit> {
    let known = statuses
        .iter()
        .filter(|status| status.current_limit.is_some());
    let nearest =
        known.min_by_key(|status| (status.code() != Code::OverLimit, status.limit_remaining));
    let Some(nearest) = nearest else {
        return Vec::new();
    };
    let limit = nearest.current_limit.as_ref();
    let limit = limit.map_or(0, |limit| limit.requests_per_unit);
    let reset = nearest.duration_until_reset.as_ref();
    let reset =
        reset.map(|d| u64::try_from(d.seconds).unwrap_or_default() + u64::from(d.nanos > 0));
    let set = |name, value: u64| HeaderEdit::Set(HeaderName::from_static(name), value.into());
    let mut edits = vec![
        set("x-ratelimit-limit", limit.into()),
        set("x-ratelimit-remaining", nearest.limit_remaining.into()),
    ];
    if let Some(reset) = reset {
        edits.push(set("x-ratelimit-reset", reset));
        if verdict == Verdict::Over {
            edits.push(HeaderEdit::Set(header::RETRY_AFTER, reset.max(1).into()));
        }
    }
    edits
}

fn edits(headers: Vec<Told>) -> impl Iterator<Item = HeaderEdit> {
    headers.into_iter().filter_map(|told| {
        let name = HeaderName::from_bytes(told.key.as_bytes()).ok()?;
        let value = match told.raw_value.is_empty() {
            true => HeaderValue::from_str(&told.value).ok()?,
            false => HeaderValue::from_bytes(&told.raw_value).ok()?,
        };
        Some(HeaderEdit::Set(name, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: Code, amount: u32, left: u32) -> DescriptorStatus {
        DescriptorStatus {
            code: code.into(),
            current_limit: Some(RateLimit {
                requests_per_unit: amount,
                ..RateLimit::default()
            }),
            limit_remaining: left,
            duration_until_reset: Some(Known {
                seconds: 7,
                nanos: 1,
            }),
        }
    }

    #[test]
    fn the_limit_that_is_reached_is_told_before_the_nearest() {
        let told = |statuses: &[DescriptorStatus], verdict| {
            let mut headers = http::HeaderMap::new();
            for edit in standing(statuses, verdict) {
                edit.apply(&mut headers);
            }
            let get = |name: &str| headers.get(name).map(|v| v.to_str().unwrap().to_owned());
            (
                get("x-ratelimit-limit"),
                get("x-ratelimit-reset"),
                get("retry-after"),
            )
        };
        let text = |text: &str| Some(text.to_owned());
        let near = [
            status(Code::Ok, 10, 5),
            status(Code::Ok, 20, 3),
            DescriptorStatus::default(),
        ];
        assert_eq!(told(&near, Verdict::Within), (text("20"), text("8"), None));
        let over = [status(Code::Ok, 10, 0), status(Code::OverLimit, 20, 0)];
        assert_eq!(
            told(&over, Verdict::Over),
            (text("20"), text("8"), text("8"))
        );
        assert_eq!(told(&[], Verdict::Over), (None, None, None));
    }
}
