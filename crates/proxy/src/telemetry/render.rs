//! All workers' counts as OpenMetrics text.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::connection::ConnectionLabels;
use super::families::{Labels, counters, gauge, histograms};
use super::metrics::{
    AiLabels, AiSeries, AttemptLabels, RequestLabels, RequestSeries, TOKEN_TYPES,
};
use super::{Dropped, GuardAction, Phase, Shard};
use crate::connection::Closed;

/// Values that are read when they are asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gauges {
    pub(crate) config_version: u64,
    pub(crate) config_age_seconds: f64,
    pub(crate) log_lines_dropped: u64,
    /// Backend, provider entry, and whether it takes requests.
    pub(crate) backends: Vec<(String, String, bool)>,
}

#[derive(Debug, Default)]
struct Merged {
    requests: BTreeMap<RequestLabels, RequestSeries>,
    ai: BTreeMap<AiLabels, AiSeries>,
    attempts: BTreeMap<AttemptLabels, u64>,
    expression_failures: BTreeMap<Arc<str>, u64>,
    retries_refused: BTreeMap<Arc<str>, u64>,
    mirrored: BTreeMap<(Arc<str>, &'static str), u64>,
    guardrails: BTreeMap<(Phase, GuardAction), u64>,
    connections: usize,
    closed: BTreeMap<Closed, u64>,
    dropped: BTreeMap<Dropped, u64>,
    ended: BTreeMap<(ConnectionLabels, &'static str), u64>,
    bytes: BTreeMap<ConnectionLabels, [u64; 2]>,
    gauges: Gauges,
}

/// The scrape: every shard added up, and the gauges.
pub(crate) fn render(shards: &[Arc<Shard>], gauges: Gauges) -> String {
    let mut merged = Merged {
        gauges,
        ..Merged::default()
    };
    for shard in shards {
        shard.read(|tables| merged.add(tables));
    }
    let mut registry = Registry::default();
    registry.register_collector(Box::new(merged));
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = encode(&mut text, &registry);
    text
}

impl Merged {
    fn add(&mut self, tables: &super::metrics::Tables) {
        for (labels, series) in &tables.requests {
            match self.requests.get_mut(labels) {
                Some(known) => known.merge(series),
                None => drop(self.requests.insert(labels.clone(), series.clone())),
            }
        }
        for (labels, series) in &tables.ai {
            match self.ai.get_mut(labels) {
                Some(known) => known.merge(series),
                None => drop(self.ai.insert(labels.clone(), series.clone())),
            }
        }
        for (labels, count) in &tables.attempts {
            *self.attempts.entry(labels.clone()).or_default() += count;
        }
        for (backend, count) in &tables.retries_refused {
            *self.retries_refused.entry(backend.clone()).or_default() += count;
        }
        for (key, count) in &tables.mirrored {
            *self.mirrored.entry(key.clone()).or_default() += count;
        }
        for (key, count) in &tables.guardrails {
            *self.guardrails.entry(*key).or_default() += count;
        }
        self.connections += tables.connections;
        for (why, count) in &tables.closed {
            *self.closed.entry(*why).or_default() += count;
        }
        for (why, count) in &tables.dropped {
            *self.dropped.entry(*why).or_default() += count;
        }
        for (key, count) in &tables.ended {
            *self.ended.entry(key.clone()).or_default() += count;
        }
        for (labels, bytes) in &tables.bytes {
            let totals = self.bytes.entry(labels.clone()).or_default();
            for (total, bytes) in totals.iter_mut().zip(bytes) {
                *total += bytes;
            }
        }
        for (place, count) in &tables.expression_failures {
            *self.expression_failures.entry(place.clone()).or_default() += count;
        }
    }
}

impl Collector for Merged {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let out = &mut encoder;
        self.requests(out)?;
        self.ai(out)?;
        self.gen_ai(out)?;
        self.connections(out)?;
        counters(
            out,
            "agentgateway_attempts",
            "Requests to upstreams, by how each ended",
            self.attempts.iter().map(|(labels, count)| {
                let reason = labels.reason.to_owned();
                let labels = vec![
                    ("backend", labels.backend.to_string()),
                    ("provider", labels.provider.to_string()),
                    ("reason", reason),
                ];
                (labels, *count)
            }),
        )?;
        counters(
            out,
            "agentgateway_expression_failures",
            "Expressions that failed at run time; their header was left unset",
            self.expression_failures
                .iter()
                .map(|(place, n)| (vec![("place", place.to_string())], *n)),
        )?;
        counters(
            out,
            "agentgateway_retries_refused",
            "Retries that the budget of their backend did not allow",
            self.retries_refused
                .iter()
                .map(|(backend, n)| (vec![("backend", backend.to_string())], *n)),
        )?;
        counters(
            out,
            "agentgateway_guardrail_checks",
            "Looks at what is said to models and by them, by what came of each",
            self.guardrails.iter().map(|((phase, action), n)| {
                let labels = [("phase", phase.as_str()), ("action", action.as_str())];
                (
                    labels
                        .map(|(name, value)| (name, value.to_owned()))
                        .to_vec(),
                    *n,
                )
            }),
        )?;
        counters(
            out,
            "agentgateway_mirrored_requests",
            "Copies of requests for mirrors, by how each ended",
            self.mirrored.iter().map(|((backend, reason), n)| {
                let reason = (*reason).to_owned();
                (
                    vec![("backend", backend.to_string()), ("reason", reason)],
                    *n,
                )
            }),
        )?;
        counters(
            out,
            "agentgateway_client_connections_closed",
            "Client connections that the gateway ended, by why",
            self.closed
                .iter()
                .map(|(why, n)| (vec![("reason", why.as_str().to_owned())], *n)),
        )?;
        counters(
            out,
            "agentgateway_datagrams_dropped",
            "Datagrams of clients that were not handed on, by why",
            self.dropped
                .iter()
                .map(|(why, n)| (vec![("reason", why.as_str().to_owned())], *n)),
        )?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let connections = self.connections as f64;
        gauge(
            out,
            "agentgateway_client_connections",
            "Client connections open",
            [(Labels::new(), connections)],
        )?;
        self.process(out)
    }
}

impl Merged {
    fn requests(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        counters(
            out,
            "agentgateway_requests",
            "Requests answered",
            self.requests
                .iter()
                .map(|(labels, series)| (labels.all(), series.count)),
        )?;
        histograms(
            out,
            "agentgateway_request_duration_seconds",
            "Seconds from a request's head to the end of its answer",
            self.requests
                .iter()
                .map(|(labels, series)| (labels.all(), &series.duration)),
        )
    }

    fn ai(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let tokens = self.ai.iter().flat_map(|(labels, series)| {
            TOKEN_TYPES
                .into_iter()
                .zip(series.tokens)
                .map(|(kind, count)| {
                    let mut all = labels.route();
                    all.push(("token_type", kind.to_owned()));
                    (all, count)
                })
        });
        counters(
            out,
            "agentgateway_tokens",
            "Tokens, as providers counted them",
            tokens,
        )?;
        counters(
            out,
            "agentgateway_cost_usd",
            "US dollars, by the price table",
            self.ai
                .iter()
                .map(|(labels, series)| (labels.route(), series.cost.dollars())),
        )?;
        histograms(
            out,
            "agentgateway_time_to_first_token_seconds",
            "Seconds from a request's head to the first content of a streamed answer",
            self.ai
                .iter()
                .map(|(labels, series)| (labels.route(), &series.first_token)),
        )
    }

    /// Of what carries no requests.
    fn connections(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        counters(
            out,
            "agentgateway_connections",
            "Connections and clients of datagrams that were relayed, by how each ended",
            self.ended.iter().map(|((labels, reason), count)| {
                let mut all = labels.all();
                all.push(("reason", (*reason).to_owned()));
                (all, *count)
            }),
        )?;
        let bytes = self.bytes.iter().flat_map(|(labels, totals)| {
            ["received", "sent"]
                .into_iter()
                .zip(totals)
                .map(|(direction, total)| {
                    let mut all = labels.all();
                    all.push(("direction", direction.to_owned()));
                    (all, *total)
                })
        });
        counters(
            out,
            "agentgateway_connection_bytes",
            "Bytes of clients that were relayed, counted when each has ended",
            bytes,
        )
    }

    /// The metrics of OpenTelemetry's GenAI conventions, under their own names.
    fn gen_ai(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let usage = self.ai.iter().flat_map(|(labels, series)| {
            [("input", &series.input), ("output", &series.output)].map(|(kind, histogram)| {
                let mut all = labels.conventional();
                all.push(("gen_ai_token_type", kind.to_owned()));
                (all, histogram)
            })
        });
        histograms(
            out,
            "gen_ai_client_token_usage",
            "Tokens of one request",
            usage,
        )?;
        histograms(
            out,
            "gen_ai_client_operation_duration_seconds",
            "Seconds of one AI operation",
            self.ai
                .iter()
                .map(|(labels, series)| (labels.conventional(), &series.duration)),
        )?;
        histograms(
            out,
            "gen_ai_server_time_to_first_token_seconds",
            "Seconds to the first token of a streamed answer",
            self.ai
                .iter()
                .map(|(labels, series)| (labels.conventional(), &series.first_token)),
        )
    }

    fn process(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let gauges = &self.gauges;
        let backends = gauges.backends.iter().map(|(backend, provider, healthy)| {
            let labels = vec![("backend", backend.clone()), ("provider", provider.clone())];
            (labels, if *healthy { 1.0 } else { 0.0 })
        });
        gauge(
            out,
            "agentgateway_backend_healthy",
            "1 when the backend takes requests, 0 while it is taken out",
            backends,
        )?;
        #[expect(clippy::cast_precision_loss, reason = "versions stay far below 2^52")]
        let version = gauges.config_version as f64;
        let none = Labels::new;
        let help = "Version of the configuration in force";
        gauge(
            out,
            "agentgateway_config_version",
            help,
            [(none(), version)],
        )?;
        let help = "Seconds since that configuration came into force";
        gauge(
            out,
            "agentgateway_config_age_seconds",
            help,
            [(none(), gauges.config_age_seconds)],
        )?;
        let help = "Access log lines dropped because their reader was too slow";
        counters(
            out,
            "agentgateway_log_lines_dropped",
            help,
            [(none(), gauges.log_lines_dropped)],
        )?;
        let labels = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        gauge(out, "agentgateway_build_info", "Always 1", [(labels, 1.0)])
    }
}

impl fmt::Debug for super::metrics::Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables")
            .field("requests", &self.requests.len())
            .finish_non_exhaustive()
    }
}
