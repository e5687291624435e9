//! Requests to plain backends: forwarded as they come.

use std::sync::Arc;

use agw_core::backend::AppProtocol;
use agw_core::filter::Filter;
use agw_core::retry::{ConnectFailure, Retry};
use agw_core::snapshot::{RulePlan, Target, TargetKind};
use agw_core::sticky::StickyKey;
use bytes::Bytes;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use tokio::time::Instant;

use super::health::Seen;
use super::inbound::ClientBody;
use super::{Exchange, outbound};
use crate::body::{Answer, BoundKind, UpstreamBody};
use crate::error::Error;
use crate::live::Live;
use crate::telemetry::Attempt;
use crate::upstream::{Outbound, Payload, PoolKey, Proof, describe, send};
use crate::wiring::Wiring;

impl Exchange {
    /// Sends the request to an endpoint of the target, with the retries that its manifests ask
    /// for.
    pub(super) async fn forward(
        &mut self,
        live: &Live,
        plan: &RulePlan,
        (choice, key): (usize, Option<StickyKey>),
        target: usize,
    ) -> Result<Response<Box<Answer>>, Error> {
        let wiring = live.wiring(target);
        let (target, state) = live.target(target);
        let TargetKind::Endpoints(backend) = &target.kind else {
            return Err(Error::NoBackend(
                "the backend is not a plain one".to_owned(),
            ));
        };
        self.record.target = Some(target.clone());
        self.lend_credentials(target.passes_credentials());
        if let Some(policy) = &backend.policy.transformation {
            self.transform_request(policy, &target.label).await?;
        }
        let retry = backend
            .policy
            .retry
            .as_ref()
            .or_else(|| plan.retry())
            .cloned();
        let replay = self.replayable(retry.as_ref()).await?;
        let mut retried = 0;
        state.asked();
        loop {
            let endpoint = match (backend.endpoints.len(), key) {
                (0, _) => return Err(Error::NoEndpoint),
                (count, None) => state.next_turn() % count,
                (count, Some(key)) => {
                    let mut ranked = key.rank(count, |at| target.seats[at]);
                    let step = usize::try_from(retried).unwrap_or_default();
                    ranked.nth(step % count).unwrap_or_default()
                }
            };
            let outcome = self.try_endpoint(plan, target, wiring, endpoint).await;
            self.judge(target, state, &Seen::plain(&outcome));
            let again = retry
                .as_ref()
                .filter(|r| replay && retried < r.attempts && wants(r, &outcome));
            let Some(retry) = again.filter(|_| self.may_retry(target, state)) else {
                return self.plain_response(plan, choice, outcome?).await;
            };
            retried += 1;
            let wait = retry.backoff(retried, self.peer.worker.random_unit());
            tokio::time::sleep(wait).await;
        }
    }

    /// Whether the request can be sent more than once. With retries asked for, a small body is
    /// held for that; a larger one goes out once.
    async fn replayable(&mut self, retry: Option<&Retry>) -> Result<bool, Error> {
        let limits = self.peer.worker.limits.clone();
        let limit = limits.replay;
        match &self.inbound.body {
            ClientBody::None | ClientBody::Held(_) => Ok(true),
            ClientBody::Gone => Ok(false),
            ClientBody::Coming(body) => {
                let upper = http_body::Body::size_hint(body).upper();
                let small = upper.is_some_and(|size| size <= limit as u64);
                if retry.is_some() && small {
                    self.inbound.hold(&limits, limit).await?;
                    return Ok(true);
                }
                Ok(false)
            }
        }
    }

    async fn try_endpoint(
        &mut self,
        plan: &RulePlan,
        target: &Arc<Target>,
        wiring: &Wiring,
        endpoint: usize,
    ) -> Result<Response<UpstreamBody>, Error> {
        let TargetKind::Endpoints(backend) = &target.kind else {
            return Err(Error::NoEndpoint);
        };
        let started = Instant::now();
        let name = wiring.endpoint(endpoint);
        self.record.endpoint = Some(name.clone());
        let timeout = backend
            .policy
            .request_timeout
            .or(plan.rule.backend_request_timeout);
        let protocol = outbound::protocol(plan.route.kind, backend);
        let worker = self.peer.worker.clone();
        let proof = wiring.authorization.prove(worker.via()).await?;
        let outbound = self.plain_outbound(&proof, protocol)?;
        let key = PoolKey {
            endpoint: backend.endpoints[endpoint].clone(),
            protocol,
        };
        let bound = timeout.unwrap_or(worker.limits.response);
        let sent = send(&worker.pool, &worker.connector, key, outbound);
        let outcome = tokio::time::timeout(bound, sent)
            .await
            .unwrap_or(Err(Error::Timeout(bound)));
        self.record.attempts.push(Attempt {
            backend: target.label.clone(),
            provider: None,
            model: None,
            endpoint: name,
            status: outcome.as_ref().ok().map(|r| r.status().as_u16()),
            took: started.elapsed(),
            reason: outcome.as_ref().err().map(Error::reason),
            error: outcome.as_ref().err().map(|e| describe(e)),
        });
        outcome
    }

    fn plain_outbound(
        &mut self,
        proof: &Proof<'_>,
        protocol: AppProtocol,
    ) -> Result<Outbound, Error> {
        let inbound = &mut self.inbound;
        let upgrade = inbound.upgrade();
        let mut headers = outbound::forwardable_over(&inbound.headers, protocol);
        let client = self.peer.client.ip_text();
        outbound::forwarded(&mut headers, client, self.peer.scheme, &inbound.authority);
        let mut target = inbound.target()?;
        proof.apply(&mut target, &mut headers);
        let payload = match std::mem::replace(&mut inbound.body, ClientBody::Gone) {
            ClientBody::None => {
                inbound.body = ClientBody::None;
                Payload::Pieces(Vec::new())
            }
            ClientBody::Held(bytes) => {
                headers.remove(header::CONTENT_LENGTH);
                inbound.body = ClientBody::Held(bytes.clone());
                Payload::Pieces(vec![bytes])
            }
            ClientBody::Coming(body) => Payload::Client(body),
            ClientBody::Gone => {
                return Err(Error::Reset(
                    "the request body cannot be sent twice".to_owned(),
                ));
            }
        };
        Ok(Outbound {
            method: inbound.method.clone(),
            target,
            authority: Authority::try_from(inbound.authority.as_str())
                .map_err(|e| Error::BadRequest(format!("the request's host is not valid: {e}")))?,
            headers,
            upgrade: upgrade.filter(|_| protocol == AppProtocol::Http1),
            payload,
        })
    }

    async fn plain_response(
        &mut self,
        plan: &RulePlan,
        choice: usize,
        response: Response<UpstreamBody>,
    ) -> Result<Response<Box<Answer>>, Error> {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(self.switch(plan, choice, response));
        }
        let mut response = response.map(Answer::plain);
        if let Some(deadline) = self.deadline {
            response = response.map(|body| body.bounded(deadline, BoundKind::Whole));
        }
        outbound::strip_hop_by_hop(response.headers_mut());
        response_filters(plan, choice, response.headers_mut());
        self.transform_response(response).await
    }

    /// The answer to an upgrade: what follows it is no HTTP any more.
    fn switch(
        &mut self,
        plan: &RulePlan,
        choice: usize,
        response: Response<UpstreamBody>,
    ) -> Response<Box<Answer>> {
        let (parts, body) = response.into_parts();
        self.upgraded = body.into_stream();
        let protocol = parts.headers.get(header::UPGRADE).cloned();
        let mut response = Response::from_parts(parts, Answer::whole(Bytes::new()));
        let headers = response.headers_mut();
        outbound::strip_hop_by_hop(headers);
        response_filters(plan, choice, headers);
        if let Some(protocol) = protocol {
            headers.insert(header::UPGRADE, protocol);
        }
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        response
    }
}

/// Applies the rule's and then the backend reference's response filters.
pub(super) fn response_filters(plan: &RulePlan, choice: usize, headers: &mut HeaderMap) {
    let filters = plan
        .rule
        .filters
        .iter()
        .chain(&plan.choices[choice].filters);
    if let Some(of_policy) = &plan.policy.headers {
        of_policy.response.apply(headers);
    }
    for filter in filters {
        if let Filter::ResponseHeaders(edits) = filter {
            edits.apply(headers);
        }
    }
}

fn wants(retry: &Retry, outcome: &Result<Response<UpstreamBody>, Error>) -> bool {
    match outcome {
        Ok(response) => retry.on.status(response.status().as_u16()),
        Err(Error::Timeout(_)) => retry.on.status(504),
        Err(error) => error.retryable() && retry.on.connect_failure == ConnectFailure::Retry,
    }
}
