//! How every match of every rule stands to a request: which wins, and why each other does not.

use std::cmp::Ordering;
use std::sync::Arc;

use super::table::{Entry, by_age, by_name};
use super::{ListenerTable, RulePlan, Snapshot};
use crate::hostname::Hostname;
use crate::matcher::{Match, RequestHead};

/// One match of one rule, and how it stands to a request.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    pub plan: &'a Arc<RulePlan>,
    pub matched: &'a Match,
    pub standing: Standing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Wins,
    /// It would take the request, but the winner comes before it, by this.
    Behind(Precedence),
    /// These parts of it do not hold.
    Differs(Vec<Mismatch>),
}

/// What two matches that both hold are told apart by, in this order (`HTTPRouteRule.matches`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precedence {
    Hostname,
    Path,
    Method,
    Headers,
    Query,
    Model,
    Age,
    Name,
    /// Of rules and matches in one route.
    Order,
}

/// A part of a match that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// The route is attached to other listeners.
    Listener,
    Hostname,
    Path,
    Method,
    /// Position in [`Match::headers`].
    Header(usize),
    /// Position in [`Match::query`].
    Query(usize),
    Model,
}

impl Snapshot {
    /// Every match of the Gateway's rules: the winner first, then those that would take the
    /// request too, then the others, the nearer ones before. For people to read: the cost is linear
    /// in the number of rules.
    pub fn candidates<'a>(
        &'a self,
        listener: &'a ListenerTable,
        request: &RequestHead<'_>,
    ) -> Vec<Candidate<'a>> {
        let winner = listener.hosts.entry(request);
        let stands = |entry: &'a Entry| Candidate {
            plan: entry.plan(),
            matched: entry.matched(),
            standing: standing(entry, winner, listener, request),
        };
        let mut all: Vec<_> = self.order.iter().map(stands).collect();
        all.sort_by_key(|candidate| match &candidate.standing {
            Standing::Wins => 0,
            Standing::Behind(_) => 1,
            Standing::Differs(parts) => 2 + parts.iter().map(|part| part.distance()).sum::<usize>(),
        });
        all
    }
}

impl Mismatch {
    /// How far from taking the request: another path or host is further than another header.
    fn distance(self) -> usize {
        match self {
            Self::Listener | Self::Hostname | Self::Path => 100,
            Self::Method | Self::Header(_) | Self::Query(_) | Self::Model => 1,
        }
    }
}

fn standing(
    entry: &Entry,
    winner: Option<&Entry>,
    listener: &ListenerTable,
    request: &RequestHead<'_>,
) -> Standing {
    let mismatches = mismatches(entry, listener, request);
    if !mismatches.is_empty() {
        return Standing::Differs(mismatches);
    }
    match winner {
        Some(winner) if !winner.is_same(entry) => {
            Standing::Behind(told_apart(winner, entry, listener, request))
        }
        // Where something holds there is a winner.
        _ => Standing::Wins,
    }
}

fn mismatches(entry: &Entry, listener: &ListenerTable, request: &RequestHead<'_>) -> Vec<Mismatch> {
    let matched = entry.matched();
    let mut parts = Vec::new();
    let mut differs = |differs: bool, part| {
        if differs {
            parts.push(part);
        }
    };
    let attached = entry.plan().route.listeners.contains(&listener.name);
    differs(!attached, Mismatch::Listener);
    differs(
        attached && hostname(entry, listener, request.host).is_none(),
        Mismatch::Hostname,
    );
    differs(!matched.path.matches(request.path), Mismatch::Path);
    let method = matched.method.as_ref();
    differs(
        method.is_some_and(|m| m != request.method),
        Mismatch::Method,
    );
    for (index, header) in matched.headers.iter().enumerate() {
        differs(!header.matches(request.headers), Mismatch::Header(index));
    }
    for (index, query) in matched.query.iter().enumerate() {
        differs(!query.matches(request.query), Mismatch::Query(index));
    }
    differs(!matched.asks_for(request.model), Mismatch::Model);
    parts
}

/// The most specific hostname under which the entry takes the host.
fn hostname(entry: &Entry, listener: &ListenerTable, host: &str) -> Option<Hostname> {
    let any = [Hostname::Any];
    let hostnames: &[Hostname] = match &entry.plan().route.hostnames[..] {
        [] => &any,
        some => some,
    };
    let both = hostnames
        .iter()
        .filter_map(|h| h.intersect(&listener.hostname));
    both.filter(|h| h.matches(host)).max()
}

fn told_apart(
    winner: &Entry,
    other: &Entry,
    listener: &ListenerTable,
    request: &RequestHead<'_>,
) -> Precedence {
    let host = |entry| hostname(entry, listener, request.host);
    let (a, b) = (winner.matched(), other.matched());
    let (one, two) = (&winner.plan().route, &other.plan().route);
    let steps = [
        (host(winner) != host(other), Precedence::Hostname),
        (a.path.rank() != b.path.rank(), Precedence::Path),
        (a.method.is_some() != b.method.is_some(), Precedence::Method),
        (a.headers.len() != b.headers.len(), Precedence::Headers),
        (a.query.len() != b.query.len(), Precedence::Query),
        (a.model != b.model, Precedence::Model),
        (by_age(one, two) != Ordering::Equal, Precedence::Age),
        (by_name(one, two) != Ordering::Equal, Precedence::Name),
    ];
    let step = steps.into_iter().find(|(apart, _)| *apart);
    step.map_or(Precedence::Order, |(_, by)| by)
}
