//! Where a connection or a client's datagrams go: what carries no requests is routed once.

use std::sync::Arc;

use agw_core::backend::Endpoint;
use agw_core::route::BackendRef;
use agw_core::snapshot::{Bind, Choice, Target, TargetKind, Way};

use crate::candidates::Candidates;
use crate::error::Error;
use crate::live::{Live, TargetState, now_millis};
use crate::telemetry::ConnectionRecord;
use crate::wiring::Wiring;

/// The backend whose turn it is.
pub(crate) struct Destination {
    target: Arc<Target>,
    state: Arc<TargetState>,
    wiring: Arc<Wiring>,
}

impl Destination {
    /// The backend for what comes to `bind`, by the name that its TLS asks for; without TLS it is
    /// empty. `record` learns what is known on the way.
    pub(crate) fn choose(
        live: &Live,
        bind: Option<&Bind>,
        name: &str,
        record: &mut ConnectionRecord,
    ) -> Result<Self, Error> {
        let listener = bind.and_then(|bind| bind.listener(name));
        // Routes for requests take no connections: the port may have changed hands just now.
        let listener = listener.filter(|listener| !listener.protocol.has_requests());
        let listener = listener.ok_or(Error::NoRoute)?;
        record.listener = Some(listener.name.clone());
        let plan = listener.select_connection(name).ok_or(Error::NoRoute)?;
        record.plan = Some(plan.clone());
        if let Some(why) = &plan.rule.broken {
            return Err(Error::BrokenRule(why.to_string()));
        }
        let (_, index) = Candidates::pick(live, plan, None, now_millis())?;
        let (target, state) = live.target(index);
        record.target = Some(target.clone());
        Ok(Self {
            target: target.clone(),
            state: state.clone(),
            wiring: live.wiring(index).clone(),
        })
    }

    /// The backend's endpoints with their names, from the one whose turn it is.
    pub(crate) fn endpoints(&self) -> Result<impl Iterator<Item = (&Endpoint, Arc<str>)>, Error> {
        let TargetKind::Endpoints(backend) = &self.target.kind else {
            return Err(Error::NoBackend(
                "the backend is not a plain one".to_owned(),
            ));
        };
        let endpoints = &backend.endpoints;
        if endpoints.is_empty() {
            return Err(Error::NoEndpoint);
        }
        self.state.asked();
        let first = self.state.next_turn() % endpoints.len();
        let order = (first..endpoints.len()).chain(0..first);
        Ok(order.map(|index| (&endpoints[index], self.wiring.endpoint(index))))
    }

    /// Whether the routes still lead to `endpoint` of this backend.
    pub(crate) fn holds(
        &self,
        live: &Live,
        bind: Option<&Bind>,
        name: &str,
        endpoint: &Endpoint,
    ) -> bool {
        let listener = bind.and_then(|bind| bind.listener(name));
        let plan = listener.and_then(|listener| listener.select_connection(name));
        let Some(plan) = plan.filter(|plan| plan.rule.broken.is_none()) else {
            return false;
        };
        let leads = |(choice, reference): (&Choice, &BackendRef)| {
            match &choice.way {
            Way::Targets(groups) if reference.weight > 0 => groups.iter().flatten().any(|&t| {
                let target = live.target(t).0;
                target.key == self.target.key
                    && matches!(&target.kind, TargetKind::Endpoints(b) if b.endpoints.contains(endpoint))
            }),
            _ => false,
        }
        };
        plan.choices.iter().zip(&plan.rule.backends).any(leads)
    }

    pub(crate) fn succeeded(&self) {
        self.state.succeeded();
    }

    pub(crate) fn failed(&self) {
        self.state.failed(&self.target, now_millis(), None);
    }
}
