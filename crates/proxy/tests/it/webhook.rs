//! Webhooks that are asked about what is said, as a real server hears them.

use std::sync::Arc;

use agw_core::backend::AppProtocol;
use agw_core::expr::Expression;
use agw_core::guard::{Check, FailureMode, Guard, PromptGuard, Refusal, Scopes, Webhook};
use agw_core::header::FieldName;
use agw_core::matcher::{HeaderMatch, Pattern, ValueMatch};
use agw_core::policy::TrafficPolicy;
use agw_core::shaping::Shaping;
use serde_json::{Value, json};

use crate::client::{chat, send};
use crate::gateway::{Gateway, Plan, ai, endpoint};
use crate::token_endpoint::{Say, TokenEndpoint};

const BODY: &str = r#"{"messages":[{"role":"system","content":"Be kind."},{"role":"user","content":[{"type":"text","text":"my secret"}]}]}"#;

fn says(action: Value) -> Say {
    Say::This(200, json!({ "action": action }).to_string())
}

fn webhook(at: &TokenEndpoint) -> Webhook {
    Webhook {
        label: "ns/hook".into(),
        authority: "hook.ns.svc.cluster.local:80".into(),
        endpoints: vec![endpoint(at.address)],
        protocol: AppProtocol::Http1,
        headers: vec![],
        path: None,
        forwarded: vec![],
        failure_mode: FailureMode::FailClosed,
    }
}

fn guards(webhook: Webhook) -> Vec<Guard> {
    vec![Guard {
        check: Check::Webhook(Box::new(webhook)),
        scopes: Scopes::SPOKEN,
        refusal: Refusal::default(),
    }]
}

async fn gateway(guard: PromptGuard) -> Gateway {
    Gateway::start(|mock| Plan {
        backends: vec![(ai("gpt-4o", mock), 1)],
        policy: TrafficPolicy {
            shaping: Shaping {
                guard: Some(Arc::new(guard)),
                ..Shaping::default()
            },
            ..TrafficPolicy::default()
        },
        ..Plan::default()
    })
    .await
}

async fn asking(webhook: Webhook) -> Gateway {
    gateway(PromptGuard {
        request: guards(webhook),
        ..PromptGuard::default()
    })
    .await
}

#[tokio::test]
async fn a_request_goes_on_as_the_webhook_says() {
    let masked = json!({"body": {"messages": [
        {"role": "system", "content": "Be kind."}, {"role": "user", "content": "my ***"},
    ]}});
    let hook = TokenEndpoint::start([
        says(json!({"reason": "fine"})),
        says(masked),
        says(json!({"body": "not that", "status_code": 422})),
    ])
    .await;
    let gateway = asking(webhook(&hook)).await;
    assert_eq!(send(gateway.address, chat(BODY)).await.status(), 200);
    assert!(gateway.mock.requests()[0].body.contains("my secret"));
    assert_eq!(send(gateway.address, chat(BODY)).await.status(), 200);
    let sent = gateway.mock.requests()[1].body.clone();
    assert!(
        sent.contains(r#"[{"type":"text","text":"my ***"}]"#),
        "{sent}"
    );
    let refused = send(gateway.address, chat(BODY)).await;
    assert_eq!(refused.status(), 422);
    assert_eq!(refused.json()["error"]["message"], "not that");
    assert_eq!(gateway.mock.requests().len(), 2);
    let asked = hook.asked();
    assert!(
        asked[0].line.starts_with("POST /request "),
        "{}",
        asked[0].line
    );
    let question: Value = serde_json::from_str(&asked[0].body).unwrap();
    let want = json!({"body": {"messages": [
        {"role": "system", "content": "Be kind."}, {"role": "user", "content": "my secret"},
    ]}});
    assert_eq!(question, want);
    let checks = "agentgateway_guardrail_checks_total";
    for action in ["Allow", "Mask", "Reject"] {
        let series = format!(r#"{checks}{{phase="Request",action="{action}"}}"#);
        assert_eq!(gateway.metric(&series, 1.0).await, 1.0, "{action}");
    }
    let lines = gateway.stopped(3).await;
    assert_eq!(lines[2]["reason"], "guardrail");
    assert!(!format!("{lines:?}").contains("secret"));
}

#[tokio::test]
async fn a_webhook_that_does_not_answer_closes_unless_it_is_to_open() {
    for say in [
        Say::This(500, "{}".to_owned()),
        Say::This(200, "no json".to_owned()),
        says(json!({"body": {"messages": []}})),
    ] {
        let hook = TokenEndpoint::start([say.clone()]).await;
        let gateway = asking(webhook(&hook)).await;
        let answered = send(gateway.address, chat(BODY)).await;
        assert_eq!(answered.status(), 503, "{}", answered.text());
        assert_eq!(
            answered.json()["error"]["message"],
            "a guard of this route could not be asked"
        );
        assert!(gateway.mock.requests().is_empty());
        let line = &gateway.stopped(1).await[0];
        assert_eq!(line["reason"], "guardrail", "{line}");

        let hook = TokenEndpoint::start([say]).await;
        let gateway = asking(Webhook {
            failure_mode: FailureMode::FailOpen,
            ..webhook(&hook)
        })
        .await;
        assert_eq!(send(gateway.address, chat(BODY)).await.status(), 200);
        let open = r#"agentgateway_guardrail_checks_total{phase="Request",action="FailOpen"}"#;
        assert_eq!(gateway.metric(open, 1.0).await, 1.0);
        let line = &gateway.stopped(1).await[0];
        assert_eq!(line["failed_open"], json!(["prompt_guard"]), "{line}");
    }
    let hook = TokenEndpoint::start([says(json!({}))]).await;
    let gateway = asking(Webhook {
        endpoints: vec![],
        ..webhook(&hook)
    })
    .await;
    assert_eq!(send(gateway.address, chat(BODY)).await.status(), 503);
    gateway.stop().await;
}

#[tokio::test]
async fn a_webhook_gets_what_it_is_to_know() {
    let hook = TokenEndpoint::start([says(json!({}))]).await;
    let name = |name: &str| FieldName::parse(name).unwrap();
    let computed = |source: &str| Expression::compile(source).unwrap();
    let forward = |n: &str, value: &str| HeaderMatch {
        name: name(n),
        value: ValueMatch::Regex(Pattern::compile(value).unwrap()),
    };
    let gateway = asking(Webhook {
        headers: vec![
            (name("x-model"), computed("llmRequest.model")),
            (name("x-host"), computed("request.host")),
            (name("x-none"), computed("jwt.sub")),
        ],
        path: Some(computed("'/v2/check'")),
        forwarded: vec![forward("x-tenant", "a.*"), forward("x-other", "b.*")],
        ..webhook(&hook)
    })
    .await;
    let body = BODY.replacen('{', r#"{"model":"mine","#, 1);
    let mut request = chat(&body);
    for (name, value) in [
        ("x-tenant", "acme"),
        ("x-other", "acme"),
        ("x-none", "mallory"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    assert_eq!(send(gateway.address, request).await.status(), 200);
    let asked = &hook.asked()[0];
    assert!(asked.line.starts_with("POST /v2/check "), "{}", asked.line);
    let has = |header: &str| asked.headers.iter().any(|known| known == header);
    assert!(
        has("x-model: mine") && has("x-host: a.example"),
        "{:?}",
        asked.headers
    );
    assert!(has("x-tenant: acme"), "{:?}", asked.headers);
    assert!(
        has("host: hook.ns.svc.cluster.local:80"),
        "{:?}",
        asked.headers
    );
    let named = |name: &str| asked.headers.iter().any(|known| known.starts_with(name));
    assert!(!named("x-other") && !named("x-none") && !named("authorization"));
    gateway.stop().await;
}

#[tokio::test]
async fn an_answer_goes_on_as_the_webhook_says_streamed_or_not() {
    let masked =
        json!({"body": {"choices": [{"message": {"role": "assistant", "content": "***"}}]}});
    let rejected = json!({"body": "not that", "status_code": 451});
    for stream in [false, true] {
        let hook = TokenEndpoint::start([
            says(json!({})),
            says(masked.clone()),
            says(rejected.clone()),
            Say::This(502, String::new()),
        ])
        .await;
        let gateway = gateway(PromptGuard {
            response: guards(webhook(&hook)),
            ..PromptGuard::default()
        })
        .await;
        let body = json!({
            "stream": stream, "messages": [{"role": "user", "content": "Say something long, please"}],
        });
        let ask = || chat(&body.to_string());
        let passed = send(gateway.address, ask()).await.text();
        assert!(
            passed.contains("please") || passed.contains("pl"),
            "{passed}"
        );
        let question: Value = serde_json::from_str(&hook.asked()[0].body).unwrap();
        let choices = question["body"]["choices"].as_array().unwrap();
        assert_eq!(choices.len(), 1, "{question}");
        let said = choices[0]["message"]["content"].as_str().unwrap();
        assert!(said.contains("Say something long, please"), "{question}");
        assert!(hook.asked()[0].line.starts_with("POST /response "));

        let changed = send(gateway.address, ask()).await;
        assert_eq!(changed.status(), 200);
        assert!(
            changed.text().contains(r#""content":"***""#),
            "{}",
            changed.text()
        );
        assert!(!changed.text().contains("something"), "{}", changed.text());
        assert_eq!(changed.text().contains("[DONE]"), stream);

        let refused = send(gateway.address, ask()).await;
        assert_eq!(refused.status(), 451, "{}", refused.text());
        assert_eq!(refused.json()["error"]["message"], "not that");
        assert_eq!(send(gateway.address, ask()).await.status(), 503);
        for line in &gateway.stopped(4).await[..2] {
            assert!(
                line["gen_ai"]["usage"]["total_tokens"].as_u64().unwrap() > 0,
                "{line}"
            );
        }
    }
}
