//! Limits, and what else policies do to requests beside authentication and transformation.

use std::sync::Arc;

use agw_core::answer::{AnswerBody, FixedAnswer};
use agw_core::filter::{Cors, Filter};
use agw_core::policy::TrafficPolicy;
use agw_core::rate_limit::{Limit, RateLimit, Unit, Verdict};
use agw_core::snapshot::RulePlan;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use super::Exchange;
use crate::allowances::{Counter, Key};
use crate::body::Answer;
use crate::error::Error;
use crate::live::now_millis;
use crate::telemetry::{Owed, Reason};

/// Who decides what pages of other origins may do: the rule's own filter before a policy.
pub(crate) fn cors_of(plan: &RulePlan) -> Option<&Cors> {
    let filter = plan.rule.filters.iter().find_map(|filter| match filter {
        Filter::Cors(cors) => Some(&**cors),
        _ => None,
    });
    filter.or(plan.policy.cors.as_deref())
}

/// What a request takes of a limit.
type Share = (Arc<Counter>, Option<Key>);

fn give_back(shares: &[Share]) {
    for (counter, key) in shares {
        counter.give_back(*key, now_millis());
    }
}

impl Exchange {
    /// The answer to a browser's question before its request. It comes before authentication: a
    /// preflight carries no credentials (Fetch, CORS-preflight).
    pub(super) fn preflight(&mut self, cors: Option<&Cors>) -> Option<Response<Box<Answer>>> {
        let cors = cors.filter(|_| self.inbound.is_preflight())?;
        self.record.outcome.reason = Reason::Preflight;
        let mut response = Response::new(Answer::whole(Bytes::new()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        *response.headers_mut() = cors.preflight(&self.inbound.headers);
        Some(response)
    }

    /// Takes the request's share of every limit, or none of any.
    pub(super) async fn limit(&mut self, policy: &RateLimit) -> Result<(), Error> {
        let cases = policy.all().iter();
        let reads = cases.into_iter().any(|case| {
            let keys = case
                .then
                .local
                .iter()
                .filter_map(|limit| limit.key.as_ref());
            let global = case.then.global.as_ref();
            keys.into_iter().any(|e| e.reads().request_body)
                || global.is_some_and(|global| global.reads_body())
        });
        self.hold_for(policy.read_body() || reads).await?;
        let chosen = {
            let metadata = Value::Object(self.metadata.clone());
            policy.choose(&self.input(&metadata, None)).cloned()
        };
        let Some(limits) = chosen else {
            return Ok(());
        };
        let taken = self.take(&limits.local)?;
        if let Some(global) = &limits.global
            && let Err(error) = self.ask_limiter(global).await
        {
            give_back(&taken);
            return Err(error);
        }
        let tokens = taken.into_iter();
        let tokens = tokens.filter(|(counter, _)| counter.limit().unit == Unit::Tokens);
        self.record
            .owed
            .extend(tokens.map(|(counter, key)| Owed { counter, key }));
        Ok(())
    }

    /// Takes the request's share of the limits that this proxy counts.
    fn take(&self, limits: &[Limit]) -> Result<Vec<Share>, Error> {
        let now = now_millis();
        let shares: Vec<Share> = {
            let metadata = Value::Object(self.metadata.clone());
            let input = self.input(&metadata, None);
            let counters = limits.iter().filter_map(|limit| {
                let counter = self.live.allowances.of(limit)?.clone();
                let key = limit
                    .key
                    .as_ref()
                    .and_then(|key| key.eval_header(&input).ok());
                let key = key.map(|value| counter.key(value.as_bytes()));
                Some((counter, key))
            });
            counters.collect()
        };
        for (index, (counter, key)) in shares.iter().enumerate() {
            if let Verdict::Over { wait } = counter.ask(*key, now) {
                give_back(&shares[..index]);
                let limit = counter.limit();
                return Err(Error::RateLimited {
                    limit: limit.amount,
                    wait,
                });
            }
        }
        Ok(shares)
    }

    /// Runs what comes between a policy's transformation and the rule's filters. The answer is the
    /// gateway's own, where it has one.
    pub(super) async fn treat(
        &mut self,
        policy: &TrafficPolicy,
    ) -> Result<Option<Response<Box<Answer>>>, Error> {
        if let Some(csrf) = &policy.csrf {
            let inbound = &self.inbound;
            if !csrf.allows(&inbound.method, &inbound.authority, &inbound.headers) {
                return Err(Error::CrossSite);
            }
        }
        if let Some(headers) = &policy.headers {
            headers.request.apply(&mut self.inbound.headers);
        }
        if let Some(delay) = &policy.delay {
            let wait = {
                let metadata = Value::Object(self.metadata.clone());
                delay.of(&self.input(&metadata, None))
            };
            match wait {
                Ok(wait) => tokio::time::sleep(wait).await,
                Err(error) => self.count_failures("delay", &[("duration".to_owned(), error)]),
            }
        }
        let Some(direct) = &policy.direct_response else {
            return Ok(None);
        };
        let answers = direct.all().iter();
        let reads = direct.read_body() || answers.into_iter().any(|case| case.then.reads_body());
        self.hold_for(reads).await?;
        let metadata = Value::Object(self.metadata.clone());
        let (response, failures) = {
            let input = self.input(&metadata, None);
            let Some(answer) = direct.choose(&input) else {
                return Ok(None);
            };
            fixed(answer, &input)
        };
        self.count_failures("direct_response", &failures);
        self.record.outcome.reason = Reason::DirectResponse;
        Ok(Some(response))
    }

    pub(super) async fn hold_for(&mut self, reads_body: bool) -> Result<(), Error> {
        if reads_body && self.inbound.has_body() {
            let limits = self.peer.worker.limits.clone();
            self.inbound.hold(&limits, limits.body).await?;
        }
        Ok(())
    }
}

type Failures = Vec<(String, agw_core::expr::EvalError)>;

fn fixed(
    answer: &FixedAnswer,
    input: &agw_core::expr::Input<'_>,
) -> (Response<Box<Answer>>, Failures) {
    let mut failures = Vec::new();
    let body = match &answer.body {
        AnswerBody::Empty => Bytes::new(),
        AnswerBody::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
        AnswerBody::Computed(expression) => match expression.eval(input) {
            Ok(value) => match value.as_str() {
                Some(text) => Bytes::copy_from_slice(text.as_bytes()),
                None => Bytes::from(value.to_json().to_string()),
            },
            Err(error) => {
                failures.push(("body".to_owned(), error));
                Bytes::new()
            }
        },
    };
    let mut response = Response::new(Answer::whole(body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    if !matches!(answer.body, AnswerBody::Empty) {
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, text);
    }
    for (name, expression) in &answer.headers {
        match expression.eval_header(input) {
            Ok(value) => drop(headers.insert(name.name().clone(), value)),
            Err(error) => failures.push((name.written().to_owned(), error)),
        }
    }
    (response, failures)
}
