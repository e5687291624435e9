//! Each manifest of `tests/broken` gets the findings that its first lines expect.
//!
//! `# expect: AGW0105 25:9 unknown field` is a code, the line and column of the file, and words of
//! the message. Errors and warnings that no line expects fail the test; hints may stand beside.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::setup::BINARY;

struct Expected {
    code: String,
    place: String,
    words: String,
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/broken");
    let files = std::fs::read_dir(folder).unwrap();
    let mut cases: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    cases.sort();
    cases
}

fn expected(text: &str) -> Vec<Expected> {
    let lines = text.lines().skip(1);
    let lines = lines.map_while(|line| line.strip_prefix("# expect: "));
    lines
        .map(|line| {
            let mut parts = line.splitn(3, ' ').map(str::to_owned);
            Expected {
                code: parts.next().unwrap(),
                place: parts.next().unwrap(),
                words: parts.next().unwrap_or_default(),
            }
        })
        .collect()
}

fn is_met(expected: &Expected, finding: &Value) -> bool {
    finding["code"] == expected.code.as_str()
        && format!("{}:{}", finding["line"], finding["column"]) == expected.place
        && finding["message"]
            .as_str()
            .unwrap()
            .contains(&expected.words)
}

/// What is wrong with the answer to one manifest.
fn complaints(path: &Path) -> Vec<String> {
    let expected = expected(&std::fs::read_to_string(path).unwrap());
    let output = Command::new(BINARY)
        .args(["analyze", "-o", "json", "-f"])
        .arg(path)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let mut complaints = Vec::new();
    if expected.is_empty() {
        complaints.push("expects nothing".to_owned());
    }
    for e in &expected {
        if !findings.iter().any(|finding| is_met(e, finding)) {
            complaints.push(format!("no {} at {}: {}", e.code, e.place, e.words));
        }
    }
    for finding in findings {
        let is_expected = expected.iter().any(|e| is_met(e, finding));
        if !is_expected && finding["severity"] != "hint" {
            complaints.push(format!("not expected: {finding}"));
        }
    }
    let has_error = findings.iter().any(|f| f["severity"] == "error");
    if output.status.code() != Some(i32::from(has_error)) {
        complaints.push(format!("{} with {findings:?}", output.status));
    }
    complaints
}

#[test]
fn every_broken_manifest_gets_the_findings_it_expects() {
    let cases = cases();
    assert!(cases.len() >= 80, "{} manifests", cases.len());
    let mut wrong = String::new();
    for case in &cases {
        for complaint in complaints(case) {
            wrong += &format!("{}: {complaint}\n", case.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Codes that no single manifest of the folder shows: a cost bound that no plain expression
/// reaches, certificates, and what only other crates' tests set up.
const ELSEWHERE: &[&str] = &["AGW0212", "AGW0302", "AGW0605", "AGW0606"];

#[test]
fn every_code_has_a_broken_manifest() {
    let texts = cases()
        .into_iter()
        .map(|path| std::fs::read_to_string(path).unwrap());
    let shown: Vec<_> = texts
        .flat_map(|text| expected(&text))
        .map(|e| e.code)
        .collect();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/findings.md");
    let page = std::fs::read_to_string(page).unwrap();
    let codes = page
        .lines()
        .filter_map(|line| line.split("</a>").nth(1)?.get(..7));
    let missing: Vec<_> = codes
        .filter(|code| !shown.iter().any(|s| s == code) && !ELSEWHERE.contains(code))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
