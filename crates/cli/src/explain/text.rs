//! An explanation for people.

use std::fmt::Write as _;

use agw_core::policy::Phase;
use agw_proxy::explain::{Asked, By, Described, Odds, Other, Reference, Step, Then};

use super::Told;

/// Rules that do not take the request which are shown.
const FEW: usize = 12;

pub(super) fn text(told: &Told<'_>, request: &Described, all: bool) -> String {
    let explanation = &told.explanation;
    let mut out = String::new();
    let query = request.query.iter().map(|query| format!("?{query}"));
    let query: String = query.collect();
    let (method, host, path) = (&request.method, &request.authority, &request.path);
    let scheme = request.scheme.as_str();
    line(
        &mut out,
        format_args!("{method} {scheme}://{host}{path}{query}"),
    );
    let listener = match (&explanation.listener, explanation.port) {
        (Some(listener), Some(port)) => format!(", listener {listener}, port {port}"),
        _ => String::new(),
    };
    line(
        &mut out,
        format_args!("comes to Gateway {}{listener}", told.gateway),
    );
    match &explanation.winner {
        Some(winner) => {
            let (kind, route, rule) = (winner.kind, &winner.route, &winner.rule);
            line(
                &mut out,
                format_args!(
                    "is taken by {kind} {route}, rule {rule}: {}",
                    winner.matched
                ),
            );
        }
        None => line(&mut out, format_args!("is taken by no rule")),
    }
    steps(&mut out, told);
    if let Some(answer) = &explanation.answer {
        line(
            &mut out,
            format_args!("\nIt is answered with {}: {}", answer.status, answer.why),
        );
    }
    if !explanation.backends.is_empty() {
        line(
            &mut out,
            match explanation.answer {
                None => format_args!("\nWhere it goes:"),
                Some(_) => format_args!("\nWhere it would go otherwise:"),
            },
        );
        explanation
            .backends
            .iter()
            .for_each(|r| reference(&mut out, r));
    }
    others(&mut out, &explanation.others, all);
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A String takes everything.
    let _ = writeln!(out, "{text}");
}

fn steps(out: &mut String, told: &Told<'_>) {
    let steps = &told.explanation.steps;
    if steps.is_empty() {
        return;
    }
    line(out, format_args!("\nWhat happens to it:"));
    for step in steps {
        let from = told.says(step.by);
        let from = match &from[..] {
            [] => String::new(),
            from => format!("\n      {}", from.join("\n      ")),
        };
        let (what, then) = (what(step), then(step.then));
        line(out, format_args!("  {what}: {}{then}{from}", step.does));
    }
}

fn what(step: &Step) -> String {
    match step.by {
        By::Policy(field) => match field.phase {
            Phase::PreRouting => format!("{} (PreRouting)", field.name),
            Phase::PostRouting => field.name.to_owned(),
        },
        By::Shaping => "backend.ai".to_owned(),
        By::Rule => "rule".to_owned(),
        By::Gateway => "gateway".to_owned(),
    }
}

fn then(then: Then) -> String {
    match then {
        Then::Continues => String::new(),
        Then::Answers(status) => format!(" => {status}"),
        Then::Depends => " (not known here)".to_owned(),
    }
}

fn reference(out: &mut String, reference: &Reference) {
    let odds = match &reference.odds {
        Odds::Percent(percent) => format!("{percent} %"),
        Odds::Standby(position) => format!("standby {position}"),
        Odds::Condition { expression, chosen } => match chosen {
            true => format!("now, by: {expression}"),
            false => format!("not now, by: {expression}"),
        },
        Odds::Never => "never, its weight is 0".to_owned(),
    };
    line(out, format_args!("  {}: {odds}", reference.to));
    if let Some(problem) = &reference.problem {
        line(out, format_args!("      cannot be used: {problem}"));
    }
    for (index, group) in reference.groups.iter().enumerate() {
        if index > 0 {
            line(out, format_args!("    and when none of these can:"));
        }
        group.iter().for_each(|one| asked(out, one));
    }
}

fn asked(out: &mut String, asked: &Asked) {
    let model = asked.model.iter().map(|model| format!("model {model}"));
    let problem = asked
        .problem
        .iter()
        .map(|why| format!("cannot be asked: {why}"));
    let request = [asked.request.clone()].into_iter();
    let parts = request
        .chain(model)
        .chain(problem)
        .chain(asked.notes.iter().cloned());
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    let name = match asked.name.as_str() {
        "" => String::new(),
        name => format!("{name}: "),
    };
    line(out, format_args!("      {name}{}", parts.join("; ")));
}

fn others(out: &mut String, others: &[Other], all: bool) {
    if others.is_empty() {
        return;
    }
    line(out, format_args!("\nWhy no other rule takes it:"));
    let shown = if all { others.len() } else { FEW };
    for other in others.iter().take(shown) {
        let (kind, route, rule) = (other.kind, &other.route, &other.rule);
        line(
            out,
            format_args!(
                "  {kind} {route}, rule {rule} ({}): {}",
                other.matched, other.why
            ),
        );
    }
    let more = others.len().saturating_sub(shown);
    if more > 0 {
        line(out, format_args!("  and {more} more; --all shows them"));
    }
}
