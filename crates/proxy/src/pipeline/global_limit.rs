//! Limits that a server counts for all proxies.

use std::rc::Rc;
use std::sync::Arc;

use agw_core::access::Denial;
use agw_core::expr::{Input, RequestInput};
use agw_core::guard::FailureMode;
use agw_core::rate_limit::{Count, GlobalLimit};
use http::{HeaderMap, Method, StatusCode, Version};
use serde_json::{Value, json};

use super::Exchange;
use super::external::unname;
use super::transform::llm;
use crate::access::Identity;
use crate::asking::Asking;
use crate::error::Error;
use crate::limiter::{self, Holding, Verdict};
use crate::live::Live;
use crate::telemetry::{AiRecord, Unasked};
use crate::worker::Worker;

/// What a worker is still telling of answers; what comes beyond is not told.
const MOST_UNDER_WAY: usize = 4096;

/// What an answer will have cost, by a limit that is told then.
pub(crate) struct Debt {
    live: Arc<Live>,
    limit: Arc<GlobalLimit>,
    counts: Vec<Count>,
    /// What was asked, where the cost may depend on it.
    asked: Option<Box<Asked>>,
}

/// What is kept of a request until its answer has come.
struct Asked {
    method: Method,
    host: String,
    path: String,
    query: Option<String>,
    version: Version,
    headers: HeaderMap,
    scheme: &'static str,
    metadata: Value,
    identity: Identity,
}

impl Exchange {
    /// Asks the server that counts, and leaves the rest to the answer.
    pub(super) async fn ask_limiter(&mut self, limit: &Arc<GlobalLimit>) -> Result<(), Error> {
        let (counts, failures) = {
            let metadata = Value::Object(self.metadata.clone());
            limit.counts(&self.input(&metadata, None))
        };
        self.count_failures("rateLimit", &failures);
        if counts.is_empty() {
            return Ok(());
        }
        let live = self.live.clone();
        let asking = Asking {
            worker: &self.peer.worker,
            snapshot: &live.snapshot,
            within: limiter::WITHIN,
        };
        let answer = match limiter::ask(&asking, limit, &counts, Holding::Enforced).await {
            Ok(answer) => answer,
            Err(why) => return self.uncounted(limit, why),
        };
        if answer.verdict == Verdict::Over {
            let mut headers = HeaderMap::new();
            for edit in &answer.response {
                edit.apply(&mut headers);
            }
            return Err(Error::OverLimit(Arc::new(Denial {
                status: StatusCode::TOO_MANY_REQUESTS,
                headers,
                body: answer.body,
            })));
        }
        for edit in &answer.request {
            unname(&mut self.inbound.headers, edit.name());
            edit.apply(&mut self.inbound.headers);
        }
        self.response_edits.extend(answer.response);
        if limit.has_debts() {
            let asked = limit.computes_debts().then(|| Box::new(self.asked()));
            self.record.debts.push(Debt {
                live,
                limit: limit.clone(),
                counts,
                asked,
            });
        }
        Ok(())
    }

    fn uncounted(&mut self, limit: &GlobalLimit, why: String) -> Result<(), Error> {
        let server = &*limit.server.authority;
        match limit.failure_mode {
            FailureMode::FailClosed => Err(Error::Uncounted(format!("{server}: {why}"))),
            FailureMode::FailOpen => {
                // The access log says it of every such request.
                tracing::debug!(server, why, "nobody could count a request: let through");
                self.record.failed_open.push(Unasked::RateLimit);
                Ok(())
            }
        }
    }

    fn asked(&self) -> Asked {
        let inbound = &self.inbound;
        Asked {
            method: inbound.method.clone(),
            host: inbound.authority.clone(),
            path: inbound.path.clone(),
            query: inbound.query.clone(),
            version: inbound.version,
            headers: inbound.headers.clone(),
            scheme: self.peer.scheme.as_str(),
            metadata: Value::Object(self.metadata.clone()),
            identity: self.identity.clone(),
        }
    }
}

impl Debt {
    /// Tells the server what the answer cost, aside: nobody waits for that.
    pub(crate) fn settle(self, worker: &Rc<Worker>, ai: Option<&AiRecord>) {
        let cost = ai.and_then(|ai| ai.cost);
        let cost = cost.map(|cost| json!({ "total": cost.dollars() }));
        let tokens = ai.and_then(|ai| ai.usage.tokens());
        let (counts, failures) = {
            let mut input = Input::new();
            input.llm = ai.map(llm);
            if let Some(llm) = &mut input.llm {
                llm.cost = cost.as_ref();
            }
            if let Some(asked) = &self.asked {
                asked.fill(&mut input);
            }
            self.limit.debts(&self.counts, tokens, &input)
        };
        for (name, error) in &failures {
            let place = format!("rateLimit {name}");
            tracing::debug!(place, %error, "an expression has no value for this answer");
            worker.shard.expression_failed(&place.into());
        }
        if counts.is_empty() {
            return;
        }
        let server = self.limit.server.authority.clone();
        if worker.debts.len() >= MOST_UNDER_WAY {
            tracing::warn!(
                server = &*server,
                "too many answers are being counted: one is not"
            );
            return;
        }
        let (live, limit, of) = (self.live, self.limit, worker.clone());
        worker.debts.spawn_local(async move {
            let asking = Asking {
                worker: &of,
                snapshot: &live.snapshot,
                within: limiter::WITHIN,
            };
            if let Err(why) = limiter::ask(&asking, &limit, &counts, Holding::Told).await {
                tracing::warn!(
                    server = &*server,
                    why,
                    "what an answer cost could not be counted"
                );
            }
        });
    }
}

impl Asked {
    fn fill<'a>(&'a self, input: &mut Input<'a>) {
        input.request = Some(RequestInput {
            method: self.method.as_str(),
            scheme: self.scheme,
            host: &self.host,
            path: &self.path,
            query: self.query.as_deref(),
            version: self.version,
            headers: &self.headers,
            body: None,
            start_time: None,
            end_time: None,
        });
        input.metadata = Some(&self.metadata);
        input.jwt = self.identity.jwt.as_ref();
        input.api_key = self.identity.api_key.as_ref();
        input.basic_auth = self.identity.basic.as_ref();
        input.extauthz = self.identity.external.as_ref();
    }
}

impl std::fmt::Debug for Debt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Debt")
            .field("domain", &self.limit.domain)
            .finish_non_exhaustive()
    }
}
