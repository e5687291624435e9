//! Requests that belong together go to the same place.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agw_core::backend::{AiBackend, AiProvider, Backend, BackendTarget, Ejection};
use agw_core::expr::Expression;
use agw_core::header::FieldName;
use agw_core::session::{Carrier, Lifetime, Persistence};
use agw_core::sticky::Sticky;
use agw_mock_provider::FaultRule;
use http::Method;
use serde_json::json;

use crate::client::{Answered, chat, request, send};
use crate::gateway::{Gateway, Plan, ai, endpoints, key, refused};

const TALK: &str = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"Hi"}]}"#;

const MODELS: [&str; 4] = ["gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini"];

/// One group with a provider for each model.
fn group(at: SocketAddr, change: impl Fn(&mut AiProvider)) -> Arc<Backend> {
    let providers = MODELS.iter().map(|model| {
        let backend = ai(model, at);
        let BackendTarget::Ai(one) = &backend.target else {
            unreachable!("it is an AI backend")
        };
        let mut provider = one.groups[0][0].clone();
        provider.name = (*model).into();
        change(&mut provider);
        provider
    });
    let target = BackendTarget::Ai(AiBackend {
        groups: vec![providers.collect()],
        routes: vec![],
    });
    Arc::new(Backend {
        key: key("group"),
        target,
    })
}

/// Providers that are out after one failure, for so long.
async fn group_by(sticky: Sticky, out: Duration) -> Gateway {
    Gateway::start(|mock| {
        let backend = group(mock, |provider| {
            provider.policy.sticky = Some(sticky.clone());
            provider.policy.ejection = Some(Ejection {
                unhealthy_threshold: 1,
                base: out,
                ..Ejection::default()
            });
        });
        Plan {
            backends: vec![(backend, 1)],
            ..Plan::default()
        }
    })
    .await
}

fn by_header() -> Sticky {
    Sticky::Header(FieldName::parse("X-Session-Id").unwrap())
}

fn kept() -> Arc<Persistence> {
    Arc::new(Persistence {
        carrier: Carrier::Cookie {
            name: "sid".into(),
            lifetime: Lifetime::Session,
        },
        absolute: None,
        idle: None,
    })
}

async fn with(gateway: &Gateway, name: &'static str, value: &str) -> Answered {
    let mut asked = chat(TALK);
    asked.headers_mut().insert(name, value.parse().unwrap());
    let answered = send(gateway.address, asked).await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
    answered
}

async fn of_user(gateway: &Gateway, user: usize) -> String {
    let answered = with(gateway, "x-session-id", &format!("user-{user}")).await;
    answered.json()["model"].as_str().unwrap().to_owned()
}

fn fails(gateway: &Gateway, model: &str) {
    let fault = FaultRule {
        fault: "status=500".parse().unwrap(),
        times: None,
    };
    gateway.mock.set_fault(model.into(), fault).unwrap();
}

#[tokio::test]
async fn a_header_keeps_its_provider_and_moves_only_while_that_is_out() {
    let gateway = group_by(by_header(), Duration::from_secs(3_600)).await;
    let mut before = Vec::new();
    for user in 0..24 {
        before.push(of_user(&gateway, user).await);
    }
    let used: BTreeSet<_> = before.iter().collect();
    assert_eq!(used.len(), MODELS.len(), "{before:?}");
    for (user, own) in before.iter().enumerate() {
        assert_eq!(of_user(&gateway, user).await, *own);
    }
    let gone = before[0].clone();
    fails(&gateway, &gone);
    let mut stands_in = Vec::new();
    for (user, own) in before.iter().enumerate() {
        let now = of_user(&gateway, user).await;
        assert!(
            now != gone && (now == *own || *own == gone),
            "user {user}: {now}"
        );
        stands_in.push(now);
    }
    for (user, own) in stands_in.iter().enumerate() {
        assert_eq!(of_user(&gateway, user).await, *own);
    }
    let log = gateway.stopped(24 * 4).await;
    let tries = log.iter().map(|line| line["attempts"].as_array().unwrap());
    // It is asked once, and then known to be out.
    assert_eq!(tries.map(Vec::len).sum::<usize>(), 24 * 4 + 1);
}

#[tokio::test]
async fn requests_come_back_to_a_provider_that_is_back() {
    let gateway = group_by(by_header(), Duration::from_millis(1)).await;
    let own = of_user(&gateway, 1).await;
    fails(&gateway, &own);
    let other = of_user(&gateway, 1).await;
    assert_ne!(other, own);
    let path = format!("/_mock/faults/{own}");
    let cleared = send(gateway.mock_address, request(Method::DELETE, &path, "")).await;
    assert!(cleared.response.status().is_success(), "{}", cleared.text());
    let mut now = of_user(&gateway, 1).await;
    for _ in 0..500 {
        if now == own {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        now = of_user(&gateway, 1).await;
    }
    assert_eq!(now, own);
    gateway.stop().await;
}

#[tokio::test]
async fn what_shows_nothing_is_shared_as_usual() {
    let gateway = group_by(by_header(), Duration::from_secs(3_600)).await;
    let mut used = BTreeSet::new();
    for _ in 0..8 {
        let answered = send(gateway.address, chat(TALK)).await;
        assert!(!answered.response.headers().contains_key("set-cookie"));
        used.insert(answered.json()["model"].to_string());
    }
    assert!(used.len() > 1, "{used:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn an_expression_keeps_a_conversation_together() {
    let first = Expression::compile("llmRequest.messages[0].content").unwrap();
    let gateway = group_by(Sticky::Expression(first), Duration::from_secs(3_600)).await;
    let mut used = BTreeSet::new();
    for talk in 0..12 {
        let mut of_talk = BTreeSet::new();
        for turn in 0..3 {
            let mut messages = vec![json!({"role": "user", "content": format!("talk\n{talk}")})];
            messages.extend((0..turn).map(|n| json!({"role": "user", "content": n.to_string()})));
            let body = json!({"model": "any", "messages": messages}).to_string();
            let answered = send(gateway.address, chat(&body)).await;
            of_talk.insert(answered.json()["model"].to_string());
        }
        assert_eq!(of_talk.len(), 1, "{of_talk:?}");
        used.extend(of_talk);
    }
    assert!(used.len() > 1, "{used:?}");
    gateway.stop().await;
}

/// The cookie of an answer as a client sends it back.
fn given(answered: &Answered) -> String {
    let cookie = answered.response.headers()["set-cookie"].to_str().unwrap();
    let (pair, attributes) = cookie.split_once(';').unwrap();
    assert!(attributes.contains("HttpOnly"), "{cookie}");
    assert!(
        !cookie.contains("gpt") && !cookie.contains("127.0"),
        "{cookie}"
    );
    pair.to_owned()
}

#[tokio::test]
async fn a_cookie_is_given_once_and_honoured() {
    let gateway = group_by(Sticky::Session(kept()), Duration::from_secs(3_600)).await;
    let mut used = BTreeSet::new();
    for _ in 0..24 {
        let first = send(gateway.address, chat(TALK)).await;
        let cookie = given(&first);
        let own = first.json()["model"].clone();
        let again = with(&gateway, "cookie", &format!("a=b; {cookie}")).await;
        assert_eq!(again.json()["model"], own);
        assert!(!again.response.headers().contains_key("set-cookie"));
        used.insert(own.to_string());
    }
    assert!(used.len() > 1, "{used:?}");
    let made_up = with(&gateway, "cookie", "sid=gpt-4o").await;
    assert!(given(&made_up).starts_with("sid="));
    gateway.stop().await;
}

#[tokio::test]
async fn a_rules_session_stays_with_its_backend() {
    let gateway = Gateway::start(|mock| Plan {
        rule: Some(Box::new(|rule| rule.session = Some(kept()))),
        backends: vec![(ai("gpt-4o", mock), 1), (ai("gpt-4.1", mock), 1)],
        ..Plan::default()
    })
    .await;
    let mut used = BTreeSet::new();
    for _ in 0..16 {
        let first = send(gateway.address, chat(TALK)).await;
        let (cookie, own) = (given(&first), first.json()["model"].clone());
        for _ in 0..3 {
            let again = with(&gateway, "cookie", &cookie).await;
            assert_eq!(again.json()["model"], own);
        }
        used.insert(own.to_string());
    }
    assert_eq!(used.len(), 2);
    gateway.stop().await;
}

#[tokio::test]
async fn a_rules_session_stays_with_its_endpoint() {
    let by_header = Arc::new(Persistence {
        carrier: Carrier::Header(FieldName::parse("X-Pinned").unwrap()),
        absolute: None,
        idle: None,
    });
    let gateway = Gateway::start(|mock| Plan {
        rule: Some(Box::new(move |rule| rule.session = Some(by_header.clone()))),
        backends: vec![(endpoints("service", &[mock, refused()]), 1)],
        ..Plan::default()
    })
    .await;
    let mut statuses = BTreeSet::new();
    for _ in 0..24 {
        let first = send(gateway.address, chat(TALK)).await;
        let Some(own) = first.response.headers().get("x-pinned") else {
            // What cannot be reached tells of no session.
            assert_eq!(first.status(), 502);
            statuses.insert(502);
            continue;
        };
        let own = own.to_str().unwrap().to_owned();
        for _ in 0..3 {
            with(&gateway, "x-pinned", &own).await;
        }
        statuses.insert(200);
    }
    assert_eq!(statuses.len(), 2, "{statuses:?}");
    gateway.stop().await;
}
