//! Matches and their standing in words.

use agw_core::matcher::{Match, PathMatch, RequestHead, ValueMatch};
use agw_core::snapshot::{Candidate, Mismatch, Precedence, Standing};

/// A match as its manifest has it.
pub(super) fn matched(matched: &Match) -> String {
    let path = match &matched.path {
        PathMatch::Exact(path) => format!("exact path {path}"),
        PathMatch::Prefix(path) => format!("path prefix {path}"),
        PathMatch::Regex(pattern) => format!("path pattern {}", pattern.source()),
    };
    let method = matched.method.iter();
    let method = method.map(|method| format!("method {method}"));
    let headers = matched.headers.iter();
    let headers = headers.map(|h| format!("header {} {}", h.name.written(), value(&h.value)));
    let query = matched.query.iter();
    let query = query.map(|q| format!("parameter {} {}", q.name, value(&q.value)));
    let model = matched.model.iter();
    let model = model.map(|model| format!("model {model}"));
    let parts = [path].into_iter().chain(method).chain(headers);
    parts
        .chain(query)
        .chain(model)
        .collect::<Vec<_>>()
        .join(", ")
}

fn value(value: &ValueMatch) -> String {
    match value {
        ValueMatch::Exact(text) => format!("= {text}"),
        ValueMatch::Regex(pattern) => format!("matches {}", pattern.source()),
    }
}

/// Why a match does not take the request.
pub(super) fn standing(candidate: &Candidate<'_>, request: &RequestHead<'_>) -> String {
    match &candidate.standing {
        Standing::Wins => "it takes the request".to_owned(),
        Standing::Behind(by) => format!("it holds too, but {}", behind(*by)),
        Standing::Differs(parts) => {
            let parts = parts.iter().map(|part| mismatch(candidate, *part, request));
            parts.collect::<Vec<_>>().join("; ")
        }
    }
}

fn behind(by: Precedence) -> &'static str {
    match by {
        Precedence::Hostname => "the winner's hostname is more specific",
        Precedence::Path => {
            "the winner's path is more specific (exact before pattern before prefix, then the longer)"
        }
        Precedence::Method => "the winner names the method",
        Precedence::Headers => "the winner matches more headers",
        Precedence::Query => "the winner matches more query parameters",
        Precedence::Model => "the winner names the model more exactly",
        Precedence::Age => "the winner's route is older",
        Precedence::Name => "the winner's route comes first by its name",
        Precedence::Order => "the winner stands before it in the route",
    }
}

fn mismatch(candidate: &Candidate<'_>, part: Mismatch, request: &RequestHead<'_>) -> String {
    let (route, matched) = (&candidate.plan.route, candidate.matched);
    match part {
        Mismatch::Listener => match &route.listeners[..] {
            [] => "the route is attached to no listener".to_owned(),
            listeners => format!("the route is attached to {}", listeners.join(", ")),
        },
        Mismatch::Hostname => {
            let names: Vec<_> = route.hostnames.iter().map(ToString::to_string).collect();
            format!("the host is {}, not {}", request.host, names.join(" or "))
        }
        Mismatch::Path => format!("the path is {}", request.path),
        Mismatch::Method => format!("the method is {}", request.method),
        Mismatch::Header(index) => {
            let header = &matched.headers[index];
            let got = request.headers.get(header.name.name());
            let name = header.name.written();
            match got.map(|value| value.to_str().unwrap_or("no text")) {
                None => format!("header {name} is absent"),
                Some(got) => format!("header {name} is {got}"),
            }
        }
        Mismatch::Query(index) => {
            let query = &matched.query[index];
            let pairs = form_urlencoded::parse(request.query.unwrap_or_default().as_bytes());
            let got = { pairs }.find(|(name, _)| **name == *query.name);
            match got {
                None => format!("parameter {} is absent", query.name),
                Some((name, got)) => format!("parameter {name} is {got}"),
            }
        }
        Mismatch::Model => match request.model {
            None => "the request names no model".to_owned(),
            Some(model) => format!("the model is {model}"),
        },
    }
}
