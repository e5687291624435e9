//! What the controller counts.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use agw_translate::manifest::Kind;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Every label value is one of a fixed set.
type Labels<const N: usize> = [(&'static str, &'static str); N];
type Counts<const N: usize> = Family<Labels<N>, Counter>;

/// Counters and gauges of this process. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    watch_events: Counts<1>,
    watch_errors: Counts<1>,
    translations: Counts<1>,
    translation_time: Histogram,
    revision: Gauge<u64, AtomicU64>,
    status_writes: Counts<2>,
    deployments: Counts<2>,
    events: Counts<1>,
    token_reviews: Counts<1>,
    leader: Gauge,
    ca_expiry: Gauge,
}

/// What became of a translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Translated {
    Published,
    /// Nothing came out that was not known.
    Unchanged,
    Failed,
}

/// What became of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusWrite {
    Written,
    /// It was already so.
    Unchanged,
    /// The object changed meanwhile; decided again.
    Conflict,
    Failed,
}

/// What became of an object of a Gateway's proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deployed {
    Applied,
    Pruned,
    Failed,
}

/// What became of an Event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventWrite {
    Written,
    /// More than may be written in this time.
    Dropped,
    Failed,
}

/// What became of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Review {
    Accepted,
    Refused,
    /// Known from a moment ago.
    Cached,
    Failed,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("agentgateway_controller");
        let mut counts = Registered(&mut registry);
        let inner = Inner {
            watch_events: counts.one("watch_events", "Objects that the API server told of"),
            watch_errors: counts.one("watch_errors", "Watches that were interrupted"),
            translations: counts.one("translations", "Runs of the translation, by outcome"),
            events: counts.one("events", "Kubernetes Events, by outcome"),
            token_reviews: counts.one("token_reviews", "Tokens of proxies, by outcome"),
            status_writes: counts.one("status_writes", "Statuses, by kind and outcome"),
            deployments: counts.one("deployments", "Deployed objects, by kind and outcome"),
            translation_time: Histogram::new([
                0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
            ]),
            revision: Gauge::default(),
            leader: Gauge::default(),
            ca_expiry: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register_with_unit(
            "translation_duration",
            "Time that a translation took",
            Unit::Seconds,
            inner.translation_time.clone(),
        );
        registry.register(
            "config_revision",
            "Revision of the configuration that is published",
            inner.revision.clone(),
        );
        registry.register(
            "leader",
            "1 while this replica writes to the cluster",
            inner.leader.clone(),
        );
        registry.register_with_unit(
            "ca_expiry_timestamp",
            "When the certificate that signs for proxies ends",
            Unit::Seconds,
            inner.ca_expiry.clone(),
        );
        Self(Arc::new(Inner { registry, ..inner }))
    }
}

struct Registered<'a>(&'a mut Registry);

impl Registered<'_> {
    fn one<const N: usize>(&mut self, name: &str, help: &str) -> Counts<N> {
        let counts = Counts::default();
        self.0.register(name, help, counts.clone());
        counts
    }
}

impl Metrics {
    /// Every metric in OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.0.registry);
        text
    }

    pub(crate) fn watch_event(&self, kind: Kind) {
        self.0
            .watch_events
            .get_or_create(&[("kind", kind.name())])
            .inc();
    }

    pub(crate) fn watch_error(&self, kind: Kind) {
        self.0
            .watch_errors
            .get_or_create(&[("kind", kind.name())])
            .inc();
    }

    pub(crate) fn translated(&self, outcome: Translated, took: Duration) {
        let outcome = match outcome {
            Translated::Published => "published",
            Translated::Unchanged => "unchanged",
            Translated::Failed => "failed",
        };
        self.0
            .translations
            .get_or_create(&[("outcome", outcome)])
            .inc();
        self.0.translation_time.observe(took.as_secs_f64());
    }

    pub(crate) fn published(&self, revision: u64) {
        self.0.revision.set(revision);
    }

    pub(crate) fn status(&self, kind: &'static str, outcome: StatusWrite) {
        let outcome = match outcome {
            StatusWrite::Written => "written",
            StatusWrite::Unchanged => "unchanged",
            StatusWrite::Conflict => "conflict",
            StatusWrite::Failed => "failed",
        };
        let labels = [("kind", kind), ("outcome", outcome)];
        self.0.status_writes.get_or_create(&labels).inc();
    }

    pub(crate) fn deployed(&self, kind: &'static str, outcome: Deployed) {
        let outcome = match outcome {
            Deployed::Applied => "applied",
            Deployed::Pruned => "pruned",
            Deployed::Failed => "failed",
        };
        let labels = [("kind", kind), ("outcome", outcome)];
        self.0.deployments.get_or_create(&labels).inc();
    }

    pub(crate) fn event(&self, outcome: EventWrite) {
        let outcome = match outcome {
            EventWrite::Written => "written",
            EventWrite::Dropped => "dropped",
            EventWrite::Failed => "failed",
        };
        self.0.events.get_or_create(&[("outcome", outcome)]).inc();
    }

    pub(crate) fn token(&self, outcome: Review) {
        let outcome = match outcome {
            Review::Accepted => "accepted",
            Review::Refused => "refused",
            Review::Cached => "cached",
            Review::Failed => "failed",
        };
        self.0
            .token_reviews
            .get_or_create(&[("outcome", outcome)])
            .inc();
    }

    pub(crate) fn leading(&self, leads: bool) {
        self.0.leader.set(i64::from(leads));
    }

    pub(crate) fn ca_expires(&self, unix_seconds: i64) {
        self.0.ca_expiry.set(unix_seconds);
    }
}
