use agw_core::backend::AppProtocol;
use agw_core::filter::{Filter, HeaderEdits};
use agw_core::header::{FieldName, FieldValue};
use http::Method;

use crate::client::{HELLO, chat, request, send, send_h2};
use crate::gateway::{Gateway, Plan, plain, refused};

#[tokio::test]
async fn forwards_over_http_1_and_h2c_in_every_pairing() {
    for protocol in [AppProtocol::Http1, AppProtocol::H2c] {
        let gateway = Gateway::start(|mock| Plan {
            backends: vec![(plain("mock", mock, protocol), 1)],
            rule: Some(Box::new(|rule| {
                rule.filters.push(Filter::RequestHeaders(HeaderEdits {
                    set: vec![(
                        FieldName::parse("X-Set").unwrap(),
                        FieldValue::parse("1").unwrap(),
                    )],
                    ..HeaderEdits::default()
                }));
            })),
            ..Plan::default()
        })
        .await;
        let body = HELLO.replace("{\"messages", "{\"model\":\"m\",\"messages");
        for _ in 0..2 {
            assert_eq!(
                send(gateway.address, chat(&body)).await.json()["model"],
                "m"
            );
            assert_eq!(
                send_h2(gateway.address, chat(&body)).await.json()["model"],
                "m"
            );
        }
        let asked = serde_json::to_value(&gateway.mock.requests()[0]).unwrap();
        assert_eq!(asked["headers"]["x-set"], "1", "{asked}");
        assert_eq!(asked["headers"]["x-forwarded-for"], "127.0.0.1", "{asked}");
        let lines = gateway.log(4).await;
        assert!(
            lines.iter().all(|l| l.get("gen_ai").is_none()),
            "not an AI route: {lines:?}"
        );
        assert!(lines.iter().all(|l| l.get("reason").is_none()), "{lines:?}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn head_requests_and_empty_answers_end_well_in_the_log() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(plain("mock", mock, AppProtocol::Http1), 1)],
        ..Plan::default()
    })
    .await;
    send(gateway.address, request(Method::HEAD, "/v1/models", "")).await;
    send(
        gateway.address,
        request(Method::DELETE, "/_mock/requests", ""),
    )
    .await;
    let lines = gateway.log(2).await;
    assert!(lines.iter().all(|l| l.get("reason").is_none()), "{lines:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_dead_endpoint_is_a_bad_gateway() {
    let gateway = Gateway::start(|_| Plan {
        backends: vec![(plain("dead", refused(), AppProtocol::Http1), 1)],
        ..Plan::default()
    })
    .await;
    let answered = send(gateway.address, request(Method::GET, "/", "")).await;
    assert_eq!(answered.status(), 502);
    assert_eq!(gateway.log(1).await[0]["reason"], "connect_failure");
    gateway.stop().await;
}
