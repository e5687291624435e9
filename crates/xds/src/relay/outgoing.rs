//! What is sent: everything, and then what changes. Nothing waits in a queue but the messages of one
//! change; what changes while they are sent is the next one.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::stream::{self, Stream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::proto;
use crate::report::Report;

pub(super) struct Outgoing {
    replica: Arc<str>,
    report: watch::Receiver<Arc<Report>>,
    /// Ends the stream in an orderly way.
    end: CancellationToken,
    /// What the leader knows once the queue is sent; `None` before the first report.
    told: Option<Arc<Report>>,
    queue: VecDeque<proto::ReplicaReport>,
}

impl Outgoing {
    pub(super) fn new(
        replica: Arc<str>,
        report: watch::Receiver<Arc<Report>>,
        end: CancellationToken,
    ) -> Self {
        Self {
            replica,
            report,
            end,
            told: None,
            queue: VecDeque::new(),
        }
    }

    pub(super) fn messages(self) -> impl Stream<Item = proto::ReplicaReport> + Send {
        stream::unfold(self, |mut outgoing| async move {
            let message = outgoing.next().await?;
            Some((message, outgoing))
        })
    }

    async fn next(&mut self) -> Option<proto::ReplicaReport> {
        loop {
            if let Some(message) = self.queue.pop_front() {
                return Some(message);
            }
            if self.told.is_some() {
                let changed = self.report.changed();
                self.end.run_until_cancelled(changed).await?.ok()?;
            }
            let now = self.report.borrow_and_update().clone();
            let changes = match &self.told {
                None => (*now).clone(),
                Some(told) => now.since(told),
            };
            self.queue = changes.messages(&self.replica);
            self.told = Some(now);
        }
    }
}
