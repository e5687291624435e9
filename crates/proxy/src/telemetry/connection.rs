//! What is known of one connection that carries no requests, or of one client's datagrams.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use agw_core::listener::Transport;
use agw_core::snapshot::{RulePlan, Target};

use super::families::Labels;
use super::metrics::route_labels;
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

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ConnectionLabels {
    pub(crate) gateway: Arc<str>,
    pub(crate) listener: Arc<str>,
    pub(crate) route_namespace: Arc<str>,
    pub(crate) route_name: Arc<str>,
    pub(crate) backend: Arc<str>,
    pub(crate) transport: &'static str,
}

/// Why a datagram was not handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Dropped {
    /// There are too many clients.
    Sessions,
    /// Too much came before the way to the backend was known.
    Opening,
    /// No backend takes it; the log says why.
    NoBackend,
    /// The upstream's socket takes no more at the moment.
    Busy,
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

    pub(super) fn labels(&self) -> ConnectionLabels {
        let (route_namespace, route_name) = route_labels(self.plan.as_ref());
        let backend = self.target.as_ref().map(|target| target.label.clone());
        ConnectionLabels {
            gateway: self.gateway.clone(),
            listener: self.listener.clone().unwrap_or_default(),
            route_namespace,
            route_name,
            backend: backend.unwrap_or_default(),
            transport: self.transport.as_str(),
        }
    }

    fn report(&mut self) {
        self.reported = true;
        self.worker.shard.ended(self);
        let line = access_log::connection_line(self, self.started.elapsed());
        self.worker.access_log.write(line);
    }
}

impl ConnectionLabels {
    pub(super) fn all(&self) -> Labels {
        vec![
            ("gateway", self.gateway.to_string()),
            ("listener", self.listener.to_string()),
            ("route_namespace", self.route_namespace.to_string()),
            ("route_name", self.route_name.to_string()),
            ("backend", self.backend.to_string()),
            ("transport", self.transport.to_owned()),
        ]
    }
}

impl Dropped {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Opening => "opening",
            Self::NoBackend => "no_backend",
            Self::Busy => "busy",
        }
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
