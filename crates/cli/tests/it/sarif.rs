//! `agw analyze -o sarif` has the structure that SARIF 2.1.0 requires.

use std::process::Command;

use serde_json::Value;

use crate::setup::{BINARY, MINI, one_route};

const LEVELS: [&str; 4] = ["none", "note", "warning", "error"];

fn analyzed(manifest: &str) -> (Option<i32>, Value) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a b.yaml"), manifest).unwrap();
    let output = Command::new(BINARY)
        .args(["analyze", "-o", "sarif", "-f", "a b.yaml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    (
        output.status.code(),
        serde_json::from_slice(&output.stdout).unwrap(),
    )
}

/// Every property that the standard requires of what we write, and its type.
fn assert_valid(log: &Value) {
    assert_eq!(log["version"], "2.1.0");
    assert!(
        log["$schema"]
            .as_str()
            .unwrap()
            .contains("sarif-schema-2.1.0")
    );
    let runs = log["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    let driver = &runs[0]["tool"]["driver"];
    assert_eq!(driver["name"], "agw");
    let rules = driver["rules"].as_array().unwrap();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/findings.md");
    let page = std::fs::read_to_string(page).unwrap();
    for rule in rules {
        let id = rule["id"].as_str().unwrap();
        for text in ["/shortDescription/text", "/help/text", "/helpUri", "/name"] {
            let text = rule.pointer(text).and_then(Value::as_str).unwrap();
            assert!(!text.is_empty(), "{rule}");
        }
        let (file, anchor) = rule["helpUri"].as_str().unwrap().split_once('#').unwrap();
        assert_eq!(file, "docs/findings.md");
        assert!(
            page.contains(&format!("<a id=\"{anchor}\"></a>{id}")),
            "{id}"
        );
        let level = &rule["defaultConfiguration"]["level"];
        assert!(LEVELS.contains(&level.as_str().unwrap()), "{rule}");
    }
    for result in runs[0]["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(LEVELS.contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b.yaml");
        for position in ["startLine", "startColumn"] {
            assert!(place["region"][position].as_u64().unwrap() >= 1, "{result}");
        }
    }
}

#[test]
fn sarif_names_rule_level_and_place_of_each_finding() {
    let broken = one_route(MINI).replace("        model:", "        modle:");
    let hinted = one_route(MINI).replace(
        &format!("model: {MINI}"),
        &format!("config: {{ model: {MINI} }}"),
    );
    for (manifest, rule, level, line, exit) in [
        (broken, "AGW0105", "error", 25, 1),
        (hinted, "AGW0501", "note", 25, 0),
    ] {
        let (code, log) = analyzed(&manifest);
        assert_valid(&log);
        let results = log["runs"][0]["results"].as_array().unwrap();
        let result = results.iter().find(|r| r["ruleId"] == rule);
        let result = result.unwrap_or_else(|| panic!("no {rule} in {log:#}"));
        assert_eq!(result["level"], level);
        let region = &result["locations"][0]["physicalLocation"]["region"];
        assert_eq!(region["startLine"], line, "{result}");
        assert_eq!(code, Some(exit));
    }
}

#[test]
fn sarif_of_a_good_manifest_has_no_result() {
    let (code, log) = analyzed(&one_route(MINI));
    assert_valid(&log);
    assert_eq!(log["runs"][0]["results"], serde_json::json!([]));
    assert_eq!(code, Some(0));
}
