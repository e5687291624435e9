//! Rules that never get a request, because one with more precedence matches the same.
//!
//! `HTTPRouteRule.matches`: of two equal matches the older route's counts, then the first by name,
//! then the first in the route. Only equal matches are told: precedence puts the more specific
//! match first, so that a match rarely swallows one that is not equal to it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use agw_core::hostname::Hostname;
use agw_core::listener::Listener;
use agw_core::matcher::{HeaderMatch, Match, QueryMatch};
use agw_core::route::Route;

use crate::finding::Code;
use crate::gateway::GatewayPlan;
use crate::report::{Report, Subject};
use crate::route::Translated;
use crate::state::ClusterState;

/// One match of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    route: usize,
    rule: usize,
    matched: usize,
}

/// Where a match applies: on which listener, under which hostname, and what it matches.
type Claim = (String, String, String);

/// Notes every match that is equal to one of more precedence wherever it applies.
pub(crate) fn report_all(
    state: &ClusterState,
    gateways: &[GatewayPlan],
    routes: &[Translated],
    report: &mut Report,
) {
    let mut order: Vec<usize> = (0..routes.len()).collect();
    order.sort_by(|a, b| by_age_and_name(&routes[*a].route, &routes[*b].route));
    let mut owners: BTreeMap<Claim, Place> = BTreeMap::new();
    for index in order {
        let route = &routes[index];
        for (rule, spec) in route.route.rules.iter().enumerate() {
            for (matched, spec) in spec.matches.iter().enumerate() {
                let place = Place {
                    route: index,
                    rule,
                    matched,
                };
                let claims = claims(gateways, route, spec);
                let taken: Vec<_> = claims
                    .iter()
                    .filter_map(|c| owners.get(c).copied())
                    .collect();
                if !claims.is_empty() && taken.len() == claims.len() {
                    tell(state, routes, place, taken[0], report);
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
    age(a).cmp(&age(b)).then_with(|| a.key.cmp(&b.key))
}

fn claims(gateways: &[GatewayPlan], route: &Translated, matched: &Match) -> Vec<Claim> {
    let text = canonical(matched);
    let mut claims = Vec::new();
    for attachment in &route.attachments {
        let gateway = &gateways[attachment.gateway];
        let listeners = gateway
            .served()
            .filter(|l| attachment.listeners.contains(&l.name));
        for listener in listeners {
            for hostname in hostnames(&route.route, listener) {
                let at = format!("{}/{}", gateway.key, listener.name);
                claims.push((at, hostname.to_string(), text.clone()));
            }
        }
    }
    claims
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

fn tell(
    state: &ClusterState,
    routes: &[Translated],
    place: Place,
    owner: Place,
    report: &mut Report,
) {
    let (key, winner) = (
        &routes[place.route].route.key,
        &routes[owner.route].route.key,
    );
    let Some(sourced) = state.routes.get(key) else {
        return;
    };
    let subject = Subject {
        kind: "HTTPRoute",
        key,
        origin: &sourced.origin,
    };
    let by = if place.route == owner.route {
        "of this route".to_owned()
    } else {
        format!("of HTTPRoute {winner}")
    };
    let message = format!(
        "the match never gets a request: spec.rules[{}].matches[{}] {by} matches the same on the same hostname and has precedence",
        owner.rule, owner.matched,
    );
    let written = sourced.object.spec.rules.iter().flatten().nth(place.rule);
    let field = match written.and_then(|rule| rule.matches.as_ref()) {
        Some(_) => format!("spec.rules[{}].matches[{}]", place.rule, place.matched),
        None => format!("spec.rules[{}]", place.rule),
    };
    let remedy = "remove one of the two, or make this one more specific";
    report.add(subject, Code::ShadowedRule, &field, message, remedy);
}
