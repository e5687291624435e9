//! Host table, path table, and the order of what stands in them.

mod paths;

use std::cmp::Ordering;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{RulePlan, Selected};
use crate::hostname::Hostname;
use crate::listener::Listener;
use crate::matcher::{Match, PathMatch, RequestHead};
use crate::policy::TrafficPolicy;
use crate::route::Route;
use paths::Paths;

/// One match of one rule.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) plan: Arc<RulePlan>,
    position: usize,
}

/// Path tables by hostname. A host is looked up exactly, then by wildcard from the longest, then
/// among routes for any host: a request that the more specific hosts' rules do not match falls
/// through to the less specific ones.
#[derive(Debug, Default)]
pub(super) struct HostTable {
    exact: FxHashMap<Box<str>, PathTable>,
    /// `.example.com`, longest first.
    wildcard: Vec<(Box<str>, PathTable)>,
    any: PathTable,
}

/// Entries by path. Each list is in order of precedence.
#[derive(Debug, Default)]
struct PathTable {
    exact: Paths,
    regex: Vec<Entry>,
    prefix: Paths,
    /// Path elements in the longest prefix: deeper paths need no lookup below it.
    deepest: usize,
}

impl Entry {
    pub(super) fn new(plan: &Arc<RulePlan>, position: usize) -> Self {
        Self {
            plan: plan.clone(),
            position,
        }
    }

    pub(super) fn plan(&self) -> &Arc<RulePlan> {
        &self.plan
    }

    pub(super) fn matched(&self) -> &Match {
        &self.plan.rule.matches[self.position]
    }

    /// Whether it is the same match of the same rule.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.plan.index, self.position) == (other.plan.index, other.position)
    }

    pub(super) fn selected(&self) -> Selected<'_> {
        Selected {
            plan: &self.plan,
            matched: self.matched(),
        }
    }
}

/// Sorts as `HTTPRouteRule.matches` demands: by the match, then the older route, then its
/// namespace and name, then the order of rules and of matches in it.
pub(super) fn sort_by_precedence(entries: &mut [Entry]) {
    entries.sort_by(|a, b| {
        a.matched()
            .by_precedence(b.matched())
            .then_with(|| by_age_and_name(a, b))
            .then_with(|| (a.plan.position, a.position).cmp(&(b.plan.position, b.position)))
    });
}

fn by_age_and_name(a: &Entry, b: &Entry) -> Ordering {
    let (a, b) = (&a.plan.route, &b.plan.route);
    by_age(a, b).then_with(|| by_name(a, b))
}

pub(super) fn by_age(a: &Route, b: &Route) -> Ordering {
    // A route without a time of creation (from a file) counts as the youngest.
    let age = |created: Option<i64>| created.unwrap_or(i64::MAX);
    age(a.created).cmp(&age(b.created))
}

pub(super) fn by_name(a: &Route, b: &Route) -> Ordering {
    (&a.key, a.kind).cmp(&(&b.key, b.kind))
}

/// The entries of the routes attached to `listener`, with its own policy between the Gateway's and
/// theirs; `None` where it has none.
pub(super) fn under(
    listener: &Listener,
    gateway: &TrafficPolicy,
    entries: &[Entry],
) -> Option<Vec<Entry>> {
    if listener.policy.is_empty() {
        return None;
    }
    let wider = listener.policy.over(gateway);
    let mut plans: FxHashMap<usize, Arc<RulePlan>> = FxHashMap::default();
    let attached = entries
        .iter()
        .filter(|e| e.plan.route.listeners.contains(&listener.name));
    let entries = attached.map(|entry| Entry {
        plan: plans
            .entry(entry.plan.index)
            .or_insert_with(|| Arc::new(entry.plan.under(&wider)))
            .clone(),
        position: entry.position,
    });
    Some(entries.collect())
}

impl HostTable {
    /// The entries of the routes attached to `listener`, under the hostnames that both allow.
    /// `entries` are in order of precedence.
    pub(super) fn build(listener: &Listener, entries: &[Entry]) -> Self {
        let mut table = Self::default();
        for entry in entries
            .iter()
            .filter(|e| e.plan.route.listeners.contains(&listener.name))
        {
            let any = [Hostname::Any];
            let hostnames: &[Hostname] = match &entry.plan.route.hostnames[..] {
                [] => &any,
                some => some,
            };
            for hostname in hostnames
                .iter()
                .filter_map(|h| h.intersect(&listener.hostname))
            {
                table.paths(&hostname).insert(entry.clone());
            }
        }
        table
            .wildcard
            .sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
        table
    }

    fn paths(&mut self, hostname: &Hostname) -> &mut PathTable {
        match hostname {
            Hostname::Any => &mut self.any,
            Hostname::Exact(name) => self.exact.entry((**name).into()).or_default(),
            Hostname::Wildcard(suffix) => {
                let at = self.wildcard.iter().position(|(s, _)| **s == **suffix);
                let at = at.unwrap_or_else(|| {
                    self.wildcard
                        .push(((**suffix).into(), PathTable::default()));
                    self.wildcard.len() - 1
                });
                &mut self.wildcard[at].1
            }
        }
    }

    pub(super) fn entry(&self, request: &RequestHead<'_>) -> Option<&Entry> {
        if let Some(found) = self
            .exact
            .get(request.host)
            .and_then(|paths| paths.entry(request))
        {
            return Some(found);
        }
        self.wildcard
            .iter()
            .filter(|(suffix, _)| {
                request.host.len() > suffix.len() && request.host.ends_with(&**suffix)
            })
            .find_map(|(_, paths)| paths.entry(request))
            .or_else(|| self.any.entry(request))
    }
}

impl PathTable {
    fn insert(&mut self, entry: Entry) {
        match &entry.matched().path {
            PathMatch::Exact(_) => self.exact.insert(entry),
            PathMatch::Regex(_) => self.regex.push(entry),
            PathMatch::Prefix(path) => {
                self.deepest = self.deepest.max(elements(path));
                self.prefix.insert(entry);
            }
        }
    }

    fn entry(&self, request: &RequestHead<'_>) -> Option<&Entry> {
        let holds = |entry: &&Entry| entry.matched().predicates_hold(request);
        let exact = self.exact.of(request.path).find(holds);
        exact
            .or_else(|| self.regex.iter().find(|e| e.matched().matches(request)))
            .or_else(|| {
                prefixes(request.path, self.deepest)
                    .find_map(|prefix| self.prefix.of(prefix).find(holds))
            })
    }
}

fn elements(path: &str) -> usize {
    path.bytes().filter(|&b| b == b'/').count()
}

/// The prefixes of `path` by element, the longest first, none with more than `deepest` elements,
/// `/` last.
fn prefixes(path: &str, deepest: usize) -> impl Iterator<Item = &str> {
    // Where each of the first `deepest` elements ends: one walk over the path, nothing allocated.
    let mut end = path
        .bytes()
        .enumerate()
        .filter(|&(at, byte)| at > 0 && byte == b'/')
        .map(|(at, _)| at)
        .nth(deepest.saturating_sub(1))
        .unwrap_or(path.len());
    let mut root = true;
    std::iter::from_fn(move || {
        if end > 0 && path.len() >= end {
            let prefix = &path[..end];
            end = prefix.rfind('/').unwrap_or(0);
            // "/" itself comes last, once.
            if prefix != "/" {
                return Some(prefix);
            }
        }
        std::mem::take(&mut root).then_some("/")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_prefixes_from_the_longest() {
        for (path, deepest, want) in [
            ("/", 3, vec!["/"]),
            ("/a", 3, vec!["/a", "/"]),
            ("/a/", 3, vec!["/a/", "/a", "/"]),
            ("/a/b/c", 3, vec!["/a/b/c", "/a/b", "/a", "/"]),
            ("/a/b/c/d/e", 2, vec!["/a/b", "/a", "/"]),
            ("/a//b", 9, vec!["/a//b", "/a/", "/a", "/"]),
            ("/abc/d", 1, vec!["/abc", "/"]),
        ] {
            let got: Vec<_> = prefixes(path, deepest).collect();
            assert_eq!(got, want, "{path} {deepest}");
        }
    }
}
