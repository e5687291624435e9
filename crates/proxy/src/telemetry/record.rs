//! What is known of one request, filled in as it goes.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agw_ai::chat::Dropped;
use agw_ai::guard::Verdict;
use agw_ai::operation::Operation;
use agw_ai::price::{NanoUsd, PriceTable};
use agw_ai::shape::Part;
use agw_ai::usage::{Counted, Usage};
use agw_core::price::Prices;
use agw_core::snapshot::{RulePlan, Target};
use http::{HeaderName, HeaderValue, Method, StatusCode, Version};

use super::{Reason, access_log};
use crate::allowances::{Counter, Key};
use crate::connection::Client;
use crate::live::now_millis;
use crate::pipeline::Debt;
use crate::worker::Worker;

/// One request's record. It is reported once: by [`Record::finish`], or on drop as cut short by
/// the client.
pub(crate) struct Record {
    worker: Rc<Worker>,
    pub(crate) started: Instant,
    pub(crate) at: jiff::Timestamp,
    pub(crate) gateway: Arc<str>,
    pub(crate) listener: Option<Arc<str>>,
    pub(crate) plan: Option<Arc<RulePlan>>,
    pub(crate) target: Option<Arc<Target>>,
    pub(crate) endpoint: Option<Arc<str>>,
    pub(crate) client: Arc<Client>,
    pub(crate) method: Method,
    pub(crate) host: String,
    /// As the client sent it, without the query: that may hold keys.
    pub(crate) path: String,
    pub(crate) version: Version,
    pub(crate) status: Option<StatusCode>,
    pub(crate) request_id: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) trace_id: Option<String>,
    pub(crate) ai: Option<Box<AiRecord>>,
    pub(crate) attempts: Vec<Attempt>,
    /// What guards made of its stream.
    pub(crate) streamed: Option<Verdict>,
    pub(crate) outcome: Outcome,
    /// Whom nobody could ask about the request, which passed for that.
    pub(crate) failed_open: Vec<Unasked>,
    /// Limits of tokens that the request came under.
    pub(crate) owed: Vec<Owed>,
    /// The same, of limits that a server counts.
    pub(crate) debts: Vec<Debt>,
    reported: bool,
}

/// The part of a record that only AI requests have.
#[derive(Debug, Clone)]
pub(crate) struct AiRecord {
    pub(crate) operation: Operation,
    pub(crate) provider: &'static str,
    /// What the provider was asked for.
    pub(crate) model: Option<Arc<str>>,
    /// What the client asked for.
    pub(crate) client_model: Option<Arc<str>>,
    pub(crate) response_model: Option<String>,
    pub(crate) stream: bool,
    /// Fields of the request that the provider's format cannot say.
    pub(crate) dropped: Dropped,
    /// Parts of policies that the request could not be given.
    pub(crate) undone: Vec<Part>,
    pub(crate) usage: Usage,
    pub(crate) counted: Counted,
    /// The Gateway's own.
    pub(crate) prices: Arc<Prices>,
    pub(crate) first_token: Option<Duration>,
    /// Known when the request is reported, for models with a price.
    pub(crate) cost: Option<NanoUsd>,
}

/// One request to an upstream.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) backend: Arc<str>,
    pub(crate) provider: Option<Arc<str>>,
    pub(crate) model: Option<Arc<str>>,
    pub(crate) endpoint: Arc<str>,
    pub(crate) status: Option<u16>,
    pub(crate) took: Duration,
    /// Absent when this attempt's answer went to the client as a success.
    pub(crate) reason: Option<Reason>,
    pub(crate) error: Option<String>,
}

/// A limit that is told what an answer cost.
#[derive(Debug)]
pub(crate) struct Owed {
    pub(crate) counter: Arc<Counter>,
    pub(crate) key: Option<Key>,
}

/// A server that was to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unasked {
    ExtAuth,
    RateLimit,
    PromptGuard,
}

impl Unasked {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ExtAuth => "ext_auth",
            Self::RateLimit => "rate_limit",
            Self::PromptGuard => "prompt_guard",
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) reason: Reason,
    pub(crate) error: Option<String>,
}

impl Outcome {
    pub(crate) fn ok() -> Self {
        Self {
            reason: Reason::Ok,
            error: None,
        }
    }

    pub(crate) fn failed(reason: Reason, error: impl Into<String>) -> Self {
        Self {
            reason,
            error: Some(error.into()),
        }
    }
}

impl Record {
    pub(crate) fn new(
        worker: Rc<Worker>,
        gateway: Arc<str>,
        client: Arc<Client>,
        method: Method,
        version: Version,
    ) -> Box<Self> {
        Box::new(Self {
            worker,
            started: Instant::now(),
            at: jiff::Timestamp::now(),
            gateway,
            listener: None,
            plan: None,
            target: None,
            endpoint: None,
            client,
            method,
            host: String::new(),
            path: String::new(),
            version,
            status: None,
            request_id: String::new(),
            headers: Vec::new(),
            trace_id: None,
            ai: None,
            attempts: Vec::new(),
            streamed: None,
            outcome: Outcome::ok(),
            failed_open: Vec::new(),
            owed: Vec::new(),
            debts: Vec::new(),
            reported: false,
        })
    }

    /// Marks the moment of the first content of an AI answer.
    pub(crate) fn first_token(&mut self) {
        let elapsed = self.started.elapsed();
        if let Some(ai) = &mut self.ai {
            ai.first_token.get_or_insert(elapsed);
        }
    }

    /// Reports the request as ended the way `outcome` says; a failure noted before it stays.
    pub(crate) fn finish(mut self: Box<Self>, outcome: Outcome) {
        if self.outcome.reason == Reason::Ok {
            self.outcome = outcome;
        }
        self.report();
    }

    fn report(&mut self) {
        self.reported = true;
        let elapsed = self.started.elapsed();
        if let Some(ai) = &mut self.ai {
            ai.cost = ai.priced();
        }
        self.settle();
        self.worker.shard.record(self, elapsed);
        self.worker
            .access_log
            .write(access_log::line(self, elapsed));
    }
}

impl Record {
    /// Tells the limits of tokens what the answer cost.
    fn settle(&mut self) {
        for debt in std::mem::take(&mut self.debts) {
            debt.settle(&self.worker, self.ai.as_deref());
        }
        let owed = std::mem::take(&mut self.owed);
        let Some(tokens) = self.ai.as_ref().and_then(|ai| ai.usage.tokens()) else {
            return;
        };
        for Owed { counter, key } in owed {
            counter.settle(key, now_millis(), tokens);
        }
    }
}

impl AiRecord {
    /// What the answer costs, by the model that gave it.
    fn priced(&self) -> Option<NanoUsd> {
        let model = self.response_model.as_deref().or(self.model.as_deref())?;
        PriceTable::builtin().cost(&self.prices, model, &self.usage)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.reported {
            if self.outcome.reason == Reason::Ok {
                let text = "the client closed the connection before the answer was complete";
                self.outcome = Outcome::failed(Reason::ClientDisconnect, text);
            }
            self.report();
        }
    }
}
