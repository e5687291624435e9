//! What would become of a request, told without sending anything anywhere.
//!
//! The same matching, expressions, edits and provider requests are used that serve real requests;
//! what only another server knows (whether a token is good, whether an endpoint answers) is told as
//! such.

mod access;
mod backends;
mod policies;
mod walk;
mod words;

use std::net::SocketAddr;
use std::time::SystemTime;

use agw_core::filter::RedirectScheme;
use agw_core::id::{ObjectKey, RouteKind};
use agw_core::policy::{Field, Phase};
use agw_core::snapshot::{Bind, Candidate, ListenerTable, Snapshot, Standing};
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Serialize;
use serde_json::Value;

use crate::pipeline::without_port;
use walk::Walk;

pub use backends::{Asked, Odds, Reference};

/// A request as somebody describes it.
#[derive(Debug, Clone)]
pub struct Described {
    /// `None` is the first port that has a listener for the host.
    pub port: Option<u16>,
    pub scheme: RedirectScheme,
    pub method: Method,
    /// Host, and port where it has one.
    pub authority: String,
    /// As a client sends it, without the query.
    pub path: String,
    pub query: Option<String>,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub source: SocketAddr,
    /// What its token says, as if one had been checked.
    pub claims: Option<Value>,
    pub now: SystemTime,
}

/// What would become of a request.
#[derive(Debug, Default, Serialize)]
pub struct Explanation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listener: Option<String>,
    /// The rule that takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winner: Option<Winner>,
    /// What happens to it, in this order.
    pub steps: Vec<Step>,
    /// Where it may go, once the steps let it.
    pub backends: Vec<Reference>,
    /// The answer that it gets from the gateway itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Refusal>,
    /// Every other match, those first that would have taken it too.
    pub others: Vec<Other>,
}

/// A rule, and which of its matches took the request.
#[derive(Debug, Serialize)]
pub struct Winner {
    pub kind: RouteKind,
    pub route: ObjectKey,
    /// Its name, or its position.
    pub rule: String,
    #[serde(skip)]
    pub rule_name: Option<String>,
    pub matched: String,
}

/// Something that happens to the request.
#[derive(Debug, Serialize)]
pub struct Step {
    #[serde(flatten)]
    pub by: By,
    /// In words.
    pub does: String,
    #[serde(flatten)]
    pub then: Then,
}

/// What makes a step happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum By {
    /// A field of a policy.
    #[serde(rename = "policy")]
    Policy(Field),
    /// `spec.backend.ai` of a policy.
    Shaping,
    /// The rule itself: a filter, or what is wrong with it.
    Rule,
    /// The gateway, whatever its configuration.
    Gateway,
}

/// How a request goes on after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "then", content = "status")]
pub enum Then {
    Continues,
    /// With this status, if what comes before lets it get here.
    Answers(u16),
    /// On what cannot be told from the request alone.
    Depends,
}

/// An answer of the gateway's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    pub status: u16,
    pub why: String,
}

/// A match that does not take the request.
#[derive(Debug, Serialize)]
pub struct Other {
    pub kind: RouteKind,
    pub route: ObjectKey,
    pub rule: String,
    pub matched: String,
    /// Whether it would have taken it without the winner.
    pub holds: bool,
    pub why: String,
}

/// Tells what would become of `request` under `snapshot`.
pub fn explain(snapshot: &Snapshot, request: Described) -> Explanation {
    let mut explanation = Explanation::default();
    let host = without_port(&request.authority).to_ascii_lowercase();
    let Some((bind, listener)) = listener(snapshot, request.port, &host) else {
        let port = request.port.map(|port| format!(" on port {port}"));
        let port = port.unwrap_or_default();
        let named = if host.is_empty() { "any host" } else { &host };
        explanation.answer = Some(Refusal {
            status: 404,
            why: format!("no listener{port} takes requests for {named}"),
        });
        return explanation;
    };
    explanation.port = Some(bind.port);
    explanation.listener = Some(listener.name.to_string());
    let mut walk = Walk::new(snapshot, bind.port, host, request);
    match walk.normalize() {
        Ok(()) => walk.go(listener, &mut explanation),
        Err(why) => explanation.answer = Some(Refusal { status: 400, why }),
    }
    explanation.steps = walk.steps;
    if explanation.answer.is_none() {
        explanation.answer = answered(&explanation.steps);
    }
    explanation
}

fn listener<'a>(
    snapshot: &'a Snapshot,
    port: Option<u16>,
    host: &str,
) -> Option<(&'a Bind, &'a ListenerTable)> {
    let binds = snapshot.binds.iter();
    let mut binds = binds.filter(|bind| port.is_none_or(|port| port == bind.port));
    binds.find_map(|bind| {
        let listener = bind.listener(host)?;
        let has_requests = listener.protocol.has_requests();
        has_requests.then_some((bind, listener))
    })
}

/// The answer that a request surely gets.
fn answered(steps: &[Step]) -> Option<Refusal> {
    steps.iter().find_map(|step| match step.then {
        Then::Answers(status) => Some(Refusal {
            status,
            why: step.does.clone(),
        }),
        Then::Continues | Then::Depends => None,
    })
}

impl Walk<'_> {
    fn go(&mut self, listener: &ListenerTable, explanation: &mut Explanation) {
        self.before_match(&listener.policy);
        if listener.models.are_matched() {
            self.find_model();
        }
        let head = self.head();
        let selected = listener.select(&head);
        let candidates = self.snapshot.candidates(listener, &head);
        let others = candidates.iter().filter(|c| c.standing != Standing::Wins);
        explanation.others = others.map(|c| self.other(c)).collect();
        let Some(selected) = selected else {
            explanation.answer = Some(self.without_route(listener));
            return;
        };
        let (plan, matched) = (selected.plan.clone(), selected.matched.clone());
        explanation.winner = Some(Winner {
            kind: plan.route.kind,
            route: plan.route.key.clone(),
            rule: plan.name.to_string(),
            rule_name: plan.rule.name.as_deref().map(str::to_owned),
            matched: words::matched(&matched),
        });
        self.after_match(&plan, &matched.path);
        explanation.backends = backends::of(self, &plan, &matched.path);
    }

    fn other(&self, candidate: &Candidate<'_>) -> Other {
        let route = &candidate.plan.route;
        Other {
            kind: route.kind,
            route: route.key.clone(),
            rule: candidate.plan.name.to_string(),
            matched: words::matched(candidate.matched),
            holds: matches!(candidate.standing, Standing::Behind(_)),
            why: words::standing(candidate, &self.head()),
        }
    }

    /// As the pipeline answers what no route takes.
    fn without_route(&self, listener: &ListenerTable) -> Refusal {
        let why = match &self.model {
            Some(model) if listener.models.are_matched() => {
                format!("no model `{model}` is served here, and no route takes the request")
            }
            _ => "no route takes the request".to_owned(),
        };
        Refusal { status: 404, why }
    }
}

impl Step {
    fn of(phase: Phase, name: &'static str, does: String, then: Then) -> Self {
        let by = By::Policy(Field { phase, name });
        Self { by, does, then }
    }
}
