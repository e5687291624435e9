use std::time::Duration;

use agw_mock_provider::FaultRule;
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::client::{HELLO_STREAM, chat, send, send_h2};
use crate::gateway::{Gateway, Plan, ai};

async fn one() -> Gateway {
    Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1)],
        ..Plan::default()
    })
    .await
}

fn fail(gateway: &Gateway, fault: &str) {
    let rule = FaultRule {
        fault: fault.parse().unwrap(),
        times: None,
    };
    gateway.mock.set_fault("gpt-4o".into(), rule).unwrap();
}

#[tokio::test]
async fn usage_is_taken_from_a_stream_and_its_extra_chunk_kept_from_the_client() {
    let gateway = one().await;
    for over_h2 in [false, true] {
        let request = chat(HELLO_STREAM);
        let answered = if over_h2 {
            send_h2(gateway.address, request).await
        } else {
            send(gateway.address, request).await
        };
        let text = answered.text();
        assert!(
            answered.whole && text.ends_with("data: [DONE]\n\n"),
            "{text}"
        );
        assert!(!text.contains("prompt_tokens"), "{text}");
    }
    for line in gateway.log(2).await {
        let usage = &line["gen_ai"]["usage"];
        assert!(usage["total_tokens"].as_u64().unwrap() > 0, "{line}");
        assert_eq!(line["gen_ai"]["request"]["stream"], true);
        assert!(line["time_to_first_token_ms"].as_f64().unwrap() > 0.0);
        assert!(line["gen_ai"]["cost_usd"].as_f64().unwrap() > 0.0);
    }
    let asked = serde_json::to_value(&gateway.mock.requests()[0]).unwrap();
    assert!(
        asked["body"]
            .as_str()
            .unwrap()
            .contains(r#""include_usage":true"#),
        "{asked}"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_client_that_asks_for_usage_gets_it() {
    let gateway = one().await;
    let body = HELLO_STREAM.replace("true}", r#"true,"stream_options":{"include_usage":true}}"#);
    let answered = send(gateway.address, chat(&body)).await;
    assert!(
        answered.text().contains("prompt_tokens"),
        "{}",
        answered.text()
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_stream_cut_after_its_start_ends_in_an_error_event_and_never_in_done() {
    let gateway = one().await;
    fail(&gateway, "cut-after=4");
    let answered = send(gateway.address, chat(HELLO_STREAM)).await;
    let text = answered.text();
    assert_eq!(answered.status(), 200);
    assert!(text.contains(r#"data: {"error":"#), "{text}");
    assert!(!text.contains("[DONE]"), "{text}");
    let log = gateway.log(1).await;
    assert_eq!(log[0]["reason"], "stream_cut", "{log:?}");
    assert_eq!(log[0]["http"]["status"], 200);
    assert!(log[0]["error"].is_string());
    gateway.stop().await;
}

#[tokio::test]
async fn a_client_that_leaves_stops_the_provider() {
    let gateway = one().await;
    fail(&gateway, "chunk-delay=50ms");
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let mut response = sender.send_request(chat(HELLO_STREAM)).await.unwrap();
    assert!(response.frame().await.unwrap().is_ok());
    driver.abort();
    drop((response, sender));
    let log = gateway.log(1).await;
    assert_eq!(log[0]["reason"], "client_disconnect", "{log:?}");
    for _ in 0..200 {
        let seen = serde_json::to_value(&gateway.mock.requests()[0]).unwrap();
        if seen["outcome"] == "disconnected" {
            return gateway.stop().await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the provider was not told: {:?}", gateway.mock.requests());
}
