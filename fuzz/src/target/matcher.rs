//! Matching: the compiled tables choose what trying every match in turn would choose.
//!
//! An input is text, a thing a line; lines that say nothing are passed over:
//!
//! ```text
//! listener *.example.com
//! route 5 a.example.com,*.example.com
//! rule
//! match GET prefix /a/b x-env=dev x-team~re.* ?speed=fast
//! request GET a.example.com /a/b/c?speed=fast x-env=dev
//! ```

use agw_core::matcher::RequestHead;
use agw_core::snapshot::Snapshot;

use super::{Behaviour, Target, Verdict};

mod naive;
mod text;

pub(super) const TARGET: Target = Target {
    name: "matcher",
    dictionary: &[
        "listener ",
        "route ",
        "rule\n",
        "match ",
        "request ",
        "GET ",
        "POST ",
        "* ",
        "exact ",
        "prefix ",
        "regex ",
        "/",
        "/a",
        "/a/b",
        "/a/b/",
        "//",
        "/a.*",
        "/[ab]+",
        "/.*",
        "a.example",
        "*.example",
        "b.a.example",
        "*",
        ",",
        "\n",
        " ",
        "x-a=1",
        "x-b~.+",
        "?q=1",
        "?q=a%20b",
        "&",
        "?q=1&q=2",
        "%61",
        "+",
        "=",
        "~",
        "0 ",
        "1 ",
        "9 ",
        "- ",
    ],
    more_seeds: &[],
    run,
};

fn run(input: &[u8]) -> Verdict {
    let scene = text::read(&String::from_utf8_lossy(input));
    let snapshot = Snapshot::build(1, scene.config.clone());
    let mut told = String::new();
    for request in &scene.requests {
        let head = RequestHead {
            method: &request.method,
            host: &request.host,
            path: &request.path,
            query: request.query.as_deref(),
            headers: &request.headers,
            model: None,
        };
        let bind = snapshot.bind(text::PORT);
        let selected = bind
            .and_then(|bind| bind.listener(&request.host))
            .and_then(|listener| listener.select(&head));
        let got = selected.map(|selected| {
            let rules = &selected.plan.route.rules;
            let rule = rules
                .iter()
                .position(|r| std::sync::Arc::ptr_eq(r, &selected.plan.rule));
            let matches = &selected.plan.rule.matches;
            let matched = matches
                .iter()
                .position(|m| std::ptr::eq(m, selected.matched));
            (
                selected.plan.route_label.to_string(),
                rule.unwrap_or(usize::MAX),
                matched.unwrap_or(usize::MAX),
            )
        });
        let want = naive::select(&scene.config, request);
        if got != want {
            return Err(format!(
                "{request:?}: the table selects {got:?}, trying all selects {want:?}"
            ));
        }
        told += match selected.map(|s| &s.matched.path) {
            None => "none ",
            Some(agw_core::matcher::PathMatch::Exact(_)) => "exact ",
            Some(agw_core::matcher::PathMatch::Prefix(_)) => "prefix ",
            Some(agw_core::matcher::PathMatch::Regex(_)) => "regex ",
        };
        let shape = |s: &agw_core::snapshot::Selected<'_>| {
            let m = s.matched;
            let tier = |n: usize| "abc".get(..n.min(3)).unwrap_or_default().to_owned();
            let kind = s.plan.route.hostnames.len().min(2);
            format!(
                "{}{}{}{} ",
                m.method.is_some(),
                tier(m.headers.len()),
                tier(m.query.len()),
                tier(kind)
            )
        };
        told += &selected.as_ref().map(shape).unwrap_or_default();
    }
    Ok(Behaviour::of(&told))
}
