//! The access log: one JSON object a line, keys as documented in `docs/logs.md`.

use std::borrow::Cow;
use std::cell::Cell;
use std::time::Duration;

use agw_ai::chat::Dropped;
use agw_ai::usage::{Counted, Usage};
use http::{HeaderName, HeaderValue, Version};

use super::json::Json;
use super::record::{AiRecord, Attempt, Record, Unasked};
use super::{ConnectionRecord, Outcome, Reason};

/// The log line of a request that took `elapsed`, with its line end.
pub(super) fn line(record: &Record, elapsed: Duration) -> Vec<u8> {
    let plan = record.plan.as_ref();
    let mut json = Json::with_capacity(1024);
    json.raw(r#"{"timestamp":""#);
    timestamp(&mut json, record.at);
    json.raw(r#"","level":"info","scope":"request""#)
        .text(r#","gateway":"#, &record.gateway)
        .some_text(r#","listener":"#, record.listener.as_deref())
        .some_text(r#","route_name":"#, plan.map(|p| &*p.route.key.name))
        .some_text(r#","route":"#, plan.map(|p| &*p.route_label))
        .some_text(r#","route_rule":"#, plan.map(|p| &*p.name))
        .some_text(r#","backend":"#, record.target.as_ref().map(|t| &*t.label))
        .some_text(r#","endpoint":"#, record.endpoint.as_deref())
        .text(r#","source":{"address":"#, record.client.text())
        .text(r#"},"http":{"method":"#, record.method.as_str())
        .text(r#","host":"#, &record.host)
        .text(r#","path":"#, &record.path)
        .text(r#","version":"#, &version(record.version))
        .some_number(r#","status":"#, record.status.map(|s| s.as_u16().into()))
        .text(r#"},"request":{"id":"#, &record.request_id);
    headers(&mut json, &record.headers);
    json.raw("}");
    if let Some(ai) = record.ai.as_deref() {
        gen_ai(&mut json, ai);
    }
    attempts(&mut json, &record.attempts);
    if let Some(first) = record.ai.as_ref().and_then(|ai| ai.first_token) {
        json.raw(r#","time_to_first_token_ms":"#).millis(first);
    }
    failed_open(&mut json, &record.failed_open);
    ending(&mut json, elapsed, &record.outcome);
    json.some_text(r#","trace_id":"#, record.trace_id.as_deref())
        .raw("}");
    json.into_line()
}

/// The line of a connection or a client's datagrams, with its line end.
pub(super) fn connection_line(record: &ConnectionRecord, elapsed: Duration) -> Vec<u8> {
    let plan = record.plan.as_ref();
    let mut json = Json::with_capacity(512);
    json.raw(r#"{"timestamp":""#);
    timestamp(&mut json, record.at);
    json.raw(r#"","level":"info","scope":"connection""#)
        .text(r#","gateway":"#, &record.gateway)
        .some_text(r#","listener":"#, record.listener.as_deref())
        .some_text(r#","route_name":"#, plan.map(|p| &*p.route.key.name))
        .some_text(r#","route":"#, plan.map(|p| &*p.route_label))
        .some_text(r#","route_rule":"#, plan.map(|p| &*p.name))
        .some_text(r#","backend":"#, record.target.as_ref().map(|t| &*t.label))
        .some_text(r#","endpoint":"#, record.endpoint.as_deref())
        .text(r#","source":{"address":"#, record.client.text())
        .text(r#"},"network":{"transport":"#, record.transport.as_str())
        .raw("}");
    if !record.server_name.is_empty() {
        json.text(r#","tls":{"server_name":"#, &record.server_name)
            .raw("}");
    }
    json.raw(r#","bytes":{"received":"#)
        .number(record.traffic.received.get())
        .raw(r#","sent":"#)
        .number(record.traffic.sent.get())
        .raw("}");
    ending(&mut json, elapsed, &record.outcome);
    json.raw("}");
    json.into_line()
}

fn failed_open(json: &mut Json, servers: &[Unasked]) {
    let mut before = r#","failed_open":["#;
    for server in servers {
        json.text(before, server.as_str());
        before = ",";
    }
    if !servers.is_empty() {
        json.raw("]");
    }
}

/// How long it took, and why it ended as it did.
fn ending(json: &mut Json, elapsed: Duration, outcome: &Outcome) {
    let whole = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    json.raw(r#","duration_ms":"#)
        .millis(elapsed)
        .raw(r#","duration":""#)
        .number(whole)
        .raw("ms\"");
    let reason = Some(outcome.reason).filter(|r| *r != Reason::Ok);
    json.some_text(r#","reason":"#, reason.map(Reason::as_str))
        .some_text(r#","error":"#, outcome.error.as_deref());
}

/// RFC 3339 in UTC, to the microsecond. Most requests share their second with the one before.
fn timestamp(json: &mut Json, at: jiff::Timestamp) {
    thread_local! {
        static SECOND: Cell<(i64, [u8; 19])> = const { Cell::new((i64::MIN, [0; 19])) };
    }
    let second = at.as_second();
    let (known, mut text) = SECOND.get();
    if known != second {
        let whole = jiff::Timestamp::from_second(second).unwrap_or_default();
        let written = whole.to_string();
        match written.as_bytes().first_chunk() {
            Some(start) if written.len() == 20 => text = *start,
            // A year of more than four digits.
            _ => {
                json.raw(&at.to_string());
                return;
            }
        }
        SECOND.set((second, text));
    }
    json.raw(std::str::from_utf8(&text).unwrap_or_default());
    let micros = at.subsec_microsecond().unsigned_abs();
    let mut rest = *b".000000Z";
    let mut left = micros;
    for place in rest[1..7].iter_mut().rev() {
        *place = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
    }
    json.raw(std::str::from_utf8(&rest).unwrap_or_default());
}

fn headers(json: &mut Json, headers: &[(HeaderName, HeaderValue)]) {
    let mut before = r#","headers":{"#;
    for (name, value) in headers {
        json.text(before, name.as_str());
        json.text(":", &String::from_utf8_lossy(value.as_bytes()));
        before = ",";
    }
    if !headers.is_empty() {
        json.raw("}");
    }
}

fn attempts(json: &mut Json, attempts: &[Attempt]) {
    let mut before = r#","attempts":[{"backend":"#;
    for attempt in attempts {
        json.text(before, &attempt.backend)
            .some_text(r#","provider":"#, attempt.provider.as_deref())
            .some_text(r#","model":"#, attempt.model.as_deref())
            .text(r#","endpoint":"#, &attempt.endpoint)
            .some_number(r#","status":"#, attempt.status.map(Into::into))
            .raw(r#","duration_ms":"#)
            .millis(attempt.took)
            .some_text(r#","reason":"#, attempt.reason.map(Reason::as_str))
            .some_text(r#","error":"#, attempt.error.as_deref())
            .raw("}");
        before = r#",{"backend":"#;
    }
    if !attempts.is_empty() {
        json.raw("]");
    }
}

fn gen_ai(json: &mut Json, ai: &AiRecord) {
    json.text(
        r#","gen_ai":{"operation":{"name":"#,
        ai.operation.otel_name(),
    )
    .text(r#"},"provider":{"name":"#, ai.provider)
    .raw(r#"},"request":{"#);
    if let Some(model) = ai.model.as_deref() {
        json.text(r#""model":"#, model).raw(",");
    }
    if let Some(model) = ai.client_model.as_deref() {
        json.text(r#""client_model":"#, model).raw(",");
    }
    json.raw(if ai.stream {
        r#""stream":true"#
    } else {
        r#""stream":false"#
    });
    dropped(json, &ai.dropped);
    undone(json, &ai.undone);
    json.raw("}");
    if let Some(model) = ai.response_model.as_deref() {
        json.text(r#","response":{"model":"#, model).raw("}");
    }
    usage(json, &ai.usage);
    if ai.counted == Counted::Estimate {
        json.raw(r#","estimated":true"#);
    }
    if let Some(cost) = ai.cost {
        json.raw(r#","cost_usd":"#).raw(&cost.to_string());
    }
    json.raw("}");
}

/// What of the request the provider's format could not say: names of fields, never their values.
fn dropped(json: &mut Json, dropped: &Dropped) {
    let mut before = r#","dropped_fields":["#;
    for path in dropped.paths() {
        json.text(before, path);
        before = ",";
    }
    if before == "," {
        json.raw("]");
    }
}

/// What policies ask for and this request could not be given.
fn undone(json: &mut Json, parts: &[agw_ai::shape::Part]) {
    let mut before = r#","policies_not_applied":["#;
    for part in parts {
        json.text(before, part.word());
        before = ",";
    }
    if before == "," {
        json.raw("]");
    }
}

/// Token counts under OpenTelemetry's names and under OpenAI's.
fn usage(json: &mut Json, usage: &Usage) {
    let counts = [
        (r#""input_tokens":"#, usage.input),
        (r#""output_tokens":"#, usage.output),
        (r#""prompt_tokens":"#, usage.input),
        (r#""completion_tokens":"#, usage.output),
        (r#""total_tokens":"#, usage.total),
        (r#""cached_tokens":"#, usage.cached),
        (r#""reasoning_tokens":"#, usage.reasoning),
        (r#""search_units":"#, usage.search_units),
    ];
    let mut before = r#","usage":{"#;
    for (key, count) in counts {
        if let Some(count) = count {
            json.raw(before).raw(key).number(count);
            before = ",";
        }
    }
    if before == "," {
        json.raw("}");
    }
}

fn version(version: Version) -> Cow<'static, str> {
    match version {
        Version::HTTP_10 => "HTTP/1.0".into(),
        Version::HTTP_11 => "HTTP/1.1".into(),
        Version::HTTP_2 => "HTTP/2".into(),
        other => format!("{other:?}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_those_of_the_calendar() {
        for text in [
            "2026-11-27T02:21:15.000001Z",
            "2026-11-27T02:21:15.999999Z",
            "2026-11-27T02:21:16Z",
            "1969-12-31T23:59:59Z",
            "2024-02-29T12:00:00.5Z",
        ] {
            let at: jiff::Timestamp = text.parse().unwrap();
            let mut json = Json::with_capacity(0);
            timestamp(&mut json, at);
            let line = String::from_utf8(json.into_line()).unwrap();
            assert_eq!(
                line.trim_end().parse::<jiff::Timestamp>().unwrap(),
                at,
                "{line}"
            );
            assert_eq!(line.len(), "2026-11-27T02:21:15.000001Z\n".len());
        }
    }
}
