//! Requests to models: one body, tried on one provider after another until one answers.

use std::sync::Arc;

use agw_ai::operation::{self, Detected, Operation, RouteTable};
use agw_ai::request::RequestFacts;
use agw_core::backend::{AiProvider, ApiRoute};
use agw_core::matcher::PathMatch;
use agw_core::retry::{ConnectFailure, Retry};
use agw_core::snapshot::{RulePlan, TargetKind};
use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use tokio::time::Instant;

use super::attempt::{Failure, Question};
use super::health::Seen;
use super::plain::response_filters;
use super::{Exchange, outbound};
use crate::body::Answer;
use crate::candidates::{Candidate, Candidates};
use crate::error::Error;
use crate::live::{Live, now_millis};
use crate::respond::Dialect;
use crate::telemetry::{Outcome, Reason};

impl Exchange {
    /// Answers from the first target that can. What fails before the client has seen a byte moves
    /// on to the next; the last failure is the client's answer.
    pub(super) async fn ask_model(
        &mut self,
        live: &Live,
        plan: &Arc<RulePlan>,
        choice: usize,
        matched: &PathMatch,
    ) -> Result<Response<Box<Answer>>, Error> {
        self.dialect = Dialect::OpenAi;
        let limits = self.peer.worker.limits.clone();
        let body = self.inbound.hold(&limits, limits.body).await?;
        let mut candidates = Candidates::new(live, plan, choice);
        let mut last = None;
        while let Some(candidate) = candidates.next(now_millis()) {
            match self
                .ask_target(live, plan, candidate, matched, &body)
                .await?
            {
                Ok(response) => return self.model_response(plan, candidate.choice, response).await,
                Err(failure) => last = Some((candidate.choice, failure)),
            }
            if self.out_of_time() || self.record.attempts.len() >= self.peer.worker.limits.attempts
            {
                break;
            }
        }
        match last {
            None => Err(Error::NoBackend(
                "no target of the rule can be tried".to_owned(),
            )),
            Some((_, Failure::Error(error))) => Err(error),
            Some((choice, Failure::Status(response))) => {
                let text = format!("the upstream answered {}", response.status().as_u16());
                self.record.outcome = Outcome::failed(Reason::UpstreamStatus, text);
                self.model_response(plan, choice, response.map(Answer::plain))
                    .await
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
        let mut question = self.question_for(plan, candidate, matched, target, body)?;
        let retry = target.policy().retry.as_ref().or_else(|| plan.retry());
        let mut retried = 0;
        state.asked();
        loop {
            let outcome = self.attempt(plan, target, wiring, &mut question).await;
            self.judge(target, state, &Seen::of(&outcome));
            let failure = match outcome {
                Ok(answered) => return Ok(Ok(answered)),
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
            question = self.question_for(plan, candidate, matched, target, body)?;
        }
    }

    /// The request as this target is to get it.
    fn question_for(
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
        for filter in &plan.choices[candidate.choice].filters {
            match filter {
                agw_core::filter::Filter::RequestHeaders(edits) => edits.apply(&mut headers),
                agw_core::filter::Filter::UrlRewrite(rewrite) => {
                    if let Some(rewrite) = &rewrite.path {
                        path = rewrite.apply(&path, matched).into_owned();
                    }
                }
                _ => {}
            }
        }
        let mut body = body.clone();
        if let Some(policy) = &provider.policy.transformation {
            self.transform_outbound(policy, &target.label, &mut headers, &mut body);
        }
        question(provider, routes, &self.inbound.method, &path, headers, body)
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
            self.response_policies.push(Arc::new(policy.clone()));
        }
        self.transform_response(response).await
    }

    pub(super) fn out_of_time(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// What a request of this path and body asks the provider.
pub(super) fn question(
    provider: &AiProvider,
    routes: &[ApiRoute],
    method: &Method,
    path: &str,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Question, Error> {
    let (operation, path, facts) = understand(path, routes, method, &body)?;
    let client_model = facts.as_ref().and_then(RequestFacts::model).cloned();
    let model = provider.model.clone().or_else(|| client_model.clone());
    if operation.names_model() && model.is_none() {
        return Err(Error::NoModel);
    }
    Ok(Question {
        operation,
        path,
        headers,
        facts,
        client_model,
        model,
        body,
    })
}

/// What is asked, on which upstream path, and what the body says of it.
fn understand(
    path: &str,
    routes: &[ApiRoute],
    method: &Method,
    body: &Bytes,
) -> Result<(Operation, String, Option<RequestFacts>), Error> {
    let explicit = (!routes.is_empty()).then(|| RouteTable::from(routes).resolve(path));
    let detected = explicit.or_else(|| operation::detect(path));
    match detected {
        Some(Detected { operation, path })
            if operation.names_model() && *method == Method::POST =>
        {
            Ok((
                operation,
                path.into_owned(),
                Some(RequestFacts::read(body)?),
            ))
        }
        // Listing, fetching or deleting what an API keeps: sent on as it is.
        Some(Detected { operation, path }) if operation.names_model() => {
            Ok((Operation::Passthrough, path.into_owned(), None))
        }
        Some(Detected { operation, path }) => Ok((operation, path.into_owned(), None)),
        None => Ok(guess(path, method, body)),
    }
}

/// A path that names no API: a chat request is known by its body.
fn guess(path: &str, method: &Method, body: &Bytes) -> (Operation, String, Option<RequestFacts>) {
    if *method == Method::POST
        && let Ok(facts) = RequestFacts::read(body)
        && let Some(Detected { operation, path }) = operation::infer(path, &facts)
    {
        return (operation, path.into_owned(), Some(facts));
    }
    (Operation::Passthrough, path.to_owned(), None)
}

fn wants(retry: &Retry, failure: &Failure) -> bool {
    match failure {
        Failure::Status(response) => retry.on.status(response.status().as_u16()),
        Failure::Error(Error::Timeout(_)) => retry.on.status(504),
        Failure::Error(_) => retry.on.connect_failure == ConnectFailure::Retry,
    }
}
