//! Active health checks: a cheap authenticated request to each backend that asks for them.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use agw_core::backend::{AppProtocol, Probe};
use agw_core::snapshot::{Target, TargetKind};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use crate::body::collect;
use crate::credentials::Via;
use crate::live::{Live, TargetState, now_millis};
use crate::settings::Limits;
use crate::upstream::{
    Connector, Outbound, Payload, Pool, PoolKey, TlsClients, authority, describe, send,
};
use crate::wiring::Wiring;

/// Probes the targets of the snapshot in force, each on its own schedule.
pub(crate) struct Prober {
    pool: Rc<Pool>,
    connector: Rc<Connector>,
    probes: JoinSet<()>,
}

/// Pause within an answer after which the rest is not waited for.
const REST: Duration = Duration::from_secs(1);

/// Largest answer to a probe that is read.
const MAX_ANSWER: usize = 1 << 20;

impl Prober {
    pub(crate) fn new(tls: TlsClients, limits: &Limits) -> Self {
        Self {
            pool: Rc::new(Pool::new(4, limits.idle)),
            connector: Rc::new(Connector::new(tls, limits.connect, TaskTracker::new())),
            probes: JoinSet::new(),
        }
    }

    /// Probes what `live` asks for, and nothing else any more.
    pub(crate) fn follow(&mut self, live: &Live) {
        self.probes.abort_all();
        for ((target, state), wiring) in live.targets().zip(live.wirings()) {
            if let Some(probe) = &target.policy().probe {
                self.probes.spawn_local(watch(
                    self.pool.clone(),
                    self.connector.clone(),
                    target.clone(),
                    state.clone(),
                    wiring.clone(),
                    probe.clone(),
                ));
            }
        }
    }

    pub(crate) fn stop(&mut self) {
        self.probes.abort_all();
    }
}

async fn watch(
    pool: Rc<Pool>,
    connector: Rc<Connector>,
    target: Arc<Target>,
    state: Arc<TargetState>,
    wiring: Arc<Wiring>,
    probe: Probe,
) {
    let mut ticks = tokio::time::interval(probe.interval.max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let outcome =
            tokio::time::timeout(probe.timeout, ask(&pool, &connector, &target, &wiring)).await;
        let outcome =
            outcome.unwrap_or_else(|_| Err(format!("no answer within {:?}", probe.timeout)));
        if let Err(error) = &outcome {
            tracing::warn!(backend = %target.key, provider = target.entry(), error, "health check failed");
        }
        state.probed(&target, now_millis(), outcome.map_err(|_| ()));
    }
}

/// One probe. A provider is asked for its model list: cheap, and it checks the key as well.
async fn ask(
    pool: &Rc<Pool>,
    connector: &Rc<Connector>,
    target: &Target,
    wiring: &Wiring,
) -> Result<(), String> {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static("agentgateway-health-check"),
    );
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let (endpoint, protocol, path) = match &target.kind {
        TargetKind::Ai { provider, .. } => {
            let proof = wiring.authorization.prove(Via { pool, connector }).await;
            let proof = proof.map_err(|e| e.to_string())?;
            let dialect = agw_ai::dialect::of(provider.kind);
            for fixed in dialect.fixed_headers() {
                let value = HeaderValue::from_static(fixed.value);
                headers.insert(HeaderName::from_static(fixed.name), value);
            }
            let path = dialect.provider().probe_path;
            let path = dialect
                .upstream_path(path, provider.path_prefix.as_deref())
                .into_owned();
            let mut path = PathAndQuery::try_from(path).map_err(|e| e.to_string())?;
            proof.apply(&mut path, &mut headers);
            (&provider.endpoint, AppProtocol::Http1, path)
        }
        TargetKind::Endpoints(plain) => {
            let first = plain
                .endpoints
                .first()
                .ok_or("the backend has no ready endpoint")?;
            (first, plain.protocol, PathAndQuery::from_static("/"))
        }
    };
    let outbound = Outbound {
        method: Method::GET,
        target: path,
        authority: Authority::try_from(authority(endpoint)).map_err(|e| e.to_string())?,
        headers,
        upgrade: None,
        payload: Payload::Pieces(Vec::new()),
    };
    let key = PoolKey {
        endpoint: endpoint.clone(),
        protocol,
    };
    let response = send(pool, connector, key, outbound)
        .await
        .map_err(|e| describe(&e))?;
    let status = response.status();
    // Read to its end, so that the connection serves the next probe too.
    let _ = collect(response.into_body(), MAX_ANSWER, REST).await;
    if status.is_server_error() || status.as_u16() == 429 {
        return Err(format!("status {}", status.as_u16()));
    }
    Ok(())
}
