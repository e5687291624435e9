//! What may not be said: guards of requests before they go to a model, and of its answers.

use std::sync::Arc;

use agw_ai::Operation;
use agw_ai::guard::{Texts, Verdict, mask, refused};
use agw_ai::shape::Part;
use agw_core::backend::ApiRoute;
use agw_core::guard::{Check, PromptGuard};
use bytes::Bytes;
use http::header;
use http::response::Parts;

use super::Exchange;
use super::question::{Question, operation_of};
use crate::body::Answer;
use crate::error::Error;
use crate::telemetry::{GuardAction, Phase};

/// A body that has been looked at. The next target may have the same guards.
pub(super) struct Guarded {
    guard: Arc<PromptGuard>,
    operation: Operation,
    seen: Bytes,
    left: Left,
}

/// What guards leave of a request.
#[derive(Clone)]
pub(super) struct Left {
    pub(super) body: Bytes,
    /// That it could not be looked at.
    pub(super) undone: Option<Part>,
}

impl Exchange {
    /// The request as its guards leave it.
    pub(super) async fn guard_request(
        &mut self,
        guard: &Arc<PromptGuard>,
        (path, routes): (&str, &[ApiRoute]),
        body: Bytes,
    ) -> Result<Left, Error> {
        let operation = operation_of(path, routes, &self.inbound.method, &body)?;
        let same = |known: &&Guarded| {
            Arc::ptr_eq(&known.guard, guard)
                && known.operation == operation
                && known.seen.as_ptr() == body.as_ptr()
                && known.seen.len() == body.len()
        };
        if let Some(known) = self.guarded.as_ref().filter(same) {
            return Ok(known.left.clone());
        }
        let left = self.look_at_request(guard, operation, &body).await;
        let action = match &left {
            Ok((_, verdict)) => GuardAction::of(*verdict),
            Err(_) => GuardAction::Reject,
        };
        self.count_check(Phase::Request, action);
        let (left, _) = left?;
        self.guarded = Some(Guarded {
            guard: guard.clone(),
            operation,
            seen: body,
            left: left.clone(),
        });
        Ok(left)
    }

    async fn look_at_request(
        &mut self,
        guard: &PromptGuard,
        operation: Operation,
        body: &Bytes,
    ) -> Result<(Left, Verdict), Error> {
        let mut left = Left {
            body: body.clone(),
            undone: None,
        };
        let mut verdict = Verdict::Allow;
        for guard in &guard.request {
            let Some(texts) = Texts::of_request(operation, &left.body)? else {
                left.undone = Some(Part::PromptGuard);
                break;
            };
            let (body, found) = match &guard.check {
                Check::Rules(rules) => mask(rules, guard, &texts, &left.body)?,
                Check::Broken => return Err(refused(&guard.refusal).into()),
            };
            left.body = body;
            verdict = verdict.max(found);
        }
        Ok((left, verdict))
    }

    /// A whole answer as its guards leave it.
    pub(super) async fn guard_answer(
        &mut self,
        question: &Question,
        parts: &mut Parts,
        answer: Box<Answer>,
    ) -> Result<Box<Answer>, Error> {
        let Some(guard) = question.guard.as_ref().filter(|g| !g.response.is_empty()) else {
            return Ok(answer);
        };
        let limit = self.peer.worker.limits.response_body;
        let (Some(body), answer) = answer.hold(limit).await else {
            let text = format!("an answer to look at is cut, or has more than {limit} bytes");
            return Err(Error::Garbage(text));
        };
        let looked = self.look_at_answer(guard, question.operation, &body).await;
        let action = match &looked {
            Ok((_, verdict)) => GuardAction::of(*verdict),
            Err(_) => GuardAction::Reject,
        };
        self.count_check(Phase::Response, action);
        let (left, _) = looked?;
        if left.as_ptr() == body.as_ptr() {
            return Ok(answer);
        }
        for gone in [header::CONTENT_LENGTH, header::ETAG] {
            parts.headers.remove(gone);
        }
        Ok(answer.replaced(left))
    }

    async fn look_at_answer(
        &mut self,
        guard: &PromptGuard,
        operation: Operation,
        body: &Bytes,
    ) -> Result<(Bytes, Verdict), Error> {
        let mut left = body.clone();
        let mut verdict = Verdict::Allow;
        for guard in &guard.response {
            let unreadable = |_| Error::Garbage("an answer to look at is not JSON".to_owned());
            let texts = Texts::of_response(operation, &left).map_err(unreadable)?;
            let (body, found) = match &guard.check {
                Check::Rules(rules) => mask(rules, guard, &texts, &left)?,
                Check::Broken => return Err(refused(&guard.refusal).into()),
            };
            left = body;
            verdict = verdict.max(found);
        }
        Ok((left, verdict))
    }

    pub(super) fn count_check(&self, phase: Phase, action: GuardAction) {
        self.peer.worker.shard.guardrail(phase, action);
    }
}

/// A copy of a request as its guards leave it. Nobody waits for a copy, so nobody is asked about it.
pub(super) fn guard_copy(
    guard: &PromptGuard,
    operation: Operation,
    body: Bytes,
) -> Result<Bytes, Error> {
    let mut left = body;
    for guard in &guard.request {
        let Check::Rules(rules) = &guard.check else {
            return Err(refused(&guard.refusal).into());
        };
        if let Some(texts) = Texts::of_request(operation, &left)? {
            (left, _) = mask(rules, guard, &texts, &left)?;
        }
    }
    Ok(left)
}
