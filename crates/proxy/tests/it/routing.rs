use std::sync::Arc;

use agw_core::condition::Cases;
use agw_core::expr::Expression;
use agw_core::filter::{Filter, HeaderEdits, PathRewrite, Redirect, UrlRewrite};
use agw_core::header::{FieldName, FieldValue};
use agw_core::policy::TrafficPolicy;
use agw_core::route::{BackendRef, Destination};
use agw_core::transform::{Edits, Transformation};
use http::{Method, StatusCode};

use crate::client::{HELLO, chat, raw, request, send};
use crate::gateway::{Gateway, Plan, ai, ai_with};

fn pair(name: &str, value: &str) -> (FieldName, FieldValue) {
    (
        FieldName::parse(name).unwrap(),
        FieldValue::parse(value).unwrap(),
    )
}

#[tokio::test]
async fn ten_requests_at_80_20_are_eight_and_two() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o-mini", mock), 80), (ai("gpt-4o", mock), 20)],
        ..Plan::default()
    })
    .await;
    let mut second = 0;
    for _ in 0..10 {
        let model = send(gateway.address, chat(HELLO)).await.json()["model"].clone();
        second += usize::from(model == "gpt-4o");
    }
    assert_eq!(second, 2);
    gateway.stop().await;
}

#[tokio::test]
async fn response_headers_keep_the_manifests_letter_case_on_http_1() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1)],
        rule: Some(Box::new(|rule| {
            let edits = HeaderEdits {
                add: vec![pair("X-AB-Variant", "variant-a")],
                ..HeaderEdits::default()
            };
            rule.filters.push(Filter::ResponseHeaders(edits));
        })),
        ..Plan::default()
    })
    .await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{HELLO}",
        HELLO.len()
    );
    let text = raw(gateway.address, &head).await;
    assert!(text.contains("X-AB-Variant: variant-a\r\n"), "{text}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_doubled_completions_reaches_the_provider_as_chat() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1)],
        rule: Some(Box::new(|rule| {
            rule.filters.push(Filter::UrlRewrite(UrlRewrite {
                hostname: None,
                path: Some(PathRewrite::Prefix("/v1/chat/completions".into())),
            }));
        })),
        ..Plan::default()
    })
    .await;
    let answered = send(
        gateway.address,
        request(Method::POST, "/completions", HELLO),
    )
    .await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
    let asked = serde_json::to_value(&gateway.mock.requests()[0]).unwrap();
    assert_eq!(asked["path"], "/v1/chat/completions");
    assert_eq!(gateway.log(1).await[0]["http"]["path"], "/completions");
    gateway.stop().await;
}

#[tokio::test]
async fn a_backend_without_a_model_passes_the_clients_through_and_wants_one() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(ai_with("any", mock, |p| p.model = None), 1)],
        ..Plan::default()
    })
    .await;
    let own = HELLO.replace("{\"messages", "{\"model\":\"gpt-4.1\",\"messages");
    assert_eq!(
        send(gateway.address, chat(&own)).await.json()["model"],
        "gpt-4.1"
    );
    let none = send(gateway.address, chat(HELLO)).await;
    assert_eq!(none.status(), 400);
    assert!(
        none.json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("model"),
        "{}",
        none.text()
    );
    let twice = own.replace("{\"model", "{\"model\":\"a\",\"model");
    assert_eq!(send(gateway.address, chat(&twice)).await.status(), 400);
    let models = send(gateway.address, request(Method::GET, "/v1/models", "")).await;
    assert_eq!(models.json()["object"], "list", "{}", models.text());
    gateway.stop().await;
}

#[tokio::test]
async fn errors_say_what_they_are() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1)],
        rule: Some(Box::new(|rule| {
            rule.backends = vec![BackendRef {
                weight: 1,
                to: Destination::Invalid(Arc::from("no such backend")),
                filters: vec![],
                model: None,
                when: None,
            }];
        })),
        ..Plan::default()
    })
    .await;
    let answered = send(gateway.address, chat(HELLO)).await;
    assert_eq!(answered.status(), 500);
    assert_eq!(gateway.log(1).await[0]["reason"], "no_backend");
    let other = raw(
        gateway.address,
        "GET / HTTP/1.1\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(other.starts_with("HTTP/1.1 400"), "{other}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_silent_provider_is_a_timeout() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1)],
        rule: Some(Box::new(|rule| {
            rule.request_timeout = Some(std::time::Duration::from_millis(200));
        })),
        ..Plan::default()
    })
    .await;
    let mut silent = chat(HELLO);
    silent
        .headers_mut()
        .insert("x-mock-fault", "silence".parse().unwrap());
    let answered = send(gateway.address, silent).await;
    assert_eq!(answered.status(), 504, "{}", answered.text());
    assert_eq!(gateway.log(1).await[0]["reason"], "timeout");
    gateway.stop().await;
}

#[tokio::test]
async fn a_redirect_filter_answers_itself() {
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1)],
        rule: Some(Box::new(|rule| {
            rule.filters.push(Filter::Redirect(Redirect {
                scheme: None,
                hostname: Some("b.example".into()),
                port: Some(80),
                path: None,
                status: StatusCode::FOUND,
            }));
        })),
        ..Plan::default()
    })
    .await;
    let answered = send(gateway.address, request(Method::GET, "/x?q=1", "")).await;
    assert_eq!(answered.status(), 302);
    assert_eq!(
        answered.response.headers()["location"],
        "http://b.example/x?q=1"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_computed_header_replaces_the_clients_and_is_absent_when_it_has_no_value() {
    let expression =
        r#"if len(json(request.body).messages[0].content) > 10 then "long" else "short""#;
    let policy = |source: &str| TrafficPolicy {
        pre_routing: Some(Arc::new(Cases::always(Arc::new(Transformation {
            request: Edits {
                set: vec![(
                    FieldName::parse("X-Kind").unwrap(),
                    Expression::compile(source).unwrap(),
                )],
                ..Edits::default()
            },
            response: Edits::default(),
        })))),
        ..TrafficPolicy::default()
    };
    let policy = policy(expression);
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1)],
        policy,
        ..Plan::default()
    })
    .await;
    let cases = [
        (HELLO.to_owned(), Some("short")),
        (HELLO.replace("Hello", "Hello hello hello"), Some("long")),
        (
            HELLO.replace(
                "\"Hello\"",
                r#"[{"type":"text","text":"Hello hello"},{"type":"text","text":" hello"}]"#,
            ),
            Some("long"),
        ),
        (r#"{"messages":[]}"#.to_owned(), None),
        ("not json".to_owned(), None),
    ];
    for (index, (body, want)) in cases.into_iter().enumerate() {
        let mut request = chat(&body);
        request
            .headers_mut()
            .insert("x-kind", "forged".parse().unwrap());
        send(gateway.address, request).await;
        gateway.log(index + 1).await;
        if body != "not json" {
            let asked = serde_json::to_value(gateway.mock.requests().last().unwrap()).unwrap();
            assert_eq!(asked["headers"]["x-kind"].as_str(), want, "{body}: {asked}");
        }
    }
    gateway.stop().await;
}

fn edits(request: &[(&str, &str)], body: Option<&str>) -> Edits {
    let compile = |source: &str| Expression::compile(source).unwrap();
    Edits {
        set: request
            .iter()
            .map(|(n, e)| (FieldName::parse(n).unwrap(), compile(e)))
            .collect(),
        body: body.map(compile),
        ..Edits::default()
    }
}

#[tokio::test]
async fn a_backends_transformation_sees_and_changes_what_goes_to_it_alone() {
    let transformation = |provider: &mut agw_core::backend::AiProvider| {
        provider.policy.transformation = Some(Arc::new(Transformation {
            request: edits(
                &[
                    ("x-length", "string(size(request.body))"),
                    ("x-gone", "request.headers['nope']"),
                ],
                Some(r#"toJson({"messages": json(request.body).messages, "max_tokens": 3})"#),
            ),
            response: edits(
                &[
                    ("X-Answered-By", "llm.responseModel"),
                    ("x-code", "response.code"),
                ],
                None,
            ),
        }));
    };
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(ai_with("gpt-4o", mock, transformation), 1)],
        ..Plan::default()
    })
    .await;
    let answered = send(gateway.address, chat(HELLO)).await;
    assert_eq!(
        answered.response.headers()["x-code"],
        "200",
        "{}",
        answered.text()
    );
    let asked = serde_json::to_value(&gateway.mock.requests()[0]).unwrap();
    assert_eq!(
        asked["headers"]["x-length"],
        HELLO.len().to_string().as_str()
    );
    let body: serde_json::Value = serde_json::from_str(asked["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["max_tokens"], 3);
    assert_eq!(
        body["model"], "gpt-4o",
        "the model is forced on the new body too"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_response_body_can_be_rewritten_and_its_usage_is_still_known() {
    let policy = TrafficPolicy {
        post_routing: Some(Arc::new(Cases::always(Arc::new(Transformation {
            request: Edits::default(),
            response: edits(
                &[("x-model", "json(response.body).model")],
                Some("json(response.body).choices[0].message.content"),
            ),
        })))),
        ..TrafficPolicy::default()
    };
    let gateway = Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1)],
        policy,
        ..Plan::default()
    })
    .await;
    let answered = send(gateway.address, chat(HELLO)).await;
    assert!(
        answered.text().starts_with("I am gpt-4o"),
        "{}",
        answered.text()
    );
    assert_eq!(answered.response.headers()["x-model"], "gpt-4o");
    let log = gateway.log(1).await;
    assert!(
        log[0]["gen_ai"]["usage"]["total_tokens"].as_u64().unwrap() > 0,
        "{log:?}"
    );
    gateway.stop().await;
}
