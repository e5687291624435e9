//! The twin: tries every match of every route, and takes the best by the words of the Gateway API.
//! It shares only the data with what it judges.

use std::cmp::Reverse;

use agw_core::config::GatewayConfig;
use agw_core::hostname::Hostname;
use agw_core::matcher::{Match, PathMatch, Pattern, ValueMatch};

use super::text::Request;

/// Route, position of the rule and of the match in it.
type Place = (String, usize, usize);

pub(super) fn select(config: &GatewayConfig, request: &Request) -> Option<Place> {
    let listener = config
        .listeners
        .iter()
        .filter(|l| covers(&l.hostname, &request.host))
        .max_by_key(|l| specificity(&l.hostname))?;
    let mut candidates = Vec::new();
    for route in config
        .routes
        .iter()
        .filter(|r| r.listeners.contains(&listener.name))
    {
        let names: &[Hostname] = if route.hostnames.is_empty() {
            &[Hostname::Any]
        } else {
            &route.hostnames
        };
        // The host under which the route has the request: the narrower of its own and the listener's.
        let hosts = names.iter().filter(|name| covers(name, &request.host));
        let Some(host) = hosts
            .map(|n| specificity(n).max(specificity(&listener.hostname)))
            .max()
        else {
            continue;
        };
        for (rule, spec) in route.rules.iter().enumerate() {
            for (position, matched) in spec.matches.iter().enumerate() {
                if holds(matched, request) {
                    let age = route.created.unwrap_or(i64::MAX);
                    let order = (
                        Reverse(host),
                        Reverse(rank(matched)),
                        age,
                        route.key.to_string(),
                        rule,
                        position,
                    );
                    candidates.push(order);
                }
            }
        }
    }
    let (.., route, rule, position) = candidates.into_iter().min()?;
    Some((route, rule, position))
}

fn covers(pattern: &Hostname, host: &str) -> bool {
    match pattern {
        Hostname::Any => true,
        Hostname::Exact(name) => **name == *host,
        Hostname::Wildcard(suffix) => match host.strip_suffix(&**suffix) {
            Some(labels) => !labels.is_empty(),
            None => false,
        },
    }
}

/// Exact names before wildcards before none, and then the longer.
fn specificity(name: &Hostname) -> (u8, usize) {
    match name {
        Hostname::Any => (0, 0),
        Hostname::Wildcard(suffix) => (1, suffix.len()),
        Hostname::Exact(name) => (2, name.len()),
    }
}

/// Path kind and length, method, number of headers, number of query parameters.
fn rank(matched: &Match) -> (u8, usize, bool, usize, usize) {
    let (kind, length) = match &matched.path {
        PathMatch::Exact(path) => (2, path.len()),
        PathMatch::Regex(pattern) => (1, pattern.source().len()),
        PathMatch::Prefix(path) => (0, path.len()),
    };
    let (headers, query) = (matched.headers.len(), matched.query.len());
    (kind, length, matched.method.is_some(), headers, query)
}

fn holds(matched: &Match, request: &Request) -> bool {
    let path = match &matched.path {
        PathMatch::Exact(exact) => **exact == *request.path,
        PathMatch::Regex(pattern) => is_whole(pattern, &request.path),
        PathMatch::Prefix(prefix) => starts_with_elements(&request.path, prefix),
    };
    let method = matched
        .method
        .as_ref()
        .is_none_or(|method| *method == request.method);
    let headers = matched.headers.iter().all(|header| {
        let values = request
            .headers
            .iter()
            .filter(|(name, _)| *name == header.name.name());
        values
            .filter_map(|(_, v)| std::str::from_utf8(v.as_bytes()).ok())
            .any(|v| equals(&header.value, v))
    });
    let query = matched.query.iter().all(|wanted| {
        let found = parameters(request)
            .into_iter()
            .find(|(name, _)| *name == *wanted.name);
        found.is_some_and(|(_, value)| equals(&wanted.value, &value))
    });
    path && method && headers && query
}

fn equals(wanted: &ValueMatch, value: &str) -> bool {
    match wanted {
        ValueMatch::Exact(exact) => **exact == *value,
        ValueMatch::Regex(pattern) => is_whole(pattern, value),
    }
}

fn is_whole(pattern: &Pattern, text: &str) -> bool {
    let regex = regex::Regex::new(&format!("^(?:{})$", pattern.source()));
    regex.is_ok_and(|regex| regex.is_match(text))
}

fn starts_with_elements(path: &str, prefix: &str) -> bool {
    let mut elements = path.split('/');
    prefix == "/"
        || prefix
            .split('/')
            .all(|element| elements.next() == Some(element))
}

fn parameters(request: &Request) -> Vec<(String, String)> {
    let query = request.query.as_deref().unwrap_or_default();
    let parts = query.split('&').filter(|_| request.query.is_some());
    let pairs = parts.map(|part| part.split_once('=').unwrap_or((part, "")));
    pairs
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let digits = text
            .get(at + 1..at + 3)
            .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        match (
            bytes[at],
            digits.and_then(|d| u8::from_str_radix(d, 16).ok()),
        ) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}
