//! Commands that end by themselves.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use agw_testkit::Agw;
use serde_json::Value;

use crate::setup::{BINARY, LARGE, MINI, one_route, setups};

fn agw(arguments: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(BINARY)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(stdin.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

fn analyzed(manifest: &str) -> (Option<i32>, Value) {
    let output = agw(&["analyze", "-f", "-", "-o", "json"], manifest);
    (
        output.status.code(),
        serde_json::from_slice(&output.stdout).unwrap(),
    )
}

#[test]
fn analyze_finds_no_error_in_the_examples() {
    for setup in setups() {
        let folder = setup.manifests.to_str().unwrap();
        let output = agw(&["analyze", "-f", folder, "-o", "json"], "");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let errors: Vec<_> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|f| f["severity"] == "error")
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        assert_eq!(output.status.code(), Some(0));
        assert!(!report["statuses"].as_array().unwrap().is_empty());
        assert!(report.to_string().contains("Accepted"));
    }
}

#[test]
fn analyze_has_nothing_to_say_about_the_examples_but_that_http2_has_no_capitals() {
    let folder = crate::setup::examples().manifests;
    let output = agw(
        &["analyze", "-f", folder.to_str().unwrap(), "-o", "json"],
        "",
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let others: Vec<_> = findings.iter().filter(|f| f["code"] != "AGW0409").collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn analyze_names_the_place_of_each_error() {
    let good = one_route(MINI);
    for (broken, code, line) in [
        (
            good.replace("        model:", "        modle:"),
            "AGW0105",
            25,
        ),
        (good.replace("port: 8080", "port: eighty"), "AGW0106", 7),
        (
            good.replace(
                "kind: AgentgatewayBackend\nmetadata",
                "kind: AgentgatewayBakend\nmetadata",
            ),
            "AGW0104",
            19,
        ),
        (
            good.replace("name: b }\n---", "name: gone }\n---"),
            "AGW0202",
            16,
        ),
        (
            good.replace("parentRefs: [{ name: g }]", "parentRefs: [{ name: gone }]"),
            "AGW0201",
            13,
        ),
    ] {
        assert_ne!(broken, good, "{code}");
        let (exit, report) = analyzed(&broken);
        let findings = report["findings"].as_array().unwrap();
        let finding = findings.iter().find(|f| f["code"] == code);
        let finding = finding.unwrap_or_else(|| panic!("no {code} in {report:#}"));
        assert_eq!(finding["severity"], "error");
        assert_eq!(finding["line"], line, "{finding}");
        assert_eq!(finding["file"], "-");
        assert_eq!(exit, Some(1));
    }
    assert_eq!(analyzed(&good).0, Some(0));
}

#[test]
fn analyze_shows_people_the_line() {
    let broken = one_route(MINI).replace("        model:", "        modle:");
    let output = agw(&["analyze", "-f", "-"], &broken);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("-:25:9: error AGW0105"), "{text}");
    assert!(
        text.contains("  25 |         modle: gpt-4o-mini\n     |         ^^^^^\n"),
        "{text}"
    );
    assert!(text.contains("help: "), "{text}");
}

#[test]
fn run_stops_at_the_start_when_a_file_is_malformed() {
    let broken = one_route(MINI).replace("        model:", "        modle:");
    let builder = Agw::builder(BINARY)
        .unwrap()
        .manifest("m.yaml", &broken)
        .unwrap();
    let ended = builder.argument("--mock").run_to_end().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let stderr = ended.stderr.join("\n");
    assert!(
        stderr.contains("m.yaml:25:9") && stderr.contains("AGW0105"),
        "{stderr}"
    );
    assert!(stderr.contains("nothing is served"), "{stderr}");
    assert!(ended.stdout.is_empty());
}

/// As in a cluster: what refers to nothing is reported, and the rest works.
#[test]
fn run_serves_what_is_good_beside_a_reference_to_nothing() {
    let manifest = one_route(LARGE).replace(
        "    - backendRefs:",
        "    - matches: [{ path: { type: PathPrefix, value: /broken } }]\n      backendRefs:\n        \
         - { group: agentgateway.dev, kind: AgentgatewayBackend, name: gone }\n    - backendRefs:",
    );
    let rig = crate::setup::Rig::with(&manifest);
    assert_eq!(
        rig.chat("/v1/chat/completions", "Hi").model().as_deref(),
        Some(LARGE)
    );
    assert_eq!(rig.chat("/broken/chat/completions", "Hi").status, 500);
    assert!(
        rig.agw
            .stderr()
            .wait_for(0, |line| line.contains("AGW0202"))
            .is_some()
    );
}

#[test]
fn run_says_when_there_is_nothing_to_serve() {
    let backend = one_route(MINI).split("---").last().unwrap().to_owned();
    for (manifest, says) in [(backend.as_str(), "no Gateway"), ("", "no Gateway")] {
        let builder = Agw::builder(BINARY)
            .unwrap()
            .manifest("m.yaml", manifest)
            .unwrap();
        let ended = builder.argument("--mock").run_to_end().unwrap();
        assert_eq!(ended.status.code(), Some(1));
        assert!(ended.stderr.join("\n").contains(says), "{:?}", ended.stderr);
    }
    let missing = Agw::builder(BINARY)
        .unwrap()
        .path("missing.yaml")
        .run_to_end()
        .unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        missing.stderr.join("\n").contains("missing.yaml"),
        "{:?}",
        missing.stderr
    );
}

#[test]
fn version_and_help_are_there() {
    let version = agw(&["version"], "");
    let text = String::from_utf8(version.stdout).unwrap();
    assert!(
        text.starts_with(&format!("agw {}", env!("CARGO_PKG_VERSION"))),
        "{text}"
    );
    let help = String::from_utf8(agw(&["run", "--help"], "").stdout).unwrap();
    assert!(
        help.contains("Examples:") && help.contains("--mock"),
        "{help}"
    );
    assert_eq!(
        agw(&["run"], "").status.code(),
        Some(2),
        "files are required"
    );
}
