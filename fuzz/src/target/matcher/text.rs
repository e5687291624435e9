//! Listeners, routes and requests from lines of text.

use std::sync::Arc;

use agw_core::config::GatewayConfig;
use agw_core::header::FieldName;
use agw_core::hostname::Hostname;
use agw_core::id::{ObjectKey, RouteKind};
use agw_core::listener::{Listener, Protocol};
use agw_core::matcher::{HeaderMatch, Match, PathMatch, Pattern, QueryMatch, ValueMatch};
use agw_core::policy::TrafficPolicy;
use agw_core::route::{Route, Rule};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

pub(super) const PORT: u16 = 8080;
/// Things of each kind that are read: compiling regular expressions takes its time.
const MOST: usize = 24;

pub(super) struct Scene {
    pub(super) config: Arc<GatewayConfig>,
    pub(super) requests: Vec<Request>,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) host: String,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
}

/// A route as it is read, before it is shared.
struct Draft {
    created: Option<i64>,
    hostnames: Vec<Hostname>,
    rules: Vec<Vec<Match>>,
}

pub(super) fn read(text: &str) -> Scene {
    let mut listeners: Vec<Hostname> = Vec::new();
    let mut drafts: Vec<Draft> = Vec::new();
    let mut requests = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words.split_first() {
            Some((&"listener", rest)) if listeners.len() < 4 => {
                let name = rest.first().copied().unwrap_or_default();
                // Translation sees to it that no two listeners of a port share a hostname.
                listeners.extend(
                    Hostname::parse(name)
                        .ok()
                        .filter(|h| !listeners.contains(h)),
                );
            }
            Some((&"route", rest)) if drafts.len() < MOST => drafts.push(draft(rest)),
            Some((&"rule", _)) => {
                if let Some(route) = drafts.last_mut().filter(|r| r.rules.len() < MOST) {
                    route.rules.push(Vec::new());
                }
            }
            Some((&"match", rest)) => {
                let rule = drafts.last_mut().and_then(|route| route.rules.last_mut());
                if let Some(rule) = rule.filter(|rule| rule.len() < MOST) {
                    rule.extend(matching(rest));
                }
            }
            Some((&"request", rest)) if requests.len() < MOST => requests.extend(request(rest)),
            _ => {}
        }
    }
    if listeners.is_empty() {
        listeners.push(Hostname::Any);
    }
    let config = config(&listeners, drafts);
    Scene {
        config: Arc::new(config),
        requests,
    }
}

fn config(listeners: &[Hostname], drafts: Vec<Draft>) -> GatewayConfig {
    let name = |index: usize| Arc::from(format!("l{index}"));
    // Every route is on every listener but one, which one follows from its place.
    let attached = |route: usize| {
        let all = (0..listeners.len()).filter(|i| listeners.len() == 1 || *i != route % 5);
        all.map(name).collect()
    };
    let routes = drafts.into_iter().enumerate().map(|(index, draft)| {
        let rules = draft
            .rules
            .into_iter()
            .filter(|matches| !matches.is_empty());
        Arc::new(Route {
            kind: RouteKind::Http,
            key: ObjectKey::new("ns", format!("r{index:02}")),
            listeners: attached(index),
            hostnames: draft.hostnames,
            created: draft.created,
            rules: rules.map(rule).collect(),
            policy: TrafficPolicy::default(),
        })
    });
    let listeners = listeners
        .iter()
        .enumerate()
        .map(|(index, hostname)| Listener {
            name: name(index),
            port: PORT,
            protocol: Protocol::Http,
            hostname: hostname.clone(),
            policy: TrafficPolicy::default(),
        });
    GatewayConfig {
        gateway: ObjectKey::new("ns", "gw"),
        listeners: listeners.collect(),
        policy: TrafficPolicy::default(),
        routes: routes.collect(),
        backends: Vec::new(),
        logged_headers: Vec::new(),
        prices: Default::default(),
    }
}

fn rule(matches: Vec<Match>) -> Arc<Rule> {
    Arc::new(Rule {
        name: None,
        matches,
        filters: Vec::new(),
        request_timeout: None,
        backend_request_timeout: None,
        retry: None,
        session: None,
        backends: Vec::new(),
        policy: TrafficPolicy::default(),
        broken: None,
    })
}

fn draft(words: &[&str]) -> Draft {
    let hostnames = words.get(1).copied().unwrap_or_default().split(',');
    let hostnames = hostnames.filter_map(|h| Hostname::parse(h).ok());
    Draft {
        created: words.first().and_then(|word| word.parse().ok()),
        hostnames: hostnames.filter(|h| *h != Hostname::Any).take(4).collect(),
        rules: Vec::new(),
    }
}

fn matching(words: &[&str]) -> Option<Match> {
    let [method, kind, path, predicates @ ..] = words else {
        return None;
    };
    if !path.starts_with('/') {
        return None;
    }
    let path = match *kind {
        "exact" => PathMatch::Exact((*path).into()),
        "prefix" => PathMatch::prefix(path),
        "regex" => PathMatch::Regex(Pattern::compile(path).ok()?),
        _ => return None,
    };
    let (mut headers, mut query) = (Vec::new(), Vec::new());
    for predicate in predicates.iter().take(4) {
        match predicate.strip_prefix('?') {
            Some(parameter) => {
                let (name, value) = value(parameter)?;
                query.push(QueryMatch {
                    name: name.into(),
                    value,
                });
            }
            None => {
                let (name, value) = value(predicate)?;
                headers.push(HeaderMatch {
                    name: FieldName::parse(name).ok()?,
                    value,
                });
            }
        }
    }
    let method = (*method != "*").then(|| method.parse().ok());
    Some(Match {
        path,
        method: match method {
            None => None,
            Some(parsed) => Some(parsed?),
        },
        headers,
        query,
        model: None,
    })
}

fn value(text: &str) -> Option<(&str, ValueMatch)> {
    let at = text.find(['=', '~'])?;
    let (name, rest) = text.split_at(at);
    let value = match rest.strip_prefix('~') {
        Some(pattern) => ValueMatch::Regex(Pattern::compile(pattern).ok()?),
        None => ValueMatch::Exact(rest.get(1..)?.into()),
    };
    Some((name, value))
}

fn request(words: &[&str]) -> Option<Request> {
    let [method, host, target, fields @ ..] = words else {
        return None;
    };
    if !target.starts_with('/') {
        return None;
    }
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (*target, None),
    };
    let mut headers = HeaderMap::new();
    for field in fields.iter().take(8) {
        let (name, value) = field.split_once('=')?;
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_str(value).ok()?);
    }
    Some(Request {
        method: method.parse().ok()?,
        host: host.to_ascii_lowercase(),
        path: path.to_owned(),
        query,
        headers,
    })
}
