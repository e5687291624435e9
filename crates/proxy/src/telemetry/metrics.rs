//! Counts of one worker. Each worker writes its own; the scrape adds them up.

use std::sync::Arc;
use std::time::Duration;

use agw_ai::price::NanoUsd;
use agw_ai::usage::Usage;
use agw_core::snapshot::RulePlan;
use http::Method;
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};

use super::connection::ConnectionLabels;
use super::histogram::Histogram;
use super::{ConnectionRecord, Dropped, GuardAction, Phase, Reason, Record};
use crate::connection::Closed;

/// One worker's counts. The lock is taken by its worker once a request and by a scrape.
#[derive(Default)]
pub(crate) struct Shard(Mutex<Tables>);

/// Series by label set. Label values come from configuration, but for methods, statuses and
/// models, and those are bounded: so the tables are.
#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) requests: FxHashMap<RequestLabels, RequestSeries>,
    pub(crate) ai: FxHashMap<AiLabels, AiSeries>,
    pub(crate) attempts: FxHashMap<AttemptLabels, u64>,
    pub(crate) expression_failures: FxHashMap<Arc<str>, u64>,
    pub(crate) retries_refused: FxHashMap<Arc<str>, u64>,
    /// By backend and how it ended.
    pub(crate) mirrored: FxHashMap<(Arc<str>, &'static str), u64>,
    /// By what was looked at, and what came of it.
    pub(crate) guardrails: FxHashMap<(Phase, GuardAction), u64>,
    pub(crate) connections: usize,
    pub(crate) closed: FxHashMap<Closed, u64>,
    pub(crate) dropped: FxHashMap<Dropped, u64>,
    /// Connections that carry no requests, by how they ended.
    pub(crate) ended: FxHashMap<(ConnectionLabels, &'static str), u64>,
    /// What they have received and sent.
    pub(crate) bytes: FxHashMap<ConnectionLabels, [u64; 2]>,
    models: FxHashSet<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RequestLabels {
    pub(crate) gateway: Arc<str>,
    pub(crate) listener: Arc<str>,
    pub(crate) route_namespace: Arc<str>,
    pub(crate) route_name: Arc<str>,
    pub(crate) backend: Arc<str>,
    pub(crate) provider: &'static str,
    pub(crate) model: Arc<str>,
    pub(crate) method: &'static str,
    pub(crate) status: u16,
    pub(crate) reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct AiLabels {
    pub(crate) gateway: Arc<str>,
    pub(crate) route_namespace: Arc<str>,
    pub(crate) route_name: Arc<str>,
    pub(crate) backend: Arc<str>,
    pub(crate) provider: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) model: Arc<str>,
    pub(crate) response_model: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct AttemptLabels {
    pub(crate) backend: Arc<str>,
    pub(crate) provider: Arc<str>,
    pub(crate) reason: &'static str,
}

#[derive(Debug, Clone)]
pub(crate) struct RequestSeries {
    pub(crate) count: u64,
    pub(crate) duration: Histogram,
}

#[derive(Debug, Clone)]
pub(crate) struct AiSeries {
    /// By [`TOKEN_TYPES`].
    pub(crate) tokens: [u64; 5],
    pub(crate) cost: NanoUsd,
    pub(crate) input: Histogram,
    pub(crate) output: Histogram,
    pub(crate) duration: Histogram,
    pub(crate) first_token: Histogram,
}

/// Values of the label `token_type`.
pub(crate) const TOKEN_TYPES: [&str; 5] =
    ["input", "output", "cache_read", "cache_write", "reasoning"];

const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0,
];
/// Bounds that OpenTelemetry's GenAI conventions advise.
const TOKENS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// Distinct model names kept as label values; past that a new one counts as `other`.
const MAX_MODELS: usize = 100;
/// Label sets kept a table and worker; past that a new one is not counted.
const MAX_SERIES: usize = 20_000;

impl Shard {
    pub(crate) fn record(&self, record: &Record, elapsed: Duration) {
        let mut tables = self.0.lock();
        let tables = &mut *tables;
        for attempt in &record.attempts {
            tables.attempt(AttemptLabels {
                backend: attempt.backend.clone(),
                provider: attempt.provider.clone().unwrap_or_default(),
                reason: attempt.reason.unwrap_or(Reason::Ok).as_str(),
            });
        }
        if let Some(verdict) = record.streamed {
            let key = (Phase::Response, GuardAction::of(verdict));
            *tables.guardrails.entry(key).or_default() += 1;
        }
        let labels = tables.request_labels(record);
        if let Some(ai) = &record.ai {
            let response = ai.response_model.as_deref().unwrap_or_default();
            let key = AiLabels {
                gateway: labels.gateway.clone(),
                route_namespace: labels.route_namespace.clone(),
                route_name: labels.route_name.clone(),
                backend: labels.backend.clone(),
                provider: ai.provider,
                operation: ai.operation.otel_name(),
                model: labels.model.clone(),
                response_model: tables.model(response),
            };
            if let Some(series) = entry(&mut tables.ai, key, AiSeries::new) {
                series.add(&ai.usage, ai.cost);
                series.duration.observe(elapsed.as_secs_f64());
                if let Some(first) = ai.first_token {
                    series.first_token.observe(first.as_secs_f64());
                }
            }
        }
        if let Some(series) = entry(&mut tables.requests, labels, RequestSeries::new) {
            series.count += 1;
            series.duration.observe(elapsed.as_secs_f64());
        }
    }

    /// Counts a connection that has ended, or a client's datagrams.
    pub(crate) fn ended(&self, record: &ConnectionRecord) {
        let mut tables = self.0.lock();
        let labels = record.labels();
        let traffic = [record.traffic.received.get(), record.traffic.sent.get()];
        if let Some(totals) = entry(&mut tables.bytes, labels.clone(), Default::default) {
            for (total, bytes) in totals.iter_mut().zip(traffic) {
                *total += bytes;
            }
        }
        let key = (labels, record.outcome.reason.as_str());
        if let Some(count) = entry(&mut tables.ended, key, u64::default) {
            *count += 1;
        }
    }

    /// Counts an expression that failed at run time, by where it stands.
    pub(crate) fn expression_failed(&self, place: &Arc<str>) {
        let mut tables = self.0.lock();
        if let Some(count) = entry(&mut tables.expression_failures, place.clone(), u64::default) {
            *count += 1;
        }
    }

    /// Counts a retry that the budget of its backend did not allow.
    pub(crate) fn retry_refused(&self, backend: &Arc<str>) {
        let mut tables = self.0.lock();
        if let Some(count) = entry(&mut tables.retries_refused, backend.clone(), u64::default) {
            *count += 1;
        }
    }

    /// Counts a copy of a request for a mirror, by how it ended.
    pub(crate) fn mirrored(&self, backend: &Arc<str>, reason: Reason) {
        let mut tables = self.0.lock();
        let key = (backend.clone(), reason.as_str());
        if let Some(count) = entry(&mut tables.mirrored, key, u64::default) {
            *count += 1;
        }
    }

    /// Counts a look at what is said.
    pub(crate) fn guardrail(&self, phase: Phase, action: GuardAction) {
        *self.0.lock().guardrails.entry((phase, action)).or_default() += 1;
    }

    /// Notes how many client connections there are.
    pub(crate) fn connections(&self, count: usize) {
        self.0.lock().connections = count;
    }

    /// Counts a client connection that this side ended.
    pub(crate) fn closed(&self, why: Closed) {
        *self.0.lock().closed.entry(why).or_default() += 1;
    }

    /// Counts a datagram that was not handed on.
    pub(crate) fn dropped(&self, why: Dropped) {
        *self.0.lock().dropped.entry(why).or_default() += 1;
    }

    /// Looks at the counts; the worker waits meanwhile, so `read` only copies.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Tables) -> T) -> T {
        read(&self.0.lock())
    }
}

impl Tables {
    fn attempt(&mut self, labels: AttemptLabels) {
        if let Some(count) = entry(&mut self.attempts, labels, u64::default) {
            *count += 1;
        }
    }

    fn request_labels(&mut self, record: &Record) -> RequestLabels {
        let (route_namespace, route_name) = route_labels(record.plan.as_ref());
        let ai = record.ai.as_ref();
        let model = ai.and_then(|ai| ai.model.as_deref()).unwrap_or_default();
        RequestLabels {
            gateway: record.gateway.clone(),
            listener: record.listener.clone().unwrap_or_default(),
            route_namespace,
            route_name,
            backend: record
                .target
                .as_ref()
                .map(|t| t.label.clone())
                .unwrap_or_default(),
            provider: ai.map_or("", |ai| ai.provider),
            model: self.model(model),
            method: method(&record.method),
            status: record.status.map_or(0, |s| s.as_u16()),
            reason: record.outcome.reason.as_str(),
        }
    }

    /// `name` as a label value: clients choose models, so only so many distinct ones count.
    fn model(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.models.get(name) {
            return known.clone();
        }
        if name.len() > 128 || self.models.len() >= MAX_MODELS {
            return "other".into();
        }
        let name: Arc<str> = name.into();
        self.models.insert(name.clone());
        name
    }
}

/// Namespace and name of the plan's route.
pub(super) fn route_labels(plan: Option<&Arc<RulePlan>>) -> (Arc<str>, Arc<str>) {
    match plan.map(|plan| &plan.route.key) {
        Some(key) => (key.namespace.clone(), key.name.clone()),
        None => ("".into(), "unmatched".into()),
    }
}

fn entry<K: std::hash::Hash + Eq, V>(
    table: &mut FxHashMap<K, V>,
    key: K,
    new: impl FnOnce() -> V,
) -> Option<&mut V> {
    if table.len() >= MAX_SERIES && !table.contains_key(&key) {
        return None;
    }
    Some(table.entry(key).or_insert_with(new))
}

fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE",
    ];
    KNOWN
        .into_iter()
        .find(|known| *known == method.as_str())
        .unwrap_or("OTHER")
}

impl RequestSeries {
    fn new() -> Self {
        Self {
            count: 0,
            duration: Histogram::new(SECONDS),
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.duration.merge(&other.duration);
    }
}

impl AiSeries {
    fn new() -> Self {
        Self {
            tokens: [0; 5],
            cost: NanoUsd::default(),
            input: Histogram::new(TOKENS),
            output: Histogram::new(TOKENS),
            duration: Histogram::new(SECONDS),
            first_token: Histogram::new(SECONDS),
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "token counts stay far below 2^52"
    )]
    fn add(&mut self, usage: &Usage, cost: Option<NanoUsd>) {
        let counts = [
            usage.input,
            usage.output,
            usage.cached,
            usage.cache_write,
            usage.reasoning,
        ];
        for (total, count) in self.tokens.iter_mut().zip(counts) {
            *total += count.unwrap_or(0);
        }
        if let Some(input) = usage.input {
            self.input.observe(input as f64);
        }
        if let Some(output) = usage.output {
            self.output.observe(output as f64);
        }
        self.cost = self.cost.plus(cost.unwrap_or_default());
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (total, count) in self.tokens.iter_mut().zip(other.tokens) {
            *total += count;
        }
        self.cost = self.cost.plus(other.cost);
        self.input.merge(&other.input);
        self.output.merge(&other.output);
        self.duration.merge(&other.duration);
        self.first_token.merge(&other.first_token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_chosen_models_are_bounded() {
        let mut tables = Tables::default();
        for n in 0..1000 {
            tables.model(&format!("made-up-{n}"));
        }
        assert_eq!(&*tables.model("one-more"), "other");
        assert_eq!(&*tables.model("made-up-3"), "made-up-3");
    }
}
