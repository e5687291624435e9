//! What is known of one connection that carries no requests, or of one client's datagrams.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use agw_core::listener::Transport;
use agw_core::snapshot::{RulePlan, Target};

use super::{Outcome, Reason, access_log};
use crate::connection::{Client, Watch};
use crate::error::Error;
use crate::relay::Traffic;
use crate::worker::Worker;

/// One connection's record. It is reported once: by [`ConnectionRecord::finish`], or on drop as
/// cut by this side.
pub(crate) struct ConnectionRecord {
    worker: Rc<Worker>,
    started: Instant,
    pub(crate) at: jiff::Timestamp,
    pub(crate) gateway: Arc<str>,
    pub(crate) listener: Option<Arc<str>>,
    pub(crate) plan: Option<Arc<RulePlan>>,
    pub(crate) target: Option<Arc<Target>>,
    pub(crate) endpoint: Option<Arc<str>>,
    pub(crate) client: Arc<Client>,
    pub(crate) transport: Transport,
    /// The name that TLS was asked for; empty without one.
    pub(crate) server_name: Arc<str>,
    pub(crate) traffic: Rc<Traffic>,
    pub(crate) outcome: Outcome,
    /// Of the connection, when it is one.
    pub(crate) watch: Option<Rc<Watch>>,
    reported: bool,
}

impl ConnectionRecord {
    pub(crate) fn new(
        worker: Rc<Worker>,
        gateway: Arc<str>,
        client: Arc<Client>,
        transport: Transport,
    ) -> Self {
        Self {
            worker,
            started: Instant::now(),
            at: jiff::Timestamp::now(),
            gateway,
            listener: None,
            plan: None,
            target: None,
            endpoint: None,
            client,
            transport,
            server_name: "".into(),
            traffic: Rc::default(),
            outcome: Outcome::ok(),
            watch: None,
            reported: false,
        }
    }

    /// Reports the connection as one that got no backend.
    pub(crate) fn refuse(self, error: &Error) {
        let text = match error {
            Error::NoRoute => "no listener or route takes it".to_owned(),
            other => other.to_string(),
        };
        self.finish(Outcome::failed(error.reason(), text));
    }

    /// Reports the connection as ended the way `outcome` says.
    pub(crate) fn finish(mut self, outcome: Outcome) {
        self.outcome = outcome;
        self.report();
    }

    fn report(&mut self) {
        self.reported = true;
        let line = access_log::connection_line(self, self.started.elapsed());
        self.worker.access_log.write(line);
    }
}

impl Drop for ConnectionRecord {
    fn drop(&mut self) {
        if self.reported {
            return;
        }
        let stalled = self.watch.as_ref().is_some_and(|watch| watch.is_cut());
        self.outcome = if stalled {
            Outcome::failed(
                Reason::ClientStall,
                "the client did not take what it was sent",
            )
        } else {
            let text = "it was still open when the time to drain was over";
            Outcome::failed(Reason::Drained, text)
        };
        self.report();
    }
}
