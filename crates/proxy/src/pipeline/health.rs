//! What an attempt tells of its target's health.

use std::sync::Arc;
use std::time::Duration;

use agw_core::expr::ResponseInput;
use agw_core::snapshot::Target;
use http::{HeaderMap, Response, StatusCode};

use super::Exchange;
use super::attempt::Failure;
use crate::body::{Answer, UpstreamBody};
use crate::error::Error;
use crate::live::{TargetState, now_millis};

/// What was seen of a target in one attempt.
pub(super) struct Seen<'a> {
    response: Option<(StatusCode, &'a HeaderMap)>,
    verdict: Verdict,
    retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    Bad,
    /// The attempt says nothing of the target.
    None,
}

impl<'a> Seen<'a> {
    /// Of an AI target: whatever another target may do better counts against it.
    pub(super) fn of(outcome: &'a Result<Response<Box<Answer>>, Failure>) -> Self {
        match outcome {
            Ok(response) => Self::response(response, Verdict::Good),
            Err(failure @ Failure::Status(refused)) => {
                let seen = Self::response(&refused.response, Verdict::Bad);
                Self {
                    retry_after: failure.retry_after(),
                    ..seen
                }
            }
            Err(Failure::Error(error)) => Self::error(error),
        }
    }

    /// Of a plain backend: its 5xx are failures, its 429 are not.
    pub(super) fn plain(outcome: &'a Result<Response<UpstreamBody>, Error>) -> Self {
        match outcome {
            Ok(response) if response.status().is_server_error() => {
                Self::response(response, Verdict::Bad)
            }
            Ok(response) => Self::response(response, Verdict::Good),
            Err(error) => Self::error(error),
        }
    }

    fn response<B>(response: &'a Response<B>, verdict: Verdict) -> Self {
        let response = Some((response.status(), response.headers()));
        Self {
            response,
            verdict,
            retry_after: None,
        }
    }

    fn error(error: &Error) -> Self {
        let verdict = if error.retryable() {
            Verdict::Bad
        } else {
            Verdict::None
        };
        Self {
            response: None,
            verdict,
            retry_after: None,
        }
    }
}

impl Exchange {
    /// Whether the target may be asked again for the same request: one that has been taken out is
    /// not, and for others the budget needs to have a retry left. One that it refuses is counted.
    pub(super) fn may_retry(&self, target: &Target, state: &TargetState) -> bool {
        let now = now_millis();
        if state.is_out(now) {
            return false;
        }
        let granted = state.may_retry(now);
        if !granted {
            self.peer.worker.shard.retry_refused(&target.label);
        }
        granted
    }

    /// Notes what was seen in the target's health. Its `unhealthyCondition`, where it has one,
    /// decides about responses; no response at all is always a failure.
    pub(super) fn judge(&self, target: &Arc<Target>, state: &TargetState, seen: &Seen<'_>) {
        let Some(ejection) = &target.policy().ejection else {
            return;
        };
        let condition = ejection.unhealthy_condition.as_ref();
        let verdict = match (condition, seen.response) {
            (Some(condition), Some((code, headers))) => {
                let metadata = serde_json::Value::Object(self.metadata.clone());
                let response = ResponseInput {
                    code,
                    headers,
                    body: None,
                };
                let input = self.input(&metadata, Some(response));
                match condition.eval_bool(&input) {
                    Ok(true) => Verdict::Bad,
                    Ok(false) => Verdict::Good,
                    Err(_) => seen.verdict,
                }
            }
            _ => seen.verdict,
        };
        match verdict {
            Verdict::Good => state.succeeded(),
            Verdict::Bad => state.failed(target, now_millis(), seen.retry_after),
            Verdict::None => {}
        }
    }
}
