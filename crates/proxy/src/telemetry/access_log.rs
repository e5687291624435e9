//! The access log: one JSON object a line, keys as documented in `docs/logs.md`.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::Reason;
use super::record::{AiRecord, Attempt, Record};

#[derive(Serialize)]
struct Line<'a> {
    timestamp: String,
    level: &'static str,
    scope: &'static str,
    gateway: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    listener: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route_rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'a str>,
    source: Source,
    http: Http<'a>,
    request: Request<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gen_ai: Option<GenAi<'a>>,
    #[serde(skip_serializing_if = "<[Attempt]>::is_empty")]
    attempts: &'a [Attempt],
    #[serde(skip_serializing_if = "Option::is_none")]
    time_to_first_token_ms: Option<f64>,
    duration_ms: f64,
    duration: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Source {
    address: String,
}

#[derive(Serialize)]
struct Http<'a> {
    method: &'a str,
    host: &'a str,
    path: &'a str,
    version: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

#[derive(Serialize)]
struct Request<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Headers::is_empty")]
    headers: Headers<'a>,
}

struct Headers<'a>(&'a Record);

#[derive(Serialize)]
struct Name<T> {
    name: T,
}

#[derive(Serialize)]
struct Model<T> {
    model: T,
}

#[derive(Serialize)]
struct GenAiRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_model: Option<&'a str>,
    stream: bool,
}

#[derive(Serialize)]
struct GenAi<'a> {
    operation: Name<&'static str>,
    provider: Name<&'static str>,
    request: GenAiRequest<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Model<&'a str>>,
    #[serde(skip_serializing_if = "Tokens::is_empty")]
    usage: Tokens,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
}

/// Token counts under OpenTelemetry's names and under OpenAI's.
#[derive(Serialize, Default, PartialEq)]
struct Tokens {
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_tokens: Option<u64>,
}

impl Tokens {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Headers<'_> {
    fn is_empty(&self) -> bool {
        self.0.headers.is_empty()
    }
}

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.headers.len()))?;
        for (name, value) in &self.0.headers {
            map.serialize_entry(name.as_str(), &String::from_utf8_lossy(value.as_bytes()))?;
        }
        map.end()
    }
}

/// The log line of a request that took `elapsed`, with its line end.
pub(super) fn line(record: &Record, elapsed: Duration) -> Vec<u8> {
    let plan = record.plan.as_ref();
    let line = Line {
        timestamp: record.at.to_string(),
        level: "info",
        scope: "request",
        gateway: &record.gateway,
        listener: record.listener.as_deref(),
        route_name: plan.map(|p| &*p.route.key.name),
        route: plan.map(|p| &*p.route_label),
        route_rule: plan.map(|p| &*p.name),
        backend: record.target.as_ref().map(|t| &*t.label),
        endpoint: record.endpoint.as_deref(),
        source: Source {
            address: record.peer.to_string(),
        },
        http: Http {
            method: record.method.as_str(),
            host: &record.host,
            path: &record.path,
            version: version(record.version),
            status: record.status.map(|s| s.as_u16()),
        },
        request: Request {
            id: &record.request_id,
            headers: Headers(record),
        },
        gen_ai: record.ai.as_deref().map(gen_ai),
        attempts: &record.attempts,
        time_to_first_token_ms: record.ai.as_ref().and_then(|ai| ai.first_token).map(millis),
        duration_ms: millis(elapsed),
        duration: format!("{}ms", elapsed.as_millis()),
        reason: Some(record.outcome.reason).filter(|r| *r != Reason::Ok),
        error: record.outcome.error.as_deref(),
        trace_id: record.trace_id.as_deref(),
    };
    let mut bytes = Vec::with_capacity(1024);
    if serde_json::to_writer(&mut bytes, &line).is_err() {
        // Only a failing writer or a map with odd keys could do this; neither is there.
        bytes.clear();
        bytes.extend_from_slice(br#"{"level":"error","message":"log line lost"}"#);
    }
    bytes.push(b'\n');
    bytes
}

fn gen_ai(ai: &AiRecord) -> GenAi<'_> {
    let usage = &ai.usage;
    let model = ai.response_model.as_deref().or(ai.model.as_deref());
    GenAi {
        operation: Name {
            name: ai.operation.otel_name(),
        },
        provider: Name { name: ai.provider },
        request: GenAiRequest {
            model: ai.model.as_deref(),
            client_model: ai.client_model.as_deref(),
            stream: ai.stream,
        },
        response: ai.response_model.as_deref().map(|model| Model { model }),
        usage: Tokens {
            input_tokens: usage.input,
            output_tokens: usage.output,
            prompt_tokens: usage.input,
            completion_tokens: usage.output,
            total_tokens: usage.total,
            cached_tokens: usage.cached,
            reasoning_tokens: usage.reasoning,
        },
        cost_usd: model.and_then(|m| super::metrics::cost_usd(m, usage)),
    }
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn version(version: http::Version) -> Cow<'static, str> {
    match version {
        http::Version::HTTP_10 => "HTTP/1.0".into(),
        http::Version::HTTP_11 => "HTTP/1.1".into(),
        http::Version::HTTP_2 => "HTTP/2".into(),
        other => format!("{other:?}").into(),
    }
}
