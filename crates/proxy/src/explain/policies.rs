//! What policies and filters do to a request.

use agw_core::filter::{Cors, Filter, Target, is_preflight};
use agw_core::matcher::PathMatch;
use agw_core::policy::{Field, Phase, TrafficPolicy};
use agw_core::rate_limit::{RateLimit, Unit};
use agw_core::snapshot::RulePlan;
use agw_core::transform::Transformations;
use http::header::{HeaderMap, HeaderName};

use super::walk::Walk;
use super::{By, Step, Then};
use crate::pipeline::cors_of;

const PRE: Phase = Phase::PreRouting;
const POST: Phase = Phase::PostRouting;

impl Walk<'_> {
    /// The listener's policies of the first phase.
    pub(super) fn before_match(&mut self, policy: &TrafficPolicy) {
        self.preflight(PRE, policy.pre_cors.as_deref());
        self.admit(PRE, &policy.pre_access);
        if let Some(transformations) = &policy.pre_routing {
            self.transform(PRE, transformations);
        }
    }

    /// What a rule and the policies over it do.
    pub(super) fn after_match(&mut self, plan: &RulePlan, matched: &PathMatch) {
        let policy = &plan.policy;
        for why in plan.rule.broken.iter().chain(&policy.refused) {
            self.step(
                By::Rule,
                format!("cannot be served: {why}"),
                Then::Answers(500),
            );
        }
        let of_filter = plan
            .rule
            .filters
            .iter()
            .any(|f| matches!(f, Filter::Cors(_)));
        let before = self.steps.len();
        self.preflight(POST, cors_of(plan));
        if of_filter && let Some(step) = self.steps.get_mut(before) {
            step.by = By::Rule;
        }
        self.admit(POST, &policy.access);
        if let Some(limits) = &policy.rate_limit {
            self.limit(limits);
        }
        if let Some(transformations) = &policy.post_routing {
            self.transform(POST, transformations);
        }
        self.treat(policy);
        for filter in &plan.rule.filters {
            self.filter(filter, matched);
        }
        let by = |own: bool, name| match own {
            true => By::Rule,
            false => By::Policy(Field { phase: POST, name }),
        };
        if let Some(timeout) = plan.request_timeout() {
            let by = by(plan.rule.request_timeout.is_some(), "timeouts.request");
            let does = format!("an answer has to start within {timeout:?}");
            self.step(by, does, Then::Continues);
        }
        if let Some(retry) = plan.retry() {
            let by = by(plan.rule.retry.is_some(), "retry");
            let does = format!("is tried again up to {} times", retry.attempts);
            self.step(by, does, Then::Continues);
        }
        if !policy.shaping.is_empty() {
            self.step(By::Shaping, shaping(policy), Then::Continues);
        }
    }

    fn step(&mut self, by: By, does: String, then: Then) {
        self.steps.push(Step { by, does, then });
    }

    pub(super) fn field(&mut self, phase: Phase, name: &'static str, does: String, then: Then) {
        self.steps.push(Step::of(phase, name, does, then));
    }

    fn preflight(&mut self, phase: Phase, cors: Option<&Cors>) {
        let Some(cors) = cors else {
            return;
        };
        let headers = &self.request.headers;
        if is_preflight(&self.request.method, headers) {
            let allowed = cors.preflight(headers);
            let does = match allowed.is_empty() {
                true => "answers the preflight, and allows nothing".to_owned(),
                false => "answers the preflight, and allows the request".to_owned(),
            };
            return self.field(phase, "cors", does, Then::Answers(204));
        }
        let mut answer = HeaderMap::new();
        cors.apply(headers, &mut answer);
        let does = match answer.get("access-control-allow-origin") {
            Some(origin) => format!("lets pages of {} read the answer", text(origin)),
            None => "lets no page of another origin read the answer".to_owned(),
        };
        self.field(phase, "cors", does, Then::Continues);
    }

    fn transform(&mut self, phase: Phase, transformations: &Transformations) {
        let chosen = transformations.choose(&self.input()).cloned();
        let does = match chosen {
            Some(chosen) => self.edit(&chosen),
            None => "does nothing: no condition holds".to_owned(),
        };
        self.field(phase, "transformation", does, Then::Continues);
    }

    fn limit(&mut self, limits: &RateLimit) {
        let input = self.input();
        let chosen = limits.choose(&input);
        let mut told: Vec<_> = chosen
            .into_iter()
            .flat_map(|limits| limits.local.iter())
            .map(|limit| {
                let unit = match limit.unit {
                    Unit::Requests => "requests",
                    Unit::Tokens => "tokens",
                };
                let most = format!("{} {unit} every {:?}", limit.amount, limit.per);
                match limit.key.as_ref().map(|key| key.eval_header(&input)) {
                    None => most,
                    Some(Ok(key)) => format!("{most} for the key {}", text(&key)),
                    Some(Err(_)) => format!("{most}, shared by all without a key"),
                }
            })
            .collect();
        if let Some(global) = chosen.and_then(|limits| limits.global.as_ref()) {
            let (counts, _) = global.counts(&input);
            let counts = counts.iter().map(|count| {
                let entries = count.entries.iter();
                let entries: Vec<_> = entries.map(|(k, v)| format!("{k}={v}")).collect();
                format!("{{{}}}", entries.join(", "))
            });
            let counts: Vec<_> = counts.collect();
            let server = &global.server.authority;
            told.push(match counts.is_empty() {
                true => {
                    format!("what {server} is not asked about: nothing has a value to count by")
                }
                false => format!("what {server} says of {}", counts.join(" and ")),
            });
        }
        drop(input);
        if told.is_empty() {
            let does = "does nothing: no condition holds".to_owned();
            return self.field(POST, "rateLimit", does, Then::Continues);
        }
        let does = format!("lets pass {}", told.join(" and "));
        self.field(POST, "rateLimit", does, Then::Depends);
    }

    fn treat(&mut self, policy: &TrafficPolicy) {
        if let Some(csrf) = &policy.csrf {
            let request = &self.request;
            let (does, then) =
                match csrf.allows(&request.method, &request.authority, &request.headers) {
                    true => ("lets the request pass", Then::Continues),
                    false => (
                        "does not let a page of another site do this",
                        Then::Answers(403),
                    ),
                };
            self.field(POST, "csrf", does.to_owned(), then);
        }
        if let Some(headers) = &policy.headers {
            headers.request.apply(&mut self.request.headers);
            let does = edits(&headers.request, &headers.response);
            self.field(POST, "headerModifiers", does, Then::Continues);
        }
        if let Some(delay) = &policy.delay {
            let does = match delay.of(&self.input()) {
                Ok(wait) => format!("waits {wait:?}"),
                Err(error) => format!("does not wait: {error}"),
            };
            self.field(POST, "delay", does, Then::Continues);
        }
        if let Some(direct) = &policy.direct_response {
            let status = direct
                .choose(&self.input())
                .map(|answer| answer.status.as_u16());
            let (does, then) = match status {
                Some(status) => (format!("answers {status}"), Then::Answers(status)),
                None => (
                    "does nothing: no condition holds".to_owned(),
                    Then::Continues,
                ),
            };
            self.field(POST, "directResponse", does, then);
        }
    }

    fn filter(&mut self, filter: &Filter, matched: &PathMatch) {
        let request = &mut self.request;
        let (does, then) = match filter {
            Filter::RequestHeaders(changes) => {
                changes.apply(&mut request.headers);
                (edits(changes, &Default::default()), Then::Continues)
            }
            Filter::ResponseHeaders(changes) => {
                (edits(&Default::default(), changes), Then::Continues)
            }
            Filter::UrlRewrite(rewrite) => {
                let mut does = Vec::new();
                if let Some(hostname) = &rewrite.hostname {
                    request.authority = hostname.to_string();
                    does.push(format!("the host becomes {hostname}"));
                }
                if let Some(path) = &rewrite.path {
                    request.path = path.apply(&request.path, matched).into_owned();
                    does.push(format!("the path becomes {}", request.path));
                }
                (does.join("; "), Then::Continues)
            }
            Filter::Redirect(redirect) => {
                let location = redirect.location(&Target {
                    scheme: request.scheme,
                    host: &self.host,
                    listener_port: self.port,
                    path: &request.path,
                    query: request.query.as_deref(),
                    matched,
                });
                let status = redirect.status.as_u16();
                (format!("redirects to {location}"), Then::Answers(status))
            }
            Filter::Mirror(mirror) => {
                let (part, whole) = (mirror.share.part(), mirror.share.whole());
                let share = match part == whole {
                    true => "a copy".to_owned(),
                    false => format!("a copy of {part} in {whole} requests"),
                };
                (format!("sends {share} to {}", mirror.to), Then::Continues)
            }
            Filter::Cors(_) => return,
        };
        self.step(By::Rule, does, then);
    }
}

fn edits(
    request: &agw_core::filter::HeaderEdits,
    response: &agw_core::filter::HeaderEdits,
) -> String {
    let mut told = Vec::new();
    for (of, edits) in [("", request), (" on the answer", response)] {
        for (verb, list) in [("sets", &edits.set), ("adds", &edits.add)] {
            told.extend(list.iter().map(|(name, value)| {
                let value = shown(name.name(), &value.0);
                format!("{verb} {}: {value}{of}", name.written())
            }));
        }
        let removed = edits.remove.iter();
        told.extend(removed.map(|name| format!("removes {}{of}", name.written())));
    }
    told.join("; ")
}

/// A header's value, unless it may be a credential.
fn shown<'a>(name: &HeaderName, value: &'a http::HeaderValue) -> &'a str {
    const CREDENTIALS: [&str; 6] = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
    ];
    match CREDENTIALS.contains(&name.as_str()) {
        true => "<hidden>",
        false => text(value),
    }
}

fn text(value: &http::HeaderValue) -> &str {
    value.to_str().unwrap_or("…")
}

fn shaping(policy: &TrafficPolicy) -> String {
    let shaping = &policy.shaping;
    let parts = [
        ("promptGuard", shaping.guard.is_some()),
        ("defaults", shaping.defaults.is_some()),
        ("transformations", shaping.transformations.is_some()),
        ("modelAliases", shaping.aliases.is_some()),
        ("overrides", shaping.overrides.is_some()),
        ("prompt", shaping.prompt.is_some()),
        ("promptCaching", shaping.caching.is_some()),
        (
            "finalTransformations",
            shaping.final_transformations.is_some(),
        ),
    ];
    let set = parts
        .into_iter()
        .filter_map(|(name, set)| set.then_some(name));
    let set: Vec<_> = set.collect();
    format!("shapes requests to models: {}", set.join(", "))
}
