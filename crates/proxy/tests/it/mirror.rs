//! Copies of requests for mirrors. The mock keeps a journal of what it was asked: the copies are
//! told apart by the model or the header that their way gives them.

use agw_core::backend::AppProtocol;
use agw_core::filter::{Filter, Mirror, Share};
use http::Method;

use crate::client::{HELLO, HELLO_STREAM, chat, request, send, send_h2};
use crate::gateway::{Gateway, Plan, ai, key, plain, refused};

fn mirror(to: &str, share: Share) -> Filter {
    Filter::Mirror(Mirror { to: key(to), share })
}

/// What the mock was asked, once there are `count` requests of the path.
async fn asked(gateway: &Gateway, count: usize) -> Vec<serde_json::Value> {
    for _ in 0..500 {
        let requests = gateway.mock.requests();
        if requests.len() >= count {
            let seen = requests.iter().map(|r| serde_json::to_value(r).unwrap());
            return seen.collect();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!(
        "the mock was asked only {} times",
        gateway.mock.requests().len()
    );
}

async fn counted(gateway: &Gateway, line: &str) {
    for _ in 0..500 {
        if gateway.proxy().metrics_text().lines().any(|l| l == line) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("no line {line:?} in {}", gateway.proxy().metrics_text());
}

#[tokio::test]
async fn a_model_is_asked_the_same_as_the_one_that_answers() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1), (ai("gpt-4o-mini", mock), 0)],
        rule: Some(Box::new(|rule| {
            rule.backends.truncate(1);
            rule.filters.push(mirror("gpt-4o-mini", Share::ALL));
        })),
        ..Plan::default()
    })
    .await;
    for body in [HELLO, HELLO_STREAM] {
        let answered = send(gateway.address, chat(body)).await;
        assert_eq!(answered.status(), 200);
        assert!(answered.text().contains("gpt-4o"), "{}", answered.text());
        assert!(
            !answered.text().contains("gpt-4o-mini"),
            "{}",
            answered.text()
        );
    }
    let seen = asked(&gateway, 4).await;
    let of = |model: &str| seen.iter().filter(|r| r["model"] == model).count();
    assert_eq!((of("gpt-4o"), of("gpt-4o-mini")), (2, 2), "{seen:?}");
    counted(
        &gateway,
        r#"agentgateway_mirrored_requests_total{backend="ns/gpt-4o-mini",reason="ok"} 2"#,
    )
    .await;
    let lines = gateway.log(2).await;
    assert_eq!(
        lines.len(),
        2,
        "a copy is no request of a client: {lines:?}"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_body_that_is_still_coming_is_copied_as_it_passes() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![
            (plain("mock", mock, AppProtocol::Http1), 1),
            (plain("copy", mock, AppProtocol::H2c), 0),
        ],
        rule: Some(Box::new(|rule| {
            rule.backends.truncate(1);
            rule.filters.push(mirror("copy", Share::ALL));
        })),
        ..Plan::default()
    })
    .await;
    let body = HELLO.replace("{\"messages", "{\"model\":\"m\",\"messages");
    assert_eq!(send(gateway.address, chat(&body)).await.status(), 200);
    assert_eq!(send_h2(gateway.address, chat(&body)).await.status(), 200);
    let get = request(Method::GET, "/v1/models?a=b", "");
    assert_eq!(send(gateway.address, get).await.status(), 200);
    let seen = asked(&gateway, 6).await;
    for path in ["/v1/chat/completions", "/v1/models"] {
        let bodies: Vec<_> = seen.iter().filter(|r| r["path"] == path).collect();
        assert!(bodies.len().is_multiple_of(2), "{seen:?}");
        assert!(
            bodies.iter().all(|r| r["model"] == bodies[0]["model"]),
            "{seen:?}"
        );
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_share_is_kept_by_turn() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1), (ai("gpt-4o-mini", mock), 0)],
        rule: Some(Box::new(|rule| {
            rule.backends.truncate(1);
            rule.filters
                .push(mirror("gpt-4o-mini", Share::new(30, 100).unwrap()));
        })),
        ..Plan::default()
    })
    .await;
    for _ in 0..10 {
        assert_eq!(send(gateway.address, chat(HELLO)).await.status(), 200);
    }
    asked(&gateway, 13).await;
    counted(
        &gateway,
        r#"agentgateway_mirrored_requests_total{backend="ns/gpt-4o-mini",reason="ok"} 3"#,
    )
    .await;
    gateway.stop().await;
}

#[tokio::test]
async fn what_becomes_of_a_copy_is_counted_and_nothing_else() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![
            (plain("mock", mock, AppProtocol::Http1), 1),
            (plain("dead", refused(), AppProtocol::Http1), 0),
        ],
        rule: Some(Box::new(|rule| {
            rule.backends.truncate(1);
            rule.filters.push(mirror("dead", Share::ALL));
        })),
        ..Plan::default()
    })
    .await;
    let answered = send(gateway.address, request(Method::GET, "/v1/models", "")).await;
    assert_eq!(answered.status(), 200);
    counted(
        &gateway,
        r#"agentgateway_mirrored_requests_total{backend="ns/dead",reason="connect_failure"} 1"#,
    )
    .await;
    // Larger than what is kept for a copy: it passes, and is not copied.
    let large = request(Method::PUT, "/_mock/faults/x", vec![b' '; (1 << 20) + 1]);
    send(gateway.address, large).await;
    counted(
        &gateway,
        r#"agentgateway_mirrored_requests_total{backend="ns/dead",reason="body_too_large"} 1"#,
    )
    .await;
    gateway.stop().await;
}
