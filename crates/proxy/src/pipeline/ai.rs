//! Requests to models: one body, tried on one provider after another until one answers.

use std::sync::Arc;
use std::time::Duration;

use agw_ai::format::Stamp;
use agw_ai::usage::Counted;
use agw_core::filter;
use agw_core::load;
use agw_core::matcher::PathMatch;
use agw_core::retry::{ConnectFailure, Retry};
use agw_core::snapshot::{RulePlan, TargetKind};
use agw_core::sticky::StickyKey;
use bytes::Bytes;
use http::{HeaderMap, Response};
use tokio::time::Instant;

use super::attempt::{Failure, Refused};
use super::health::Seen;
use super::plain::response_filters;
use super::question::{Incoming, Question};
use super::{Exchange, outbound, translated};
use crate::body::Answer;
use crate::candidates::{Candidate, Candidates};
use crate::error::Error;
use crate::in_flight::InFlight;
use crate::live::{Live, TargetState, now_millis};
use crate::respond::Dialect;
use crate::telemetry::{Outcome, Reason};

impl Exchange {
    /// Answers from the first target that can. What fails before the client has seen a byte moves
    /// on to the next; the last failure is the client's answer.
    pub(super) async fn ask_model(
        &mut self,
        live: &Live,
        plan: &Arc<RulePlan>,
        (choice, key): (usize, Option<StickyKey>),
        matched: &PathMatch,
    ) -> Result<Response<Box<Answer>>, Error> {
        self.dialect = self.spoken();
        let limits = self.peer.worker.limits.clone();
        let body = self.inbound.hold(&limits, limits.body).await?;
        let mut candidates = Candidates::new(live, plan, choice);
        candidates.bar(|target| !self.may_ask(target.policy()));
        candidates.stick(key, |sticky| self.sticky_key(sticky));
        let mut last = None;
        while let Some(candidate) = candidates.next(now_millis()) {
            match self
                .ask_target(live, plan, candidate, matched, &body)
                .await?
            {
                Ok(response) => return self.model_response(plan, candidate.choice, response).await,
                // What a target cannot be asked at all says less than another's failure.
                Err(failure) if failure.is_of_target() && last.is_some() => {}
                Err(failure) => last = Some((candidate.choice, failure)),
            }
            if self.out_of_time() || self.record.attempts.len() >= self.peer.worker.limits.attempts
            {
                break;
            }
        }
        match last {
            None if candidates.has_barred() => Err(Error::Forbidden),
            None => Err(Error::NoBackend(
                "no target of the rule can be tried".to_owned(),
            )),
            Some((_, Failure::Error(error))) => Err(error),
            Some((choice, Failure::Status(refused))) => {
                let status = refused.response.status().as_u16();
                let text = format!("the upstream answered {status}");
                self.record.outcome = Outcome::failed(Reason::UpstreamStatus, text);
                let Refused { response, call } = refused;
                let response = match call {
                    None => response.map(Answer::plain),
                    Some(call) => translated::error(response, &call, &self.record.request_id).await,
                };
                self.model_response(plan, choice, response).await
            }
        }
    }

    /// Tries one target, with the retries it asks for. The outer error is the client's own fault:
    /// no other target would answer it differently.
    async fn ask_target(
        &mut self,
        live: &Live,
        plan: &Arc<RulePlan>,
        candidate: Candidate,
        matched: &PathMatch,
        body: &Bytes,
    ) -> Result<Result<Response<Box<Answer>>, Failure>, Error> {
        let wiring = live.wiring(candidate.target);
        let (target, state) = live.target(candidate.target);
        self.lend_credentials(target.passes_credentials());
        let asked = self.question_for(plan, candidate, matched, target, body);
        let mut question = match asked.await {
            Err(error) if error.is_of_target() => return Ok(Err(Failure::Error(error))),
            asked => asked?,
        };
        if let Some(body) = question.estimate.take() {
            self.note_target(target, wiring, &question);
            if let Some(ai) = &mut self.record.ai {
                ai.counted = Counted::Estimate;
            }
            return Ok(Ok(translated::estimated(body)));
        }
        let retry = target.policy().retry.as_ref().or_else(|| plan.retry());
        let mut retried = 0;
        state.asked();
        let in_flight = InFlight::new(state);
        loop {
            let began = Instant::now();
            let outcome = self.attempt(plan, target, wiring, &mut question).await;
            note_load(state, began.elapsed(), &outcome);
            self.judge(target, state, &Seen::of(&outcome));
            let failure = match outcome {
                Ok(answered) => return Ok(Ok(answered.map(|body| body.loading(in_flight)))),
                Err(Failure::Error(error)) if !error.retryable() => return Err(error),
                Err(failure) => failure,
            };
            let again = retry.filter(|r| retried < r.attempts && wants(r, &failure));
            let Some(retry) = again else {
                return Ok(Err(failure));
            };
            if !self.may_retry(target, state) {
                return Ok(Err(failure));
            }
            retried += 1;
            let wait = retry.backoff(retried, self.peer.worker.random_unit());
            let most = self.peer.worker.limits.attempts;
            if self.out_of_time() || self.record.attempts.len() >= most {
                return Ok(Err(failure));
            }
            tokio::time::sleep(wait).await;
            // The first request took the headers with it.
            question = self
                .question_for(plan, candidate, matched, target, body)
                .await?;
        }
    }

    /// The request as this target is to get it.
    async fn question_for(
        &mut self,
        plan: &RulePlan,
        candidate: Candidate,
        matched: &PathMatch,
        target: &Arc<agw_core::snapshot::Target>,
        body: &Bytes,
    ) -> Result<Question, Error> {
        let TargetKind::Ai { provider, routes } = &target.kind else {
            return Err(Error::NoBackend(
                "the backend is not an AI provider".to_owned(),
            ));
        };
        let mut path = self.inbound.path.clone();
        let mut headers = outbound::forwardable(&self.inbound.headers);
        let filters = &plan.choices[candidate.choice].filters;
        filter::shape(filters, matched, &mut path, &mut headers);
        let mut body = body.clone();
        if let Some(policy) = &provider.policy.transformation {
            self.transform_outbound(policy, &target.label, &mut headers, &mut body);
        }
        let shaping = provider.policy.shaping.over(&plan.policy.shaping);
        let mut undone = None;
        if let Some(guard) = &shaping.guard {
            let left = self.guard_request(guard, (&path, routes), body).await?;
            (body, undone) = (left.body, left.undone);
        }
        // Expressions see the headers that go to the backend; nothing is copied without any.
        let seen = match shaping.computes() {
            true => headers.clone(),
            false => HeaderMap::new(),
        };
        let mut failures = Vec::new();
        let incoming = Incoming {
            method: &self.inbound.method,
            path: &path,
            query: self.inbound.query.as_deref(),
            headers,
            body,
            stamp: self.stamp(),
            shaping: &shaping,
            renamed: plan.choices[candidate.choice].model.as_ref(),
        };
        let asked = Question::new(provider, routes, incoming, &mut |member, body| {
            self.member(member, &seen, body, &mut failures)
        });
        self.count_failures(&target.label, &failures);
        let mut question = asked?;
        question.undone.extend(undone);
        self.dialect = Dialect::Api(question.operation);
        Ok(question)
    }

    /// What names an answer that its provider gives no name.
    pub(super) fn stamp(&self) -> Stamp {
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        Stamp {
            id: self.record.request_id.chars().filter(plain).collect(),
            created: u64::try_from(self.record.at.as_second()).unwrap_or_default(),
        }
    }

    /// The provider's answer with what the route does to responses.
    async fn model_response(
        &mut self,
        plan: &RulePlan,
        choice: usize,
        mut response: Response<Box<Answer>>,
    ) -> Result<Response<Box<Answer>>, Error> {
        outbound::strip_hop_by_hop(response.headers_mut());
        response_filters(plan, choice, response.headers_mut());
        // The backend's own edits come before those of the route.
        let own = self
            .record
            .target
            .as_ref()
            .and_then(|t| t.policy().transformation.as_ref());
        if let Some(policy) = own.filter(|policy| !policy.response.is_empty()) {
            self.response_policies.push(policy.clone());
        }
        self.transform_response(response).await
    }

    pub(super) fn out_of_time(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// What an attempt says of how busy its target is; one that failed by the client's fault says
/// nothing.
fn note_load(
    state: &TargetState,
    took: Duration,
    outcome: &Result<Response<Box<Answer>>, Failure>,
) {
    let seen = match outcome {
        Ok(_) => load::Seen::Answer,
        Err(Failure::Error(error)) if !error.retryable() => return,
        Err(_) => load::Seen::Failure,
    };
    state.took(now_millis(), took, seen);
}

fn wants(retry: &Retry, failure: &Failure) -> bool {
    match failure {
        Failure::Status(refused) => retry.on.status(refused.response.status().as_u16()),
        Failure::Error(Error::Timeout(_)) => retry.on.status(504),
        Failure::Error(_) => retry.on.connect_failure == ConnectFailure::Retry,
    }
}
