use agw_mock_provider::FaultRule;

use crate::client::{HELLO, HELLO_STREAM, chat, send};
use crate::gateway::{Gateway, Plan, ai, ai_with, refused};

async fn failover_gateway() -> Gateway {
    Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 100), (ai("gpt-4o-mini", mock), 0)],
        ..Plan::default()
    })
    .await
}

fn fail(gateway: &Gateway, model: &str, fault: &str) {
    let rule = FaultRule {
        fault: fault.parse().unwrap(),
        times: None,
    };
    gateway.mock.set_fault(model.into(), rule).unwrap();
}

#[tokio::test]
async fn the_standby_gets_nothing_while_the_primary_is_healthy() {
    let gateway = failover_gateway().await;
    for _ in 0..20 {
        let answered = send(gateway.address, chat(HELLO)).await;
        assert_eq!(answered.json()["model"], "gpt-4o", "{}", answered.text());
    }
    gateway.stop().await;
}

#[tokio::test]
async fn falls_over_within_the_same_request() {
    for fault in [
        "status=503",
        "status=500",
        "status=429",
        "status=429;retry-after=1",
        "reset",
        "error-in-200",
        "garbage",
    ] {
        let gateway = failover_gateway().await;
        fail(&gateway, "gpt-4o", fault);
        let answered = send(gateway.address, chat(HELLO)).await;
        assert_eq!(answered.status(), 200, "{fault}: {}", answered.text());
        assert_eq!(answered.json()["model"], "gpt-4o-mini", "{fault}");
        let log = gateway.log(1).await;
        let attempts = log[0]["attempts"].as_array().unwrap();
        assert_eq!(attempts.len(), 2, "{fault}: {log:?}");
        assert!(attempts[0]["reason"].is_string(), "{fault}: {log:?}");
        assert!(log[0].get("reason").is_none(), "{fault}: {log:?}");
        assert_eq!(log[0]["gen_ai"]["request"]["model"], "gpt-4o-mini");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn streams_fall_over_before_their_first_content() {
    for fault in [
        "status=503",
        "status=429",
        "reset",
        "error-in-200",
        "garbage",
        "empty-stream",
        "cut-after=0",
        "cut-after=1",
    ] {
        let gateway = failover_gateway().await;
        fail(&gateway, "gpt-4o", fault);
        let answered = send(gateway.address, chat(HELLO_STREAM)).await;
        let text = answered.text();
        assert_eq!(answered.status(), 200, "{fault}: {text}");
        assert!(
            answered.whole && text.ends_with("data: [DONE]\n\n"),
            "{fault}: {text}"
        );
        assert!(text.contains(r#""model":"gpt-4o-mini""#), "{fault}: {text}");
        assert!(!text.contains(r#""model":"gpt-4o""#), "{fault}: {text}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn falls_over_when_the_primary_refuses_connections() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", refused()), 1), (ai("gpt-4o-mini", mock), 0)],
        ..Plan::default()
    })
    .await;
    let answered = send(gateway.address, chat(HELLO)).await;
    assert_eq!(
        answered.json()["model"],
        "gpt-4o-mini",
        "{}",
        answered.text()
    );
    assert_eq!(
        gateway.log(1).await[0]["attempts"][0]["reason"],
        "connect_failure"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn the_clients_own_errors_are_not_failed_over() {
    for status in [400, 401, 403, 404, 422] {
        let gateway = failover_gateway().await;
        fail(&gateway, "gpt-4o", &format!("status={status}"));
        let answered = send(gateway.address, chat(HELLO)).await;
        assert_eq!(answered.status(), status);
        assert_eq!(gateway.mock.requests().len(), 1);
        gateway.stop().await;
    }
}

#[tokio::test]
async fn the_last_answer_is_the_clients_when_all_fail() {
    let gateway = failover_gateway().await;
    fail(&gateway, "gpt-4o", "status=500");
    fail(&gateway, "gpt-4o-mini", "status=503");
    let answered = send(gateway.address, chat(HELLO)).await;
    assert_eq!(answered.status(), 503, "{}", answered.text());
    assert!(answered.json()["error"]["message"].is_string());
    let log = gateway.log(1).await;
    assert_eq!(log[0]["reason"], "upstream_status");
    assert_eq!(log[0]["attempts"].as_array().unwrap().len(), 2);
    gateway.stop().await;
}

#[tokio::test]
async fn an_ejected_primary_is_not_asked_and_the_best_is_tried_when_all_are() {
    let gateway = failover_gateway().await;
    fail(&gateway, "gpt-4o", "status=503");
    for _ in 0..8 {
        assert_eq!(send(gateway.address, chat(HELLO)).await.status(), 200);
    }
    let asked = |model: &str| {
        let requests = gateway.mock.requests();
        let of = |r: &agw_mock_provider::RequestRecord| {
            serde_json::to_value(r).unwrap()["model"] == model
        };
        requests.iter().filter(|r| of(r)).count()
    };
    assert_eq!(asked("gpt-4o"), 5, "the default threshold");
    assert_eq!(asked("gpt-4o-mini"), 8);
    assert!(
        gateway
            .proxy()
            .metrics_text()
            .contains(r#"agentgateway_backend_healthy{backend="ns/gpt-4o",provider="openai"} 0"#)
    );
    fail(&gateway, "gpt-4o-mini", "status=429;retry-after=60");
    assert_eq!(send(gateway.address, chat(HELLO)).await.status(), 429);
    gateway.mock.clear_faults();
    let answered = send(gateway.address, chat(HELLO)).await;
    assert_eq!(
        answered.status(),
        200,
        "all are ejected: the best is tried, not 503"
    );
    gateway.stop().await;
}

fn probing(provider: &mut agw_core::backend::AiProvider) {
    let interval = std::time::Duration::from_millis(20);
    provider.policy.probe = Some(agw_core::backend::Probe {
        interval,
        timeout: interval * 10,
    });
    let ejection = provider.policy.ejection.as_mut().unwrap();
    ejection.unhealthy_threshold = 2;
    ejection.healthy_threshold = 2;
}

#[tokio::test]
async fn active_probes_take_a_backend_out_and_bring_it_back() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![
            (ai_with("gpt-4o", mock, probing), 1),
            (ai("gpt-4o-mini", mock), 0),
        ],
        ..Plan::default()
    })
    .await;
    let model = async |want: &str| {
        for _ in 0..300 {
            if send(gateway.address, chat(HELLO)).await.json()["model"] == want {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{want} never answered");
    };
    model("gpt-4o").await;
    // Only the probe fails: requests to the primary would succeed.
    fail(&gateway, "_models", "status=503");
    model("gpt-4o-mini").await;
    gateway.mock.clear_faults();
    model("gpt-4o").await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_condition_decides_what_counts_as_unhealthy() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![
            (
                ai_with("gpt-4o", mock, |provider| {
                    let ejection = provider.policy.ejection.as_mut().unwrap();
                    ejection.unhealthy_threshold = 1;
                    let condition = agw_core::expr::Expression::compile("response.code == 418");
                    ejection.unhealthy_condition = Some(condition.unwrap());
                }),
                1,
            ),
            (ai("gpt-4o-mini", mock), 0),
        ],
        ..Plan::default()
    })
    .await;
    fail(&gateway, "gpt-4o", "status=503");
    for _ in 0..3 {
        send(gateway.address, chat(HELLO)).await;
        assert_eq!(
            gateway.mock.requests().len() % 2,
            0,
            "each request asks the primary first"
        );
    }
    fail(&gateway, "gpt-4o", "status=418");
    assert_eq!(send(gateway.address, chat(HELLO)).await.status(), 418);
    assert_eq!(
        send(gateway.address, chat(HELLO)).await.json()["model"],
        "gpt-4o-mini"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn retries_stay_with_their_target_before_the_next_is_asked() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![
            (
                ai_with("gpt-4o", mock, |provider| {
                    provider.policy.retry = Some(agw_core::retry::Retry {
                        attempts: 2,
                        base_interval: std::time::Duration::from_millis(1),
                        max_interval: std::time::Duration::from_millis(1),
                        ..Default::default()
                    });
                }),
                1,
            ),
            (ai("gpt-4o-mini", mock), 0),
        ],
        ..Plan::default()
    })
    .await;
    let rule = FaultRule {
        fault: "status=503".parse().unwrap(),
        times: std::num::NonZeroU32::new(2),
    };
    gateway.mock.set_fault("gpt-4o".into(), rule).unwrap();
    let answered = send(gateway.address, chat(HELLO)).await;
    assert_eq!(answered.json()["model"], "gpt-4o", "the third try");
    fail(&gateway, "gpt-4o", "status=503");
    assert_eq!(
        send(gateway.address, chat(HELLO)).await.json()["model"],
        "gpt-4o-mini"
    );
    let attempts = gateway.log(2).await[1]["attempts"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(
        attempts, 4,
        "three tries of the primary and one of the standby"
    );
    gateway.stop().await;
}
