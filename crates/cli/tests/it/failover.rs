//! Pattern 6: the standby answers within the request that found the first choice broken.

use agw_testkit::{End, sse};
use serde_json::{Value, json};

use crate::patterns::assert_stream;
use crate::setup::{LARGE, MINI, Rig, Setup, chat, one_route, setups, streamed_chat};

/// Ways in which a provider fails before its answer has begun.
fn faults() -> Vec<Value> {
    vec![
        json!({ "status": 500 }),
        json!({ "status": 503 }),
        json!({ "status": 429 }),
        json!({ "status": 429, "retry-after": 7 }),
        json!({ "reset": true }),
        json!({ "cut-after": 0 }),
        json!({ "empty-stream": true }),
        json!({ "error-in-200": true }),
        json!({ "garbage": true }),
    ]
}

fn attempts(line: &Value) -> Vec<Option<&str>> {
    line["attempts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|a| a["model"].as_str())
        .collect()
}

#[test]
fn the_standby_answers_when_the_first_choice_fails() {
    for setup in setups() {
        for fault in faults() {
            let rig = setup.start();
            rig.mock.fault(LARGE, &fault).unwrap();
            let (answer, line) = rig.logged(chat(setup.failover, "Hi"));
            assert_eq!(answer.status, 200, "{fault}: {}", answer.text());
            let model = answer.model();
            assert_eq!(model.as_deref(), Some(MINI), "{fault}: {}", answer.text());
            assert_eq!(answer.end, End::Whole);
            let both = [Some(LARGE), Some(MINI)];
            assert_eq!(attempts(&line), both, "{fault}: {line}");
            assert_eq!(line["gen_ai"]["request"]["model"], MINI, "{fault}: {line}");
        }
    }
}

#[test]
fn the_standby_streams_when_the_first_choice_fails() {
    for setup in setups() {
        for fault in faults() {
            let rig = setup.start();
            rig.mock.fault(LARGE, &fault).unwrap();
            let (answer, line) = rig.logged(streamed_chat(setup.failover));
            assert_stream(&answer, MINI);
            let both = [Some(LARGE), Some(MINI)];
            assert_eq!(attempts(&line), both, "{fault}: {line}");
        }
    }
}

#[test]
fn a_first_choice_that_asks_for_a_pause_gets_it() {
    for setup in setups() {
        let rig = setup.start();
        let busy = json!({ "status": 429, "retry-after": 60, "times": 1 });
        rig.mock.fault(LARGE, &busy).unwrap();
        let (_, line) = rig.logged(chat(setup.failover, "Hi"));
        assert_eq!(attempts(&line), [Some(LARGE), Some(MINI)], "{line}");
        let (_, line) = rig.logged(chat(setup.failover, "Hi"));
        assert_eq!(attempts(&line), [Some(MINI)], "{line}");
    }
}

#[test]
fn the_standby_gets_nothing_while_the_first_choice_is_healthy() {
    for setup in setups() {
        let rig = setup.start();
        for _ in 0..20 {
            assert_eq!(
                rig.chat(setup.failover, "Hi").model().as_deref(),
                Some(LARGE)
            );
        }
    }
}

#[test]
fn the_clients_own_errors_come_back_as_they_are() {
    for setup in setups() {
        for status in [400, 401, 403, 404, 422] {
            let rig = setup.start();
            rig.mock.fault(LARGE, &json!({ "status": status })).unwrap();
            for request in [chat(setup.failover, "Hi"), streamed_chat(setup.failover)] {
                let (answer, line) = rig.logged(request);
                assert_eq!(answer.status, status, "{}", answer.text());
                assert!(answer.json().unwrap()["error"]["message"].is_string());
                assert_eq!(attempts(&line), [Some(LARGE)], "{line}");
            }
        }
    }
}

#[test]
fn the_last_answer_is_the_clients_when_the_standby_fails_too() {
    for setup in setups() {
        let rig = setup.start();
        rig.mock.fault(LARGE, &json!({ "status": 503 })).unwrap();
        rig.mock
            .fault(MINI, &json!({ "status": 429, "retry-after": 3 }))
            .unwrap();
        let (answer, line) = rig.logged(chat(setup.failover, "Hi"));
        assert_eq!(answer.status, 429, "{}", answer.text());
        assert_eq!(answer.header("retry-after"), Some("3"));
        assert!(answer.json().unwrap()["error"]["message"].is_string());
        assert_eq!(attempts(&line), [Some(LARGE), Some(MINI)], "{line}");
    }
}

#[test]
fn a_stream_that_is_cut_after_its_start_ends_in_an_error_and_not_in_done() {
    for setup in setups() {
        let rig = setup.start();
        rig.mock.fault(LARGE, &json!({ "cut-after": 4 })).unwrap();
        let (answer, line) = rig.logged(streamed_chat(setup.failover));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.model().as_deref(), Some(LARGE));
        assert!(!sse::is_done(&answer.body), "{}", answer.text());
        let last = sse::json_events(&answer.body).pop().unwrap();
        assert!(last["error"]["message"].is_string(), "{last}");
        assert_eq!(line["http"]["status"], 200);
        assert!(
            line["reason"].is_string() && line["error"].is_string(),
            "{line}"
        );
        assert_eq!(attempts(&line), [Some(LARGE)], "{line}");
    }
}

/// After enough failures the first choice is left alone, and asked again later.
#[test]
fn a_broken_first_choice_is_not_asked_again_and_again() {
    for setup in setups() {
        let rig = setup.start();
        rig.mock.fault(LARGE, &json!({ "status": 503 })).unwrap();
        for _ in 0..20 {
            assert_eq!(
                rig.chat(setup.failover, "Hi").model().as_deref(),
                Some(MINI)
            );
        }
        let asked = |model: &str| {
            let requests = rig.mock.requests().unwrap();
            requests
                .iter()
                .filter(|r| r["model"] == model && r["method"] == "POST")
                .count()
        };
        assert!(asked(LARGE) < 10, "{} of 20", asked(LARGE));
        assert_eq!(asked(MINI), 20);
    }
}

#[test]
fn falls_over_when_the_connection_is_refused() {
    let dead = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let standby = "    provider:\n      openai:\n        model: gpt-4o-mini\n";
    let groups = format!(
        "    groups:
      - providers:
          - name: dead
            openai:
              model: gpt-4o
            host: {}
            port: {}
      - providers:
          - name: standby
            openai:
              model: gpt-4o-mini
",
        dead.ip(),
        dead.port()
    );
    let manifest = one_route(MINI);
    assert!(manifest.contains(standby));
    let rig = Rig::with(&manifest.replace(standby, &groups));
    for request in [
        chat("/v1/chat/completions", "Hi"),
        streamed_chat("/v1/chat/completions"),
    ] {
        let (answer, line) = rig.logged(request);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.model().as_deref(), Some(MINI));
        assert_eq!(attempts(&line), [Some(LARGE), Some(MINI)], "{line}");
        assert_eq!(line["attempts"][0]["reason"], "connect_failure", "{line}");
    }
}

/// The provider breaks every request it gets with an error that is told from the gateway's own.
#[test]
fn a_route_without_standby_passes_the_failure_on() {
    for setup in setups() {
        let Setup { path, .. } = &setup;
        let rig = setup.start();
        rig.mock.fault(LARGE, &json!({ "status": 503 })).unwrap();
        let (answer, line) = rig.logged(chat(path.large, "Hi"));
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert_eq!(attempts(&line), [Some(LARGE)], "{line}");
        assert_eq!(line["reason"], "upstream_status", "{line}");
    }
}
