//! What `agw explain` tells is what happens.

use std::path::Path;
use std::process::{Command, Output};

use agw_testkit::Request;
use serde_json::Value;

use crate::setup::{BINARY, top};

fn run(options: &[String]) -> Output {
    let mut command = Command::new(BINARY);
    command.current_dir(top()).arg("explain").args(options);
    command.output().unwrap()
}

/// What is told of a request, as JSON.
pub(crate) fn explained(manifests: &Path, request: &Request) -> Value {
    let folder = manifests.to_str().unwrap();
    let mut options = ["-o", "json", "-f", folder].map(str::to_owned).to_vec();
    options.extend(request.described());
    let output = run(&options);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Compares what was told with what the access log says of a request that reached a model.
pub(crate) fn agree(told: &Value, log: &Value) {
    assert_eq!(told["winner"]["route"], log["route"], "{log}");
    assert_eq!(told["winner"]["rule"], log["route_rule"], "{log}");
    assert_eq!(told["listener"], log["listener"], "{log}");
    assert!(told.get("answer").is_none(), "{told:#}");
    let backends = told["backends"].as_array().unwrap();
    let took = backends.iter().find(|b| b["to"] == log["backend"]);
    let took = took.unwrap_or_else(|| panic!("{} is not in {told:#}", log["backend"]));
    let asked = &took["groups"][0][0];
    assert_eq!(asked["model"], log["gen_ai"]["request"]["model"], "{log}");
}

/// A golden file's name, the manifests, and how the request is described.
type Case = (&'static str, &'static str, &'static [&'static str]);

const CHAT: &str = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}"#;

const CASES: &[Case] = &[
    (
        "headers",
        "examples/routing-patterns",
        &["--path", "/chat", "-H", "X-Stage: staging", "-d", CHAT],
    ),
    (
        "content",
        "examples/routing-patterns",
        &["--path", "/auto", "-d", CHAT, "--all"],
    ),
    (
        "standby",
        "examples/routing-patterns",
        &["--path", "/steady", "-d", CHAT],
    ),
    (
        "no-route",
        "examples/routing-patterns",
        &["--path", "/nowhere"],
    ),
    (
        "no-listener",
        "examples/routing-patterns",
        &["--path", "/chat", "--port", "9"],
    ),
    (
        "path",
        "examples/routing-patterns",
        &["--path", "/a/..%2f/chat"],
    ),
    (
        "model",
        "examples/models",
        &["--path", "/v1/chat/completions", "-d", CHAT],
    ),
    (
        "no-token",
        "examples/policies/jwt-rbac",
        &["--path", "/v1/chat/completions", "-d", CHAT],
    ),
    (
        "claims",
        "examples/policies/jwt-rbac",
        &[
            "--path",
            "/v1/chat/completions",
            "-d",
            CHAT,
            "--claims",
            r#"{"sub":"ann","roles":["admin"]}"#,
        ],
    ),
    (
        "wrong-key",
        "examples/policies/api-keys",
        &[
            "--path",
            "/v1/chat/completions",
            "-d",
            CHAT,
            "-H",
            "Authorization: Bearer nobody",
        ],
    ),
    (
        "limits",
        "examples/policies/limits",
        &[
            "--path",
            "/v1/chat/completions",
            "-d",
            CHAT,
            "-H",
            "Origin: https://evil.example",
        ],
    ),
];

#[test]
fn every_golden_explanation_is_told() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/explain");
    for (name, manifests, request) in CASES {
        let mut options = vec!["-f".to_owned(), (*manifests).to_owned()];
        options.extend(request.iter().map(|option| (*option).to_owned()));
        let output = run(&options);
        assert!(output.status.success(), "{name}: {output:?}");
        let told = String::from_utf8(output.stdout).unwrap();
        let file = folder.join(format!("{name}.golden"));
        if update {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &told).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(told, expected, "{name}: UPDATE_GOLDEN=1 takes it over");
    }
}

#[test]
fn what_is_no_request_is_told() {
    let manifests = ["-f", "examples/routing-patterns"].map(str::to_owned);
    for (option, value, told) in [
        ("--path", "chat", "a path starts with `/`"),
        ("-H", "X-Stage", "expected `Name: value`"),
        ("--claims", "[]", "claims are a JSON object"),
        ("-d", "@/nowhere.json", "cannot read /nowhere.json"),
        ("--gateway", "a/b", "there is no Gateway a/b"),
    ] {
        let mut options = manifests.to_vec();
        options.extend([option.to_owned(), value.to_owned()]);
        let output = run(&options);
        assert!(!output.status.success(), "{option} {value}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(told), "{option} {value}: {error}");
    }
}
