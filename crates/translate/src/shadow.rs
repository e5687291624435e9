//! Rules that never get a request, because one with more precedence matches the same.
//!
//! `HTTPRouteRule.matches`: of two equal matches the older route's counts, then the first by name,
//! then the first in the route. Only equal matches are told: precedence puts the more specific
//! match first, so that a match rarely swallows one that is not equal to it.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use agw_core::hostname::Hostname;
use agw_core::listener::Listener;
use agw_core::matcher::{HeaderMatch, Match, QueryMatch};
use agw_core::route::Route;
use rustc_hash::FxHashMap;

use crate::finding::Code;
use crate::gateway::GatewayPlan;
use crate::report::{Report, Subject};
use crate::route::{Attachment, Translated};

/// One match of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    route: usize,
    rule: usize,
    matched: usize,
}

/// Where a match applies, on which listener and under which hostname, and what it matches there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Of the text: claims are looked up far more often than they are made.
    hash: u64,
    text: Box<str>,
}

impl Claim {
    fn new(text: String) -> Self {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self {
            hash: hasher.finish(),
            text: text.into(),
        }
    }
}

impl Hash for Claim {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// How often each claim is made, by its hash: as long as none is made twice, nothing is shadowed,
/// and no one has to look.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shared {
    counts: FxHashMap<u64, u32>,
    /// Claims that are made more than once.
    several: usize,
}

impl Shared {
    pub(crate) fn add(&mut self, claims: &[Vec<Vec<Claim>>]) {
        for claim in claims.iter().flatten().flatten() {
            let count = self.counts.entry(claim.hash).or_default();
            *count += 1;
            self.several += usize::from(*count == 2);
        }
    }

    /// Takes back what was added.
    pub(crate) fn remove(&mut self, claims: &[Vec<Vec<Claim>>]) {
        for claim in claims.iter().flatten().flatten() {
            let Some(count) = self.counts.get_mut(&claim.hash) else {
                continue;
            };
            *count -= 1;
            match *count {
                0 => drop(self.counts.remove(&claim.hash)),
                1 => self.several -= 1,
                _ => {}
            }
        }
    }

    pub(crate) fn any(&self) -> bool {
        self.several > 0
    }
}

/// Notes every match that is equal to one of more precedence wherever it applies.
pub(crate) fn report_all(routes: &[Arc<Translated>], report: &mut Report) {
    let mut order: Vec<usize> = (0..routes.len()).collect();
    order.sort_by(|a, b| by_age_and_name(&routes[*a].route, &routes[*b].route));
    let mut owners: HashMap<&Claim, Place> = HashMap::with_capacity(routes.len());
    for index in order {
        for (rule, matches) in routes[index].claims.iter().enumerate() {
            for (matched, claims) in matches.iter().enumerate() {
                let place = Place {
                    route: index,
                    rule,
                    matched,
                };
                let taken: Vec<_> = claims
                    .iter()
                    .filter_map(|c| owners.get(c).copied())
                    .collect();
                if !claims.is_empty() && taken.len() == claims.len() {
                    tell(routes, place, taken[0], report);
                }
                for claim in claims {
                    owners.entry(claim).or_insert(place);
                }
            }
        }
    }
}

fn by_age_and_name(a: &Route, b: &Route) -> Ordering {
    let age = |route: &Route| route.created.unwrap_or(i64::MAX);
    age(a)
        .cmp(&age(b))
        .then_with(|| (&a.key, a.kind).cmp(&(&b.key, b.kind)))
}

/// What the matches of a route claim, by rule and match.
pub(crate) fn claims(
    gateways: &[GatewayPlan],
    route: &Route,
    attachments: &[Attachment],
) -> Vec<Vec<Vec<Claim>>> {
    let mut places = Vec::new();
    for attachment in attachments {
        let gateway = &gateways[attachment.gateway];
        let names = &attachment.route.listeners;
        for listener in gateway.served().filter(|l| names.contains(&l.name)) {
            for hostname in hostnames(route, listener) {
                places.push(format!("{}/{} {hostname}", gateway.key, listener.name));
            }
        }
    }
    let of_match = |matched: &Match| {
        let text = canonical(matched);
        let claims = places.iter().map(|place| format!("{place} {text}"));
        claims.map(Claim::new).collect()
    };
    let rules = route.rules.iter();
    rules
        .map(|rule| rule.matches.iter().map(of_match).collect())
        .collect()
}

/// The hostnames that a route has on a listener.
fn hostnames(route: &Route, listener: &Listener) -> Vec<Hostname> {
    if route.hostnames.is_empty() {
        return vec![listener.hostname.clone()];
    }
    let shared = route.hostnames.iter();
    shared
        .filter_map(|h| h.intersect(&listener.hostname))
        .collect()
}

/// A text that two matches share exactly when they match the same: the order of headers and of
/// query parameters, and the letter case of header names do not count.
fn canonical(matched: &Match) -> String {
    let header = |h: &HeaderMatch| format!("{}={:?}", h.name.name(), h.value);
    let query = |q: &QueryMatch| format!("{}={:?}", q.name, q.value);
    let mut headers: Vec<_> = matched.headers.iter().map(header).collect();
    let mut queries: Vec<_> = matched.query.iter().map(query).collect();
    headers.sort();
    queries.sort();
    format!(
        "{:?} {:?} {headers:?} {queries:?}",
        matched.path, matched.method
    )
}

fn tell(routes: &[Arc<Translated>], place: Place, owner: Place, report: &mut Report) {
    let (route, winner) = (&routes[place.route], &routes[owner.route].route);
    let subject = Subject {
        kind: route.route.kind.as_str(),
        key: &route.route.key,
        origin: &route.source.origin,
    };
    let by = if place.route == owner.route {
        "of this route".to_owned()
    } else {
        format!("of {} {}", winner.kind, winner.key)
    };
    let message = format!(
        "the match never gets a request: spec.rules[{}].matches[{}] {by} matches the same on the same hostname and has precedence",
        owner.rule, owner.matched,
    );
    let written = route
        .source
        .object
        .spec
        .rules
        .iter()
        .flatten()
        .nth(place.rule);
    let field = match written.and_then(|rule| rule.matches.as_ref()) {
        Some(_) => format!("spec.rules[{}].matches[{}]", place.rule, place.matched),
        None => format!("spec.rules[{}]", place.rule),
    };
    let remedy = "remove one of the two, or make this one more specific";
    report.add(subject, Code::ShadowedRule, &field, message, remedy);
}
