//! What may not be said: guards of requests before they go to a model, and of its answers.

mod ask;

use std::sync::Arc;

use agw_ai::Operation;
use agw_ai::guard::{Recorded, Texts, mask, refused, rewrite, webhook};
use agw_ai::shape::Part;
use agw_core::backend::ApiRoute;
use agw_core::guard::{Check, PromptGuard, Streaming, Webhook};
use bytes::Bytes;
use http::header;
use http::response::Parts;

use super::Exchange;
use super::question::{Form, Question, operation_of};
use crate::body::Answer;
use crate::error::Error;
use crate::telemetry::{GuardAction, Phase, Unasked};
use ask::About;

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
        self.count(Phase::Request, &left);
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
    ) -> Result<(Left, GuardAction), Error> {
        let mut left = Left {
            body: body.clone(),
            undone: None,
        };
        let mut action = GuardAction::Allow;
        for guard in &guard.request {
            let Some(texts) = Texts::of_request(operation, &left.body)? else {
                left.undone = Some(Part::PromptGuard);
                break;
            };
            let (body, done) = match &guard.check {
                Check::Rules(rules) => {
                    let (body, verdict) = mask(rules, guard, &texts, &left.body)?;
                    (body, GuardAction::of(verdict))
                }
                Check::Webhook(webhook) => {
                    let shown = || texts.shown(guard.scopes);
                    let told = shown().map(|text| (text.speaker, text.said.as_str()));
                    let question = webhook::about_request(told);
                    let count = shown().count();
                    let told = self.told(webhook, About::Request, question, count).await?;
                    let new = |said: &[String]| rewrite(&texts, guard.scopes, said, &left.body);
                    told.apply(left.body.clone(), new)
                }
                Check::Broken => return Err(refused(&guard.refusal).into()),
            };
            left.body = body;
            action = action.max(done);
        }
        Ok((left, action))
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
        let (body, answer) = self.held_answer(answer).await?;
        let looked = self.look_at_answer(guard, question.operation, &body).await;
        self.count(Phase::Response, &looked);
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
    ) -> Result<(Bytes, GuardAction), Error> {
        let mut left = body.clone();
        let mut action = GuardAction::Allow;
        for guard in &guard.response {
            let unreadable = |_| Error::Garbage("an answer to look at is not JSON".to_owned());
            let texts = Texts::of_response(operation, &left).map_err(unreadable)?;
            let (body, done) = match &guard.check {
                Check::Rules(rules) => {
                    let (body, verdict) = mask(rules, guard, &texts, &left)?;
                    (body, GuardAction::of(verdict))
                }
                Check::Webhook(webhook) => {
                    let shown = || texts.shown(guard.scopes).map(|text| text.said.as_str());
                    let (question, count) = (webhook::about_answer(shown()), shown().count());
                    let told = self.told(webhook, About::Answer, question, count).await?;
                    let new = |said: &[String]| rewrite(&texts, guard.scopes, said, &left);
                    told.apply(left.clone(), new)
                }
                Check::Broken => return Err(refused(&guard.refusal).into()),
            };
            left = body;
            action = action.max(done);
        }
        Ok((left, action))
    }

    /// A stream whose guards ask somebody about all of it: it is held until they have answered.
    /// Those that only look have looked.
    pub(super) async fn guard_stream(
        &mut self,
        question: &Question,
        answer: Box<Answer>,
    ) -> Result<Box<Answer>, Error> {
        let guard = question.guard.as_ref();
        let asks = |guard: &&Arc<PromptGuard>| {
            guard.streaming == Streaming::Enabled && guard.asks_about_answers()
        };
        let Some(guard) = guard.filter(asks) else {
            return Ok(answer);
        };
        let (body, answer) = self.held_answer(answer).await?;
        let looked = match question.answer {
            Form::List => self.look_at_answer(guard, question.operation, &body).await,
            _ => self.look_at_stream(guard, question.operation, &body).await,
        };
        self.count(Phase::Response, &looked);
        let (left, _) = looked?;
        Ok(match left.as_ptr() == body.as_ptr() {
            true => answer,
            false => answer.replaced(left),
        })
    }

    async fn look_at_stream(
        &mut self,
        guard: &PromptGuard,
        operation: Operation,
        body: &Bytes,
    ) -> Result<(Bytes, GuardAction), Error> {
        let mut left = body.clone();
        let mut action = GuardAction::Allow;
        for guard in &guard.response {
            let webhook = match &guard.check {
                Check::Rules(_) => continue,
                Check::Webhook(webhook) => webhook,
                Check::Broken => return Err(refused(&guard.refusal).into()),
            };
            let recorded = Recorded::read(operation, &left)?;
            let shown = || recorded.texts().iter().map(String::as_str);
            let (question, count) = (webhook::about_answer(shown()), shown().count());
            let told = self.told(webhook, About::Answer, question, count).await?;
            let (body, done) = told.apply(left.clone(), |said| recorded.rewrite(said));
            left = body;
            action = action.max(done);
        }
        Ok((left, action))
    }

    /// What a webhook says of a message with `count` texts.
    async fn told(
        &mut self,
        webhook: &Webhook,
        about: About,
        question: Bytes,
        count: usize,
    ) -> Result<Told, Error> {
        if count == 0 {
            return Ok(Told::Nothing);
        }
        let read = |body: &[u8]| webhook::answer(body, count);
        let answer = self.ask_webhook(webhook, about, question, read).await?;
        Ok(match answer {
            None => {
                self.record.failed_open.push(Unasked::PromptGuard);
                Told::FailedOpen
            }
            Some(webhook::Answer::Pass) => Told::Nothing,
            Some(webhook::Answer::Mask(said)) => Told::Mask(said),
            Some(webhook::Answer::Reject(refusal)) => return Err(refused(&refusal).into()),
        })
    }

    async fn held_answer(&self, answer: Box<Answer>) -> Result<(Bytes, Box<Answer>), Error> {
        let limit = self.peer.worker.limits.response_body;
        match answer.hold(limit).await {
            (Some(body), answer) => Ok((body, answer)),
            (None, _) => {
                let text = format!("an answer to look at is cut, or has more than {limit} bytes");
                Err(Error::Garbage(text))
            }
        }
    }

    fn count<T>(&self, phase: Phase, looked: &Result<(T, GuardAction), Error>) {
        let action = match looked {
            Ok((_, action)) => *action,
            Err(_) => GuardAction::Reject,
        };
        self.count_check(phase, action);
    }

    pub(super) fn count_check(&self, phase: Phase, action: GuardAction) {
        self.peer.worker.shard.guardrail(phase, action);
    }
}

/// What somebody says who was asked.
enum Told {
    Nothing,
    FailedOpen,
    Mask(Vec<String>),
}

impl Told {
    fn apply(self, body: Bytes, new: impl FnOnce(&[String]) -> Bytes) -> (Bytes, GuardAction) {
        match self {
            Self::Nothing => (body, GuardAction::Allow),
            Self::FailedOpen => (body, GuardAction::FailOpen),
            Self::Mask(said) => {
                let new = new(&said);
                match new.as_ptr() == body.as_ptr() {
                    true => (body, GuardAction::Allow),
                    false => (new, GuardAction::Mask),
                }
            }
        }
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
