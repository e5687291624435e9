//! `agw analyze`: what is wrong with manifests, where, and what to do about it.

use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

use agw_translate::Settings;
use agw_translate::finding::{Finding, Severity};
use serde_json::{Value, json};

use crate::command::{self, Findings};
use crate::compile::Compiled;
use crate::report;
use crate::sarif;
use crate::sources::Sources;

/// Prints findings and statuses; the exit code says whether there is an error.
pub(crate) fn analyze(arguments: &command::Analyze) -> anyhow::Result<ExitCode> {
    let files = Sources::open(&arguments.files.filename)?.read()?;
    let compiled = Compiled::from(files, &Settings::default());
    let text = match arguments.output {
        Findings::Json => {
            let value = json!({ "findings": compiled.findings, "statuses": compiled.statuses });
            format!("{value:#}\n")
        }
        Findings::Sarif => format!("{:#}\n", sarif::log(&compiled.findings)),
        Findings::Text => text(&compiled),
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    let failed = compiled.errors().next().is_some();
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn text(compiled: &Compiled) -> String {
    let mut text = String::new();
    for finding in &compiled.findings {
        text.push_str(&report::render(finding, &compiled.files));
        text.push('\n');
    }
    for status in &compiled.statuses {
        conditions(&status.object.to_string(), &status.status, &mut text);
    }
    let count = |severity| {
        let of_severity = |f: &&Finding| f.severity == severity;
        compiled.findings.iter().filter(of_severity).count()
    };
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "\n{}; {} errors, {} warnings, {} hints",
        compiled.counts(),
        count(Severity::Error),
        count(Severity::Warning),
        count(Severity::Hint),
    );
    text
}

/// A line for each list of conditions in a status: of the object, and of each parent, ancestor and
/// listener in it. Of conditions that do not hold the reason is shown.
fn conditions(name: &str, status: &Value, text: &mut String) {
    if let Some(list) = status["conditions"].as_array() {
        let words: Vec<_> = list.iter().map(condition).collect();
        let _ = writeln!(text, "{name}: {}", words.join(", "));
    }
    for (key, naming) in [
        ("parents", "/parentRef/name"),
        ("ancestors", "/ancestorRef/name"),
        ("listeners", "/name"),
    ] {
        for part in status[key].as_array().into_iter().flatten() {
            let part_name = part.pointer(naming).and_then(Value::as_str).unwrap_or("?");
            let kind = key.trim_end_matches('s');
            conditions(&format!("{name}, {kind} {part_name}"), part, text);
        }
    }
}

fn condition(condition: &Value) -> String {
    let text = |key: &str| condition[key].as_str().unwrap_or_default();
    match text("status") {
        "True" => format!("{}=True", text("type")),
        other => format!(
            "{}={other} ({}: {})",
            text("type"),
            text("reason"),
            text("message")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_conditions_of_an_object_and_of_its_parts() {
        let yes = json!([{ "type": "Accepted", "status": "True" }]);
        let no = json!([{ "type": "ResolvedRefs", "status": "False", "reason": "BackendNotFound", "message": "no b" }]);
        let status = json!({
            "conditions": yes,
            "parents": [{ "parentRef": { "name": "g" }, "conditions": no }],
        });
        let mut text = String::new();
        conditions("HTTPRoute t/r", &status, &mut text);
        assert_eq!(
            text,
            "HTTPRoute t/r: Accepted=True\n\
             HTTPRoute t/r, parent g: ResolvedRefs=False (BackendNotFound: no b)\n"
        );
    }
}
