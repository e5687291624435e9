use agw_mock_provider::FaultRule;

use crate::client::{HELLO, HELLO_STREAM, chat, request, send};
use crate::gateway::{Gateway, Plan, ai, ai_with};

#[tokio::test]
async fn health_and_turns_survive_a_new_configuration() {
    let plan = |at| Plan {
        backends: vec![
            (
                ai_with("gpt-4o", at, |provider| {
                    provider
                        .policy
                        .ejection
                        .as_mut()
                        .unwrap()
                        .unhealthy_threshold = 1;
                }),
                1,
            ),
            (ai("gpt-4o-mini", at), 0),
        ],
        ..Plan::default()
    };
    let gateway = Gateway::start(plan).await;
    let rule = FaultRule {
        fault: "status=503".parse().unwrap(),
        times: None,
    };
    gateway.mock.set_fault("gpt-4o".into(), rule).unwrap();
    send(gateway.address, chat(HELLO)).await;
    let asked = gateway.mock.requests().len();
    gateway.apply(2, plan(gateway.mock_address)).await;
    send(gateway.address, chat(HELLO)).await;
    assert_eq!(
        gateway.mock.requests().len(),
        asked + 1,
        "the ejected primary stays out"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_stream_under_way_is_not_cut_by_a_new_configuration() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1)],
        ..Plan::default()
    })
    .await;
    let mut slow = chat(HELLO_STREAM);
    slow.headers_mut()
        .insert("x-mock-fault", "chunk-delay=20ms".parse().unwrap());
    let address = gateway.address;
    let stream = tokio::spawn(async move { send(address, slow).await });
    while gateway.mock.requests().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    for version in 2..12 {
        let plan = Plan {
            backends: vec![(ai("gpt-4.1", gateway.mock_address), 1)],
            ..Plan::default()
        };
        gateway.apply(version, plan).await;
    }
    assert_eq!(
        send(gateway.address, chat(HELLO)).await.json()["model"],
        "gpt-4.1"
    );
    let answered = stream.await.unwrap();
    assert!(
        answered.whole && answered.text().ends_with("[DONE]\n\n"),
        "{}",
        answered.text()
    );
    assert!(answered.text().contains("gpt-4o"));
    gateway.stop().await;
}

#[tokio::test]
async fn responses_and_embeddings_are_understood() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1)],
        ..Plan::default()
    })
    .await;
    let post = |path: &str, body: &str| request(http::Method::POST, path, body.to_owned());
    for (path, body, operation) in [
        ("/v1/responses", r#"{"input":"Hello"}"#, "chat"),
        (
            "/v1/responses",
            r#"{"input":"Hello","stream":true}"#,
            "chat",
        ),
        ("/v1/embeddings", r#"{"input":"Hello"}"#, "embeddings"),
        (
            "/v1/completions",
            r#"{"prompt":"Hello"}"#,
            "text_completion",
        ),
        (
            "/v1/completions",
            r#"{"prompt":"Hello","stream":true}"#,
            "text_completion",
        ),
    ] {
        let before = gateway.mock.requests().len();
        let answered = send(gateway.address, post(path, body)).await;
        assert_eq!(answered.status(), 200, "{path} {body}: {}", answered.text());
        let log = gateway.log(before + 1).await;
        let gen_ai = &log[before]["gen_ai"];
        assert_eq!(gen_ai["operation"]["name"], operation, "{path} {body}");
        assert!(
            gen_ai["usage"]["input_tokens"].as_u64().unwrap() > 0,
            "{path} {body}: {gen_ai}"
        );
        assert_eq!(gen_ai["response"]["model"], "gpt-4o", "{path} {body}");
        assert!(
            log[before].get("reason").is_none(),
            "{path} {body}: {}",
            log[before]
        );
    }
    gateway.stop().await;
}
