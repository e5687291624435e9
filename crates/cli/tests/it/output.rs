//! Access log, metrics and configuration dump.

use agw_testkit::Request;
use serde_json::{Value, json};

use crate::setup::{MINI, Rig, chat, examples, one_route, setups, streamed_chat};

#[test]
fn every_line_of_standard_output_is_json_of_one_request() {
    for setup in setups() {
        let rig = setup.start();
        for _ in 0..5 {
            rig.chat(setup.path.mini, "Hi\nthere");
            rig.chat("/nowhere", "Hi");
            rig.agw.send(&streamed_chat(setup.failover)).unwrap();
            rig.agw
                .send(&Request::new("POST", setup.path.mini).body("no json"))
                .unwrap();
        }
        rig.agw.signal("TERM").unwrap();
        let ended = rig.agw.wait().unwrap();
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!(ended.stdout.len(), 20, "{:#?}", ended.stdout);
        for line in ended.stdout.iter().chain(&ended.stderr) {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            for key in ["timestamp", "level", "scope"] {
                assert!(line[key].is_string(), "{key} of {line}");
            }
        }
    }
}

#[test]
fn a_log_line_says_which_way_a_request_went_and_what_it_cost() {
    let setup = examples();
    let rig = setup.start();
    let request = chat("/chat", "What is secret?").header("X-Stage", "staging");
    let (answer, line) = rig.logged(request);
    let usage = &answer.json().unwrap()["usage"];
    for (pointer, wanted) in [
        ("/gateway", json!("ai/ai")),
        ("/listener", json!("http")),
        ("/route_name", json!("by-header")),
        ("/route", json!("ai/by-header")),
        ("/route_rule", json!("staging")),
        ("/backend", json!("ai/mini")),
        ("/http/method", json!("POST")),
        ("/http/path", json!("/chat")),
        ("/http/status", json!(200)),
        ("/request/headers", json!({ "x-stage": "staging" })),
        ("/gen_ai/operation/name", json!("chat")),
        ("/gen_ai/provider/name", json!("openai")),
        ("/gen_ai/request/model", json!(MINI)),
        ("/gen_ai/request/stream", json!(false)),
        ("/gen_ai/usage/total_tokens", usage["total_tokens"].clone()),
        (
            "/gen_ai/usage/prompt_tokens",
            usage["prompt_tokens"].clone(),
        ),
        (
            "/gen_ai/usage/output_tokens",
            usage["completion_tokens"].clone(),
        ),
    ] {
        // A computed header that some route matches on is logged too.
        let found = match pointer {
            "/request/headers" => json!({ "x-stage": line["request"]["headers"]["x-stage"] }),
            _ => line.pointer(pointer).cloned().unwrap_or_default(),
        };
        assert_eq!(found, wanted, "{pointer} of {line:#}");
    }
    assert!(
        line["duration_ms"].is_number() && line["timestamp"].is_string(),
        "{line}"
    );
    assert!(!line.to_string().contains("What is secret"), "{line}");
}

#[test]
fn streams_are_logged_with_their_usage() {
    let setup = examples();
    let rig = setup.start();
    let (_, line) = rig.logged(streamed_chat(setup.path.mini));
    assert_eq!(line["gen_ai"]["request"]["stream"], true);
    assert!(
        line["gen_ai"]["usage"]["total_tokens"].as_u64().unwrap() > 0,
        "{line}"
    );
    assert!(line["time_to_first_token_ms"].is_number(), "{line}");
}

#[test]
fn requests_that_match_nothing_have_no_gen_ai() {
    let rig = examples().start();
    let (answer, line) = rig.logged(chat("/nowhere", "Hi"));
    assert_eq!(answer.status, 404);
    assert!(
        line["gen_ai"].is_null() && line["route_name"].is_null(),
        "{line}"
    );
    assert_eq!(line["reason"], "no_route");
}

/// The value of the first sample of a metric that has all these labels.
fn sample(metrics: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let all = |line: &&str| {
        labels
            .iter()
            .all(|(k, v)| line.contains(&format!("{k}=\"{v}\"")))
    };
    let line = metrics
        .lines()
        .filter(|l| l.starts_with(&format!("{name}{{")))
        .find(all)?;
    line.rsplit_once(' ')?.1.parse().ok()
}

/// Strict readers take the page, and find the labels that dashboards group by.
#[test]
fn an_openmetrics_parser_reads_the_metrics() {
    let setup = examples();
    let rig = setup.start();
    rig.chat(setup.path.mini, "Hi");
    rig.chat("/nowhere", "Hi");
    let text = rig.agw.metrics().unwrap();
    let page = openmetrics_parser::openmetrics::parse_openmetrics(&text)
        .unwrap_or_else(|error| panic!("{error:?} in {text}"));
    let table = [
        (
            "agentgateway_requests",
            &["route_name", "model", "status"][..],
        ),
        (
            "agentgateway_tokens",
            &["route_name", "model", "token_type"],
        ),
        ("agentgateway_request_duration_seconds", &["route_name"]),
        ("agentgateway_backend_healthy", &["backend"]),
    ];
    for (name, labels) in table {
        let family = &page.families[name];
        assert!(family.iter_samples().count() > 0, "{name} in {text}");
        for label in labels {
            let known = family.get_label_names();
            assert!(known.iter().any(|l| l == label), "{name} has {known:?}");
        }
    }
}

#[test]
fn metrics_count_requests_and_tokens_by_route_and_model() {
    let setup = examples();
    let rig = setup.start();
    let mut tokens = 0.0;
    for _ in 0..3 {
        let answer = rig.chat(setup.path.mini, "Hi").json().unwrap();
        tokens += answer["usage"]["prompt_tokens"].as_f64().unwrap();
    }
    rig.chat("/nowhere", "Hi");
    let metrics = rig.agw.metrics().unwrap();
    let route = [
        ("gateway", "ai/ai"),
        ("route_namespace", "ai"),
        ("route_name", "by-path"),
    ];
    let requests: Vec<_> = route
        .into_iter()
        .chain([
            ("listener", "http"),
            ("model", MINI),
            ("method", "POST"),
            ("status", "200"),
        ])
        .chain([
            ("backend", "ai/mini"),
            ("provider", "openai"),
            ("reason", "ok"),
        ])
        .collect();
    assert_eq!(
        sample(&metrics, "agentgateway_requests_total", &requests),
        Some(3.0),
        "{metrics}"
    );
    let input: Vec<_> = route
        .into_iter()
        .chain([("token_type", "input"), ("model", MINI)])
        .collect();
    assert_eq!(
        sample(&metrics, "agentgateway_tokens_total", &input),
        Some(tokens),
        "{metrics}"
    );
    let unmatched = [("route_name", "unmatched"), ("status", "404")];
    assert_eq!(
        sample(&metrics, "agentgateway_requests_total", &unmatched),
        Some(1.0),
        "{metrics}"
    );
    for name in [
        "agentgateway_request_duration_seconds_bucket",
        "agentgateway_attempts_total",
        "agentgateway_backend_healthy",
        "gen_ai_client_token_usage_bucket",
    ] {
        assert!(sample(&metrics, name, &[]).is_some(), "{name} in {metrics}");
    }
    assert!(metrics.contains("le=\"+Inf\""), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"));
}

#[test]
fn two_gateways_are_told_apart_in_one_scrape() {
    let second = one_route(MINI)
        .replace("name: g", "name: g2")
        .replace("name: r,", "name: r2,")
        .replace("8080", "8081");
    let second = second.split("---").take(2).collect::<Vec<_>>().join("---");
    let rig = Rig::with(&format!("{}---\n{second}", one_route(MINI)));
    rig.chat("/v1/chat/completions", "Hi");
    chat("/v1/chat/completions", "Hi")
        .send(rig.agw.at(8081))
        .unwrap();
    let metrics = rig.agw.metrics().unwrap();
    for gateway in ["t/g", "t/g2"] {
        let labels = [("gateway", gateway), ("status", "200")];
        let requests = sample(&metrics, "agentgateway_requests_total", &labels);
        assert_eq!(requests, Some(1.0), "{metrics}");
        let version = sample(&metrics, "agentgateway_config_version", &labels[..1]);
        assert_eq!(version, Some(1.0), "{metrics}");
    }
    assert_eq!(metrics.matches("# EOF").count(), 1);
    assert_eq!(metrics.matches("# TYPE agentgateway_requests ").count(), 1);
}

#[test]
fn credentials_and_prompts_show_up_nowhere() {
    let secret = "\
---
apiVersion: v1
kind: Secret
metadata: { name: s, namespace: t }
stringData:
  Authorization: Bearer sk-canary
";
    let auth = "  policies:\n    auth:\n      secretRef:\n        name: s\n";
    let rig = Rig::with(&format!("{}{auth}{secret}", one_route(MINI)));
    let request = chat("/v1/chat/completions", "prompt-canary")
        .header("Authorization", "Bearer client-canary")
        .header("Cookie", "cookie-canary");
    let (answer, _) = rig.logged(request);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let dump = rig.agw.admin("/config_dump").unwrap();
    let metrics = rig.agw.metrics().unwrap();
    let written = [rig.agw.stdout().all(), rig.agw.stderr().all()]
        .concat()
        .concat();
    for (place, text) in [("dump", dump), ("metrics", metrics), ("output", written)] {
        assert!(!text.contains("canary"), "{place}: {text}");
    }
}

/// How many HTTPRoutes the files of the examples hold.
fn written_routes() -> usize {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/routing-patterns"
    );
    std::fs::read_dir(folder)
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .map(|text| {
            text.lines()
                .filter(|line| *line == "kind: HTTPRoute")
                .count()
        })
        .sum()
}

#[test]
fn the_admin_pages_show_what_is_served() {
    let rig = examples().start();
    let dump: Value = serde_json::from_str(&rig.agw.admin("/config_dump").unwrap()).unwrap();
    assert_eq!(dump["version"], 1);
    assert_eq!(dump["gateways"][0]["gateway"], "ai/ai");
    assert_eq!(dump["gateways"][0]["serving"]["version"], 1);
    let routes = &dump["gateways"][0]["serving"]["config"]["routes"];
    let written = written_routes();
    assert!(written > 6, "the examples hold {written} routes");
    assert_eq!(routes.as_array().map(Vec::len), Some(written), "{routes:#}");
    assert!(rig.agw.admin("/").unwrap().contains("/config_dump"));
    let version: Value = serde_json::from_str(&rig.agw.admin("/version").unwrap()).unwrap();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    let level = Request::new("POST", "/logging?level=debug")
        .send(rig.agw.at(15000))
        .unwrap();
    assert_eq!((level.status, level.text().trim()), (200, "debug"));
    let refused = Request::new("POST", "/logging?level=agw=loud")
        .send(rig.agw.at(15000))
        .unwrap();
    assert_eq!(refused.status, 400, "{}", refused.text());
}
