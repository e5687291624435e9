//! What the proxy has to say, in the order of its importance, and never more than one of each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agw_core::id::BackendKey;
use tokio::time::Instant;

use crate::health::HealthReport;
use crate::limits;
use crate::proto;
use crate::proto::proxy_message::Message;

/// Between two messages on health.
const PACE: Duration = Duration::from_secs(1);

/// Messages that wait for the stream to take them.
#[derive(Debug)]
pub(super) struct Outbox {
    hello: Option<proto::Hello>,
    ack: Option<proto::Ack>,
    /// Reports that the controller does not know.
    news: BTreeMap<BackendKey, HealthReport>,
    /// Reports that it has on this stream.
    told: BTreeMap<BackendKey, HealthReport>,
    /// When it may hear of health again.
    due: Instant,
}

impl Outbox {
    pub(super) fn new(hello: proto::Hello) -> Self {
        Self {
            hello: Some(hello),
            ack: None,
            news: BTreeMap::new(),
            told: BTreeMap::new(),
            due: Instant::now(),
        }
    }

    pub(super) fn hello(&mut self, hello: proto::Hello) {
        // What was to be acknowledged is no longer the question.
        self.ack = None;
        self.hello = Some(hello);
    }

    pub(super) fn ack(&mut self, ack: proto::Ack) {
        self.ack = Some(ack);
    }

    pub(super) fn health(&mut self, reports: &Arc<Vec<HealthReport>>) {
        for report in reports.iter() {
            if self.told.get(&report.backend) == Some(report) {
                self.news.remove(&report.backend);
            } else {
                self.news.insert(report.backend.clone(), report.clone());
            }
        }
    }

    /// When there is something to send: now, later, or not at all.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.hello.is_some() || self.ack.is_some() {
            return Some(Instant::now());
        }
        (!self.news.is_empty()).then_some(self.due)
    }

    /// The next message, if there is one.
    pub(super) fn take(&mut self) -> Option<proto::ProxyMessage> {
        let message = if let Some(hello) = self.hello.take() {
            Message::Hello(hello)
        } else if let Some(ack) = self.ack.take() {
            Message::Ack(ack)
        } else {
            Message::Health(self.reports()?)
        };
        Some(proto::ProxyMessage {
            message: Some(message),
        })
    }

    fn reports(&mut self) -> Option<proto::Health> {
        let now = Instant::now();
        if self.news.is_empty() || now < self.due {
            return None;
        }
        let mut reports = Vec::new();
        while reports.len() < limits::REPORTS
            && let Some((backend, report)) = self.news.pop_first()
        {
            reports.push((&report).into());
            self.told.insert(backend, report);
        }
        if self.news.is_empty() {
            self.due = now + PACE;
        }
        Some(proto::Health { reports })
    }
}
