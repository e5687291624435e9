//! One request to one provider.

use std::sync::Arc;
use std::time::Duration;

use agw_ai::operation::Operation;
use agw_ai::request::{Edits, splice};
use agw_ai::translate::Call;
use agw_core::backend::{AiProvider, AppProtocol, Endpoint};
use agw_core::snapshot::{RulePlan, Target, TargetKind};
use bytes::Bytes;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use tokio::time::Instant;

use super::question::{Form, Question};
use super::{Exchange, gate, translated};
use crate::body::{Answer, BoundKind, UpstreamBody, decoded};
use crate::error::Error;
use crate::telemetry::{AiRecord, Attempt, GuardAction, Phase, Reason};
use crate::upstream::{Outbound, Payload, PoolKey, Proof, Unsigned, send};
use crate::wiring::Wiring;

/// What of the client's request goes to the provider beside the question.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) method: &'a Method,
    pub(super) query: Option<&'a str>,
    pub(super) request_id: &'a str,
    pub(super) proof: &'a Proof<'a>,
}

/// An attempt that another target may do better at.
pub(super) enum Failure {
    Error(Error),
    /// The client gets it when nothing else is left.
    Status(Refused),
}

/// 5xx or 429, its body unread.
pub(super) struct Refused {
    pub(super) response: Response<UpstreamBody>,
    /// Translates it.
    pub(super) call: Option<Box<Call>>,
}

impl Failure {
    fn reason(&self) -> Reason {
        match self {
            Self::Error(error) => error.reason(),
            Self::Status(_) => Reason::UpstreamStatus,
        }
    }

    /// Whether the target was not even asked, because it cannot be.
    pub(super) fn is_of_target(&self) -> bool {
        matches!(self, Self::Error(error) if error.is_of_target())
    }

    /// How long the provider asks to be left alone (RFC 9110 §10.2.3).
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let Self::Status(refused) = self else {
            return None;
        };
        let value = refused
            .response
            .headers()
            .get(header::RETRY_AFTER)?
            .to_str()
            .ok()?
            .trim();
        if let Ok(seconds) = value.parse::<u64>() {
            return Some(Duration::from_secs(seconds));
        }
        let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
        Duration::try_from(at.duration_since(jiff::Timestamp::now())).ok()
    }
}

impl Exchange {
    /// Asks the target once. The answer comes back as soon as it is known to be good; until then
    /// nothing of it has gone to the client.
    pub(super) async fn attempt(
        &mut self,
        plan: &RulePlan,
        target: &Arc<Target>,
        wiring: &Wiring,
        question: &mut Question,
    ) -> Result<Response<Box<Answer>>, Failure> {
        let TargetKind::Ai { provider, .. } = &target.kind else {
            return Err(Failure::Error(Error::NoBackend(
                "not an AI provider".to_owned(),
            )));
        };
        let started = Instant::now();
        self.note_target(target, wiring, question);
        let bound = self.attempt_bound(plan, provider);
        let asked = self.ask(provider, wiring, question);
        let outcome = match tokio::time::timeout(bound, asked).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::Error(Error::Timeout(bound))),
        };
        let status = match &outcome {
            Ok(response) => Some(response.status()),
            Err(Failure::Status(refused)) => Some(refused.response.status()),
            Err(Failure::Error(_)) => None,
        };
        self.record.attempts.push(Attempt {
            backend: target.label.clone(),
            provider: Some(provider.name.clone()),
            model: question.model.clone(),
            endpoint: wiring.endpoint(0),
            status: status.map(|s| s.as_u16()),
            took: started.elapsed(),
            reason: outcome.as_ref().err().map(Failure::reason),
            error: match &outcome {
                Err(Failure::Error(error)) => Some(error.to_string()),
                _ => None,
            },
        });
        outcome.map(|response| response.map(|body| self.bound_body(body, started + bound)))
    }

    pub(super) fn note_target(
        &mut self,
        target: &Arc<Target>,
        wiring: &Wiring,
        question: &Question,
    ) {
        let dialect = question.dialect.provider();
        self.record.target = Some(target.clone());
        self.record.endpoint = Some(wiring.endpoint(0));
        self.record.ai = Some(Box::new(AiRecord {
            operation: question.operation,
            provider: wiring.vendor.unwrap_or(dialect.name),
            model: question.model.clone(),
            client_model: question.client_model.clone(),
            response_model: None,
            stream: question.answer != Form::Whole,
            dropped: question.dropped.clone(),
            undone: question.undone.clone(),
            usage: agw_ai::usage::Usage::default(),
            counted: agw_ai::usage::Counted::default(),
            prices: self.live.snapshot.config.prices.clone(),
            first_token: None,
            cost: None,
        }));
    }

    /// Time for this attempt: the backend's own bound, else the rule's, else the default, and
    /// never past the end of the whole request's time.
    fn attempt_bound(&self, plan: &RulePlan, provider: &AiProvider) -> Duration {
        let configured = provider
            .policy
            .request_timeout
            .or(plan.rule.backend_request_timeout);
        let bound = configured.unwrap_or(self.peer.worker.limits.response);
        match self.deadline {
            Some(deadline) => bound.min(deadline.saturating_duration_since(Instant::now())),
            None => bound,
        }
    }

    /// A stream may go on as long as it moves; anything else ends within its bound.
    fn bound_body(&self, body: Box<Answer>, until: Instant) -> Box<Answer> {
        if body.is_stream() {
            let idle = self.peer.worker.limits.stream_idle;
            return body.bounded(Instant::now() + idle, BoundKind::Idle(idle));
        }
        let until = self.deadline.map_or(until, |deadline| deadline.min(until));
        body.bounded(until, BoundKind::Whole)
    }

    async fn ask(
        &mut self,
        provider: &AiProvider,
        wiring: &Wiring,
        question: &mut Question,
    ) -> Result<Response<Box<Answer>>, Failure> {
        let worker = self.peer.worker.clone();
        let proof = wiring.authorization.prove(worker.via()).await;
        let asking = Asking {
            method: &self.inbound.method,
            query: self.inbound.query.as_deref(),
            request_id: &self.record.request_id,
            proof: &proof.map_err(Failure::Error)?,
        };
        let outbound =
            provider_request(asking, provider, wiring, question).map_err(Failure::Error)?;
        let key = PoolKey {
            endpoint: endpoint(provider, question),
            protocol: AppProtocol::Http1,
        };
        let response = send(&worker.pool, &worker.connector, key, outbound).await;
        let response = response.map_err(Failure::Error)?;
        let response = match question.operation {
            Operation::Passthrough => response,
            _ => decoded(response),
        };
        let status = response.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            let call = question.call.take();
            return Err(Failure::Status(Refused { response, call }));
        }
        if !status.is_success() {
            return Ok(match &question.call {
                None => response.map(Answer::plain),
                Some(call) => translated::error(response, call, asking.request_id).await,
            });
        }
        if question.operation == Operation::Passthrough {
            return Ok(response.map(Answer::plain));
        }
        self.open(response, question).await.map_err(Failure::Error)
    }

    /// A success, once it is known to be one.
    async fn open(
        &mut self,
        response: Response<UpstreamBody>,
        question: &Question,
    ) -> Result<Response<Box<Answer>>, Error> {
        let limits = self.peer.worker.limits.clone();
        let dialect = question.dialect;
        let (mut parts, body) = response.into_parts();
        let answer = match &question.call {
            _ if is_event_stream(&parts.headers) => {
                // The extra usage chunk is taken out, so no length would be right.
                parts.headers.remove(header::CONTENT_LENGTH);
                match (question.answer, &question.call) {
                    (Form::List, _) => translated::set_type(&mut parts.headers, translated::LIST),
                    (_, Some(_)) => translated::set_type(&mut parts.headers, translated::EVENTS),
                    (_, None) => {}
                }
                let opened = gate::events(body, dialect, question, limits.held_back).await;
                if let Err(Error::Refused(_)) = &opened {
                    self.count_check(Phase::Response, GuardAction::Reject);
                }
                let opened = opened?;
                if opened.content {
                    self.record.first_token();
                }
                self.guard_stream(question, opened.answer).await?
            }
            Some(call) => {
                let whole = translated::whole(&mut parts, body, call, limits.response_body).await?;
                self.guard_answer(question, &mut parts, whole).await?
            }
            // Not even decoded: a guard finds that it cannot be read.
            None if parts.headers.contains_key(header::CONTENT_ENCODING) => {
                let plain = Answer::plain(body);
                self.guard_answer(question, &mut parts, plain).await?
            }
            None => {
                let json = gate::json(body, dialect, question, limits.held_back).await?;
                self.guard_answer(question, &mut parts, json).await?
            }
        };
        Ok(Response::from_parts(parts, answer))
    }
}

/// The request that puts the question to the provider. It takes the question's headers with it.
pub(super) fn provider_request(
    asking: Asking<'_>,
    provider: &AiProvider,
    wiring: &Wiring,
    question: &mut Question,
) -> Result<Outbound, Error> {
    let bad = |what: &str, error: &dyn std::fmt::Display| {
        Error::BadRequest(format!("the request's {what} is not valid: {error}"))
    };
    let dialect = question.dialect;
    let target = target_of(provider, question, asking.query);
    let mut target = PathAndQuery::try_from(target).map_err(|e| bad("path", &e))?;
    let authority = match own_host(provider, question) {
        Some(host) => Authority::from_static(host),
        None => wiring.host()?,
    };
    let mut headers = std::mem::take(&mut question.headers);
    let pieces = pieces(question);
    set_length(&mut headers, &pieces);
    // Usage is read from the bytes that pass: they must not be compressed.
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    if let Ok(id) = HeaderValue::from_str(asking.request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    if question.call.is_some() {
        asking.proof.respell(&mut headers, dialect);
    }
    asking.proof.apply(&mut target, &mut headers);
    for fixed in dialect.fixed_headers() {
        headers
            .entry(fixed.name)
            .or_insert(HeaderValue::from_static(fixed.value));
    }
    let unsigned = Unsigned {
        method: asking.method,
        host: authority.as_str(),
        target: &target,
        pieces: &pieces,
    };
    asking.proof.sign(unsigned, &mut headers);
    Ok(Outbound {
        method: asking.method.clone(),
        target,
        authority,
        headers,
        upgrade: None,
        payload: Payload::Pieces(pieces),
    })
}

/// Path and query that the provider is asked at. `query` is the client's.
pub(super) fn target_of(provider: &AiProvider, question: &Question, query: Option<&str>) -> String {
    let path = match provider.path.as_ref().or(question.at.as_ref()) {
        Some(path) => path.to_string(),
        None => {
            let prefix = provider.path_prefix.as_deref();
            question
                .dialect
                .upstream_path(&question.path, prefix)
                .into_owned()
        }
    };
    let target = match query {
        Some(query) if question.operation == Operation::Passthrough => {
            format!("{path}?{query}")
        }
        Some(query) if question.operation == Operation::Models => format!("{path}?{query}"),
        _ => path,
    };
    match &provider.query {
        Some(own) if target.contains('?') => format!("{target}&{own}"),
        Some(own) => format!("{target}?{own}"),
        None => target,
    }
}

/// Where the provider takes the question.
fn endpoint(provider: &AiProvider, question: &Question) -> Endpoint {
    let mut endpoint = provider.endpoint.clone();
    if let Some(host) = own_host(provider, question) {
        endpoint.host = host.into();
    }
    endpoint
}

/// Another host than that of the manifest. One that a manifest names itself is asked everything.
pub(super) fn own_host(provider: &AiProvider, question: &Question) -> Option<&'static str> {
    let usual = question.dialect.provider().host;
    let host = &provider.endpoint.host;
    let theirs = host.strip_suffix(usual);
    let theirs = theirs.is_some_and(|place| place.is_empty() || place.ends_with('-'));
    question
        .dialect
        .host_for(question.operation)
        .filter(|_| theirs)
}

/// Says how long the body is now. Replacing the client's word costs less than removing it and
/// having the connection say it anew.
fn set_length(headers: &mut HeaderMap, pieces: &[Bytes]) {
    match pieces.iter().map(Bytes::len).sum::<usize>() {
        0 => drop(headers.remove(header::CONTENT_LENGTH)),
        length => drop(headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length))),
    }
}

/// The client's body with the model that is asked for, and with usage asked for in a stream.
fn pieces(question: &Question) -> Vec<Bytes> {
    let facts = match (&question.facts, &question.call) {
        (Some(facts), None) => facts,
        _ => return vec![question.body.clone()],
    };
    let edits = Edits {
        model: question.model.as_deref(),
        usage: question.usage_owner(),
    };
    splice(&question.body, facts, &edits).pieces
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    const KINDS: [&str; 2] = ["text/event-stream", agw_ai::dialect::bedrock::STREAM_TYPE];
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.map(HeaderValue::as_bytes).unwrap_or_default();
    KINDS.iter().any(|known| {
        let start = kind.get(..known.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(known.as_bytes()))
    })
}
