//! The six patterns, as the documents ask for them with curl.

use agw_testkit::{Answer, Request};
use serde_json::json;

use crate::explain::{agree, explained};
use crate::setup::{LARGE, MINI, Rig, Setup, chat, examples, seed, setups};

/// A request, the model that must answer, and headers that must come in this very letter case.
type Case = (
    Request,
    &'static str,
    &'static [(&'static str, &'static str)],
);

fn check(setup: &Setup, cases: Vec<Case>) {
    let rig = setup.start();
    for (request, model, headers) in cases {
        let told = explained(&setup.manifests, &request);
        let (answer, log) = rig.logged(request.clone());
        assert_eq!(answer.status, 200, "{request:?}: {}", answer.text());
        assert_eq!(answer.model().as_deref(), Some(model), "{request:?}");
        agree(&told, &log);
        for (name, value) in headers {
            assert!(
                answer.has_exact(name, value),
                "{request:?}: no {name}: {value} in {:?}",
                answer.headers
            );
        }
    }
}

fn ask(path: &str) -> Request {
    chat(path, "What model are you?")
}

fn embed(path: &str) -> Request {
    Request::post(
        path,
        &json!({ "model": "text-embedding-3-small", "input": "Hello" }),
    )
}

#[test]
fn every_curl_of_the_examples_reaches_its_model() {
    let staged = |value: &str| ask("/chat").header("X-Stage", value);
    check(
        &examples(),
        vec![
            (ask("/models/mini"), MINI, &[("X-Served-By", "mini")]),
            (
                ask("/models/mini/completions"),
                MINI,
                &[("X-Served-By", "mini")],
            ),
            (ask("/models/large"), LARGE, &[("X-Served-By", "large")]),
            (embed("/openai/embeddings"), "text-embedding-3-small", &[]),
            (staged("staging"), MINI, &[("X-Stage-Used", "staging")]),
            (staged("test"), MINI, &[("X-Stage-Used", "staging")]),
            (staged("live"), LARGE, &[("X-Stage-Used", "live")]),
            (
                ask("/chat").header("X-Experiment", "group-b-2"),
                LARGE,
                &[("X-Experiment-Group", "B")],
            ),
            (ask("/ask?tier=cheap"), MINI, &[("X-Tier", "cheap")]),
            (ask("/ask?tier=best"), LARGE, &[("X-Tier", "best")]),
            (ask("/rollout"), MINI, &[("X-Rollout", "80-20")]),
            (chat("/auto", "Hi"), MINI, &[("X-Prompt-Was", "short")]),
            (
                chat("/auto", &"word ".repeat(60)),
                LARGE,
                &[("X-Prompt-Was", "long")],
            ),
            (ask("/steady"), LARGE, &[("X-Standby", "mini")]),
        ],
    );
}

#[test]
fn every_curl_of_the_document_reaches_its_model() {
    for setup in std::iter::once(examples()).chain(seed()) {
        check(&setup, document());
    }
}

/// What the document's curls ask for, and what it says they get.
fn document() -> Vec<Case> {
    let in_stage = |value: &str| ask("/ai/chat/completions").header("X-Environment", value);
    let variant = |value: &str| ask("/ai/chat/completions").header("X-AB-Test", value);
    let flexible = |query: &str| ask(&format!("/ai/flexible/completions?{query}"));
    let general = &[
        ("X-Model-Used", "gpt-4o-mini"),
        ("X-Use-Case", "fast-general"),
    ];
    let premium = &[
        ("X-Model-Used", "gpt-4o"),
        ("X-Use-Case", "premium-quality"),
    ];
    let economy = &[
        ("X-Environment-Used", "development"),
        ("X-Model-Tier", "economy"),
    ];
    let production = &[
        ("X-Environment-Used", "production"),
        ("X-Model-Tier", "premium"),
    ];
    vec![
        (ask("/ai/fast/completions"), MINI, general),
        (ask("/ai/gpt4o-mini/completions"), MINI, general),
        (ask("/ai/premium/completions"), LARGE, premium),
        (ask("/ai/gpt4o/completions"), LARGE, premium),
        (
            embed("/ai/embeddings"),
            "text-embedding-3-small",
            &[("X-Service-Type", "embeddings")],
        ),
        (in_stage("development"), MINI, economy),
        (in_stage("dev"), MINI, economy),
        (in_stage("production"), LARGE, production),
        (in_stage("prod"), LARGE, production),
        (
            variant("variant-a"),
            MINI,
            &[("X-AB-Variant", "variant-a"), ("X-Model-Used", MINI)],
        ),
        (
            variant("variant-b"),
            LARGE,
            &[("X-AB-Variant", "variant-b"), ("X-Model-Used", LARGE)],
        ),
        (
            flexible("speed=fast"),
            MINI,
            &[("X-Speed-Optimized", "true")],
        ),
        (
            flexible("quality=premium"),
            LARGE,
            &[("X-Quality-Optimized", "true")],
        ),
        (
            flexible("cost=minimal"),
            MINI,
            &[("X-Cost-Optimized", "true")],
        ),
        (
            ask("/ai/gradual-rollout/completions"),
            MINI,
            &[("X-Routing-Type", "weighted-rollout")],
        ),
        (
            chat("/ai/smart/completions", "Hi!"),
            MINI,
            &[("X-Content-Routing", "short-content-fast-model")],
        ),
        (
            chat("/ai/smart/completions", &"a long prompt ".repeat(20)),
            LARGE,
            &[("X-Content-Routing", "long-content-premium-model")],
        ),
        (
            ask("/ai/reliable/completions"),
            LARGE,
            &[("X-Routing-Type", "failover-enabled")],
        ),
    ]
}

#[test]
fn any_ten_requests_in_a_row_are_eight_and_two() {
    for setup in setups() {
        let rig = setup.start();
        let models: Vec<_> = (0..30)
            .map(|_| rig.chat(setup.weighted, "Hi").model().unwrap())
            .collect();
        for window in models.windows(10) {
            let large = window.iter().filter(|model| *model == LARGE).count();
            assert_eq!(large, 2, "{window:?}");
        }
    }
}

#[test]
fn requests_that_no_route_takes_get_404() {
    for setup in setups() {
        let rig = setup.start();
        for request in [
            ask("/"),
            ask("/nowhere"),
            ask("/ai/fastest"),
            ask("/models/minimal"),
            ask("/chat"),
            ask("/chat").header("X-Stage", "Staging"),
            ask("/ai/chat/completions").header("X-Environment", "qa"),
            ask("/ask?tier=other"),
            ask("/ai/flexible/completions?speed=slow"),
        ] {
            assert_eq!(rig.agw.send(&request).unwrap().status, 404, "{request:?}");
        }
        assert!(
            rig.mock
                .requests()
                .unwrap()
                .iter()
                .all(|r| r["method"] == "GET"),
            "only probes"
        );
    }
}

/// What the provider gets is what the manifests say, and nothing of the gateway's own.
#[test]
fn the_provider_gets_its_path_model_and_key() {
    for setup in setups() {
        let rig = setup.start();
        rig.mock.reset().unwrap();
        let request = chat(setup.path.mini, "Hi").header("Authorization", "Bearer the-clients");
        assert_eq!(rig.agw.send(&request).unwrap().status, 200);
        let seen = rig.mock.requests().unwrap();
        let seen = seen.iter().find(|r| r["method"] == "POST").unwrap();
        assert_eq!(seen["path"], "/v1/chat/completions");
        assert_eq!(seen["model"], MINI);
        let other = rig.chat(setup.path.large, "Hi");
        assert_eq!(other.status, 200);
        let all = rig.mock.requests().unwrap();
        let keys: Vec<_> = all.iter().map(|r| r["authorization_sha"].clone()).collect();
        assert!(
            keys.iter().all(|key| *key == keys[0] && !key.is_null()),
            "{keys:?}"
        );
    }
}

#[test]
fn streams_come_in_events_and_end_with_done() {
    for setup in setups() {
        let rig = setup.start();
        let answer = rig
            .agw
            .send(&crate::setup::streamed_chat(setup.path.mini))
            .unwrap();
        assert_stream(&answer, MINI);
    }
}

pub(crate) fn assert_stream(answer: &Answer, model: &str) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let content_type = answer.header("content-type").unwrap_or_default();
    assert!(
        content_type.starts_with("text/event-stream"),
        "{content_type}"
    );
    assert_eq!(answer.model().as_deref(), Some(model), "{}", answer.text());
    assert!(
        !agw_testkit::sse::content(&answer.body).is_empty(),
        "{}",
        answer.text()
    );
    assert!(agw_testkit::sse::is_done(&answer.body), "{}", answer.text());
    assert_eq!(answer.end, agw_testkit::End::Whole);
}

#[test]
fn clients_may_speak_http_2_without_tls() {
    let setup = examples();
    let Rig { agw, mock: _mock } = setup.start();
    let request = http::Request::post(format!("http://{}{}", agw.at(8080), setup.path.large))
        .header("content-type", "application/json")
        .body(br#"{"messages":[{"role":"user","content":"Hi"}]}"#.to_vec())
        .unwrap();
    let answer = agw_testkit::http2::send(agw.at(8080), request).unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["x-served-by"], "large");
    let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(body["model"], LARGE);
}
