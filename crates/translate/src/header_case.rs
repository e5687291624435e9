//! Letter case of response headers, which HTTP/1.1 keeps and HTTP/2 does not.

use std::collections::BTreeSet;

use agw_api::external::httproutes::HttpRouteRules;

use crate::finding::Code;
use crate::manifest::RouteObject;
use crate::report::{Report, Subject};

/// Notes the first response header that filters of a route write with capital letters, and names
/// the others: HTTP/2 has none (RFC 9113 §8.2).
pub(crate) fn report(route: &RouteObject, subject: Subject<'_>, report: &mut Report) {
    let rules = route.spec.rules.iter().flatten().enumerate();
    let named = rules.flat_map(|(index, rule)| {
        let names = names(rule).into_iter();
        names.map(move |(field, name)| (format!("spec.rules[{index}].{field}"), name))
    });
    let is_cased = |name: &str| name.bytes().any(|b| b.is_ascii_uppercase());
    let mut cased = named.filter(|(_, name)| is_cased(name));
    let Some((field, name)) = cased.next() else {
        return;
    };
    let others: BTreeSet<_> = cased
        .map(|(_, other)| other)
        .filter(|o| *o != name)
        .collect();
    let mut message = format!(
        "HTTP/2 clients see `{name}` as `{}`",
        name.to_ascii_lowercase()
    );
    if !others.is_empty() {
        let others: Vec<_> = others.iter().map(|o| format!("`{o}`")).collect();
        message += &format!(", and {} in lower case too", others.join(", "));
    }
    let remedy = "nothing to do unless clients compare names letter by letter; HTTP/1.1 clients see them as written";
    report.add(subject, Code::HeaderCase, &field, message, remedy);
}

/// Response headers that a rule sets or adds, and their fields within it.
fn names(rule: &HttpRouteRules) -> Vec<(String, &str)> {
    let mut names = Vec::new();
    for (index, filter) in rule.filters.iter().flatten().enumerate() {
        if let Some(edits) = &filter.response_header_modifier {
            let at = format!("filters[{index}].responseHeaderModifier");
            let set = edits.set.iter().flatten().map(|h| h.name.as_str());
            let add = edits.add.iter().flatten().map(|h| h.name.as_str());
            names.extend(placed(&at, "set", set).chain(placed(&at, "add", add)));
        }
    }
    for (index, reference) in rule.backend_refs.iter().flatten().enumerate() {
        for (filter, spec) in reference.filters.iter().flatten().enumerate() {
            if let Some(edits) = &spec.response_header_modifier {
                let at = format!("backendRefs[{index}].filters[{filter}].responseHeaderModifier");
                let set = edits.set.iter().flatten().map(|h| h.name.as_str());
                let add = edits.add.iter().flatten().map(|h| h.name.as_str());
                names.extend(placed(&at, "set", set).chain(placed(&at, "add", add)));
            }
        }
    }
    names
}

/// Names with the field that each stands in.
fn placed<'a>(
    at: &str,
    list: &str,
    names: impl Iterator<Item = &'a str>,
) -> impl Iterator<Item = (String, &'a str)> {
    let names = names.enumerate();
    names.map(move |(index, name)| (format!("{at}.{list}[{index}].name"), name))
}
