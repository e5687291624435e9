//! Copies of requests, for backends whose answers nobody waits for.

use std::rc::Rc;
use std::sync::Arc;

use agw_ai::format::Stamp;
use agw_core::backend::{ApiRoute, AppProtocol, EndpointBackend};
use agw_core::expr::{Input, RequestInput};
use agw_core::filter::RedirectScheme;
use agw_core::shaping::{Computed, Shaping};
use agw_core::snapshot::{MirrorPlan, RulePlan, Target, TargetKind};
use bytes::Bytes;
use http::uri::Authority;
use http::{HeaderMap, Method, Response, Version, header};
use http_body_util::BodyExt;

use super::Exchange;
use super::attempt::{Asking, provider_request};
use super::guard::guard_copy;
use super::inbound::{ClientBody, target};
use super::outbound;
use super::question::{Incoming, Question, operation_of};
use super::transform::evaluate;
use crate::body::{BodyCopy, UpstreamBody};
use crate::connection::Client;
use crate::error::Error;
use crate::live::Live;
use crate::telemetry::Reason;
use crate::upstream::{Outbound, Payload, PoolKey, Proof, send};
use crate::wiring::Wiring;
use crate::worker::Worker;

/// A request as it stood when the rule's filters were through with it.
struct Copied {
    method: Method,
    path: String,
    query: Option<String>,
    authority: String,
    headers: HeaderMap,
    client: Arc<Client>,
    scheme: RedirectScheme,
    /// That the client spoke.
    version: Version,
    /// What a plain backend is spoken to in.
    protocol: AppProtocol,
    request_id: String,
    stamp: Stamp,
    shaping: Shaping,
    metadata: serde_json::Map<String, serde_json::Value>,
}

/// The body of a copy.
enum Body {
    Held(Vec<Bytes>),
    /// Still on its way to the first backend.
    Coming(BodyCopy),
}

/// What expressions on a copy read.
struct Expressed<'a> {
    method: &'a Method,
    scheme: RedirectScheme,
    version: Version,
    host: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    headers: HeaderMap,
    metadata: serde_json::Value,
}

/// Which endpoint of the backend gets the copy.
struct Recipient {
    target: Arc<Target>,
    wiring: Arc<Wiring>,
    turn: usize,
}

impl Exchange {
    /// Sends copies to the mirrors whose share this request falls into. The client's answer does
    /// not depend on what becomes of them, nor does the backends' health.
    pub(super) async fn mirror(&mut self, live: &Live, plan: &RulePlan, mirrors: &[MirrorPlan]) {
        let chosen = mirrors
            .iter()
            .filter(|mirror| mirror.share.takes(live.next_mirror_turn(plan, mirror)));
        for mirror in chosen {
            let (target, state) = live.target(mirror.target);
            let recipient = Recipient {
                target: target.clone(),
                wiring: live.wiring(mirror.target).clone(),
                turn: state.next_turn(),
            };
            if let Err(reason) = self.start_copy(recipient, plan).await {
                self.peer.worker.shard.mirrored(&target.label, reason);
            }
        }
    }

    async fn start_copy(&mut self, recipient: Recipient, plan: &RulePlan) -> Result<(), Reason> {
        let worker = self.peer.worker.clone();
        if worker.mirrors.len() >= worker.limits.mirrors {
            return Err(Reason::MirrorsBusy);
        }
        let policy = recipient.target.policy();
        let protocol = match &recipient.target.kind {
            TargetKind::Endpoints(backend) => outbound::protocol(plan.route.kind, backend),
            TargetKind::Ai { .. } => AppProtocol::Http1,
        };
        let mut headers = outbound::forwardable_over(&self.inbound.headers, protocol);
        let body = match &policy.transformation {
            Some(edits) if !edits.request.is_empty() => {
                let mut held = self.hold_for_copy().await?;
                // What the copy's edits compute is not the request's own.
                let metadata = self.metadata.clone();
                self.transform_outbound(edits, &recipient.target.label, &mut headers, &mut held);
                self.metadata = metadata;
                Body::Held(vec![held])
            }
            _ => self.copied_body()?,
        };
        let copied = Copied {
            method: self.inbound.method.clone(),
            path: self.inbound.path.clone(),
            query: self.inbound.query.clone(),
            authority: self.inbound.authority.clone(),
            headers,
            client: self.peer.client.clone(),
            scheme: self.peer.scheme,
            version: self.inbound.version,
            protocol,
            request_id: self.record.request_id.clone(),
            stamp: self.stamp(),
            shaping: policy.shaping.over(&plan.policy.shaping),
            metadata: self.metadata.clone(),
        };
        let deliver = deliver(worker.clone(), recipient, copied, body);
        worker.mirrors.spawn_local(deliver);
        Ok(())
    }

    fn copied_body(&mut self) -> Result<Body, Reason> {
        let limit = self.peer.worker.limits.replay;
        match &mut self.inbound.body {
            ClientBody::None => Ok(Body::Held(Vec::new())),
            ClientBody::Held(bytes) => Ok(Body::Held(vec![bytes.clone()])),
            ClientBody::Coming(stream) => Ok(Body::Coming(stream.copy(limit))),
            ClientBody::Gone => Err(Reason::ClientDisconnect),
        }
    }

    /// The whole body, for edits that may read it. One that may be too large is left alone: the
    /// request itself must not fail for its copy.
    async fn hold_for_copy(&mut self) -> Result<Bytes, Reason> {
        let limits = self.peer.worker.limits.clone();
        if let ClientBody::Coming(body) = &self.inbound.body {
            let upper = http_body::Body::size_hint(body).upper();
            if upper.is_none_or(|size| size > limits.replay as u64) {
                return Err(Reason::BodyTooLarge);
            }
        }
        let held = self.inbound.hold(&limits, limits.replay).await;
        held.map_err(|error| error.reason())
    }
}

/// Waits for the body, sends the copy, reads the answer and drops it.
async fn deliver(worker: Rc<Worker>, recipient: Recipient, copied: Copied, body: Body) {
    let pieces = match body {
        Body::Held(pieces) => Ok(pieces),
        Body::Coming(copy) => copy.whole().await.map_err(|_| Reason::BodyTooLarge),
    };
    let reason = match pieces {
        Err(reason) => reason,
        Ok(pieces) => {
            let policy = recipient.target.policy();
            let most = worker.limits.mirror;
            let bound = policy.request_timeout.map_or(most, |own| own.min(most));
            let answered =
                tokio::time::timeout(bound, exchange(&worker, &recipient, copied, pieces));
            match answered.await {
                Ok(Ok(reason)) => reason,
                Ok(Err(error)) => error.reason(),
                Err(_) => Reason::Timeout,
            }
        }
    };
    worker.shard.mirrored(&recipient.target.label, reason);
}

async fn exchange(
    worker: &Rc<Worker>,
    recipient: &Recipient,
    copied: Copied,
    pieces: Vec<Bytes>,
) -> Result<Reason, Error> {
    let wiring = &recipient.wiring;
    let proof = &wiring.authorization.prove(worker.via()).await?;
    let (key, outbound) = match &recipient.target.kind {
        TargetKind::Endpoints(backend) => copied.plain(backend, recipient, proof, pieces)?,
        TargetKind::Ai { provider, routes } => {
            copied.model(provider, routes, (wiring, proof), &pieces)?
        }
    };
    let response = send(&worker.pool, &worker.connector, key, outbound).await?;
    let reason = match response.status() {
        status if status.is_server_error() || status.as_u16() == 429 => Reason::UpstreamStatus,
        _ => Reason::Ok,
    };
    drop_answer(response, worker.limits.response_body).await;
    Ok(reason)
}

/// Reads the answer to its end, so that the connection can be used again. A long one is cut.
async fn drop_answer(mut response: Response<UpstreamBody>, most: usize) {
    let mut read = 0;
    while let Some(Ok(frame)) = response.body_mut().frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > most {
            return;
        }
    }
}

impl Expressed<'_> {
    fn member(&self, member: &Computed, body: &Bytes) -> Option<serde_json::Value> {
        let asked = serde_json::from_slice(body).ok();
        let mut input = Input::new();
        input.request = Some(RequestInput {
            method: self.method.as_str(),
            scheme: self.scheme.as_str(),
            host: self.host,
            path: self.path,
            query: self.query,
            version: self.version,
            headers: &self.headers,
            body: Some(&body[..]),
            start_time: None,
            end_time: None,
        });
        input.metadata = Some(&self.metadata);
        // Nobody waits for a copy: what has no value is left out without a word.
        evaluate(member, input, asked.as_ref(), &mut Vec::new())
    }
}

impl Copied {
    fn plain(
        mut self,
        backend: &EndpointBackend,
        recipient: &Recipient,
        proof: &Proof<'_>,
        pieces: Vec<Bytes>,
    ) -> Result<(PoolKey, Outbound), Error> {
        let endpoint = match backend.endpoints.len() {
            0 => return Err(Error::NoEndpoint),
            count => backend.endpoints[recipient.turn % count].clone(),
        };
        let client = self.client.ip_text();
        outbound::forwarded(&mut self.headers, client, self.scheme, &self.authority);
        let mut target = target(&self.path, self.query.as_deref())?;
        proof.apply(&mut target, &mut self.headers);
        self.headers.remove(header::CONTENT_LENGTH);
        let outbound = Outbound {
            method: self.method,
            target,
            authority: Authority::try_from(self.authority.as_str())
                .map_err(|e| Error::BadRequest(format!("the request's host is not valid: {e}")))?,
            headers: self.headers,
            upgrade: None,
            payload: Payload::Pieces(pieces),
        };
        let key = PoolKey {
            endpoint,
            protocol: self.protocol,
        };
        Ok((key, outbound))
    }

    fn model(
        self,
        provider: &agw_core::backend::AiProvider,
        routes: &[ApiRoute],
        (wiring, proof): (&Wiring, &Proof<'_>),
        pieces: &[Bytes],
    ) -> Result<(PoolKey, Outbound), Error> {
        let mut body: Bytes = match pieces {
            [whole] => whole.clone(),
            pieces => pieces.concat().into(),
        };
        if let Some(guard) = &self.shaping.guard {
            let operation = operation_of(&self.path, routes, &self.method, &body)?;
            body = guard_copy(guard, operation, body)?;
        }
        let expressed = Expressed {
            method: &self.method,
            scheme: self.scheme,
            version: self.version,
            host: &self.authority,
            path: &self.path,
            query: self.query.as_deref(),
            headers: match self.shaping.computes() {
                true => self.headers.clone(),
                false => HeaderMap::new(),
            },
            metadata: self.metadata.into(),
        };
        let incoming = Incoming {
            method: &self.method,
            path: &self.path,
            query: self.query.as_deref(),
            headers: self.headers,
            body,
            stamp: self.stamp,
            shaping: &self.shaping,
            renamed: None,
        };
        let evaluate = &mut |member: &Computed, body: &Bytes| expressed.member(member, body);
        let mut question = Question::new(provider, routes, incoming, evaluate)?;
        let asking = Asking {
            method: &self.method,
            query: self.query.as_deref(),
            request_id: &self.request_id,
            proof,
        };
        let outbound = provider_request(asking, provider, wiring, &mut question)?;
        let key = PoolKey {
            endpoint: provider.endpoint.clone(),
            protocol: AppProtocol::Http1,
        };
        Ok((key, outbound))
    }
}
