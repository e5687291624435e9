//! Servers that say which APIs they have.

use agw_core::backend::{AiBackend, AiProvider, Api, BackendTarget, Offer, ProviderKind};
use http::Method;
use serde_json::{Value, json};

use crate::client::{HELLO, chat, request, send};
use crate::gateway::{Gateway, Plan, ai_with, endpoint, refused};

fn offer(api: Api, path: Option<&str>) -> Offer {
    Offer {
        api,
        path: path.map(Into::into),
    }
}

async fn offering(offers: Vec<Offer>) -> Gateway {
    Gateway::start(|mock| {
        let model = ai_with("m", mock, |p| {
            p.kind = ProviderKind::Custom;
            p.offers = offers.clone();
        });
        Plan {
            backends: vec![(model, 1)],
            ..Plan::default()
        }
    })
    .await
}

fn messages() -> Value {
    json!({"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]})
}

/// Paths that the server was asked on.
fn paths(gateway: &Gateway) -> Vec<String> {
    let requests = gateway.mock.requests();
    requests.into_iter().map(|record| record.path).collect()
}

#[tokio::test]
async fn what_is_offered_passes_and_the_rest_is_put_into_it() {
    let chat_path = "/openai/v1/chat/completions";
    let gateway = offering(vec![offer(Api::ChatCompletions, Some(chat_path))]).await;
    let plain = send(gateway.address, chat(HELLO)).await;
    assert_eq!(plain.status(), 200, "{}", plain.text());
    let said = plain.json()["choices"][0]["message"]["content"].clone();
    let body = messages().to_string();
    let asked = request(Method::POST, "/v1/messages", body.clone());
    let translated = send(gateway.address, asked).await;
    assert_eq!(translated.json()["content"][0]["text"], said);
    assert_eq!(paths(&gateway), [chat_path; 2]);
    let embeddings = request(Method::POST, "/v1/embeddings", r#"{"input":"x"}"#);
    assert_eq!(send(gateway.address, embeddings).await.status(), 400);
    gateway.stop().await;
    // The other way round: a server that speaks Anthropic's language alone.
    let gateway = offering(vec![offer(Api::Messages, None)]).await;
    let translated = send(gateway.address, chat(HELLO)).await;
    let text = &translated.json()["choices"][0]["message"]["content"];
    assert_eq!(*text, said, "{}", translated.text());
    let asked = request(Method::POST, "/v1/messages", body);
    let plain = send(gateway.address, asked).await;
    assert_eq!(plain.json()["content"][0]["text"], said, "{}", plain.text());
    assert_eq!(paths(&gateway), ["/v1/messages"; 2]);
    let versions = gateway.mock.requests();
    let version =
        |r: &agw_mock_provider::RequestRecord| r.headers.get("anthropic-version").cloned();
    assert!(
        versions
            .iter()
            .all(|r| version(r) == Some("2023-06-01".into()))
    );
    let log = gateway.stopped(2).await;
    assert_eq!(log[0]["gen_ai"]["provider"]["name"], "custom", "{log:?}");
}

/// A backend in the groups that `change` makes of one whose provider is the mock.
async fn grouped(change: impl Fn(&mut AiBackend)) -> Gateway {
    Gateway::start(|mock| {
        let mut model = (*ai_with("m", mock, |p| p.kind = ProviderKind::Custom)).clone();
        if let BackendTarget::Ai(ai) = &mut model.target {
            for provider in ai.groups.iter_mut().flatten() {
                provider.offers = vec![offer(Api::ChatCompletions, None)];
            }
            change(ai);
        }
        Plan {
            backends: vec![(std::sync::Arc::new(model), 1)],
            ..Plan::default()
        }
    })
    .await
}

/// The same provider under another name.
fn named(ai: &AiBackend, name: &str) -> AiProvider {
    AiProvider {
        name: name.into(),
        ..ai.groups[0][0].clone()
    }
}

#[tokio::test]
async fn the_endpoints_of_a_service_take_turns_and_one_that_is_gone_is_passed_over() {
    let gateway = grouped(|ai| {
        let mut gone = named(ai, "vllm/gone");
        gone.endpoint = endpoint(refused());
        ai.groups = vec![vec![named(ai, "vllm/a"), named(ai, "vllm/b"), gone]];
    })
    .await;
    for _ in 0..6 {
        let answered = send(gateway.address, chat(HELLO)).await;
        assert_eq!(answered.status(), 200, "{}", answered.text());
    }
    let mut answered = std::collections::BTreeMap::<String, usize>::new();
    for line in gateway.log(6).await {
        let attempts = line["attempts"].as_array().unwrap();
        let last = attempts.last().unwrap();
        let provider = last["provider"].as_str().unwrap().to_owned();
        *answered.entry(provider).or_default() += 1;
    }
    assert!(!answered.contains_key("vllm/gone"), "{answered:?}");
    assert!(
        answered.len() == 2 && answered.values().all(|n| *n >= 2),
        "{answered:?}"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_service_without_a_ready_endpoint_leaves_the_request_to_the_next_group() {
    let gateway = grouped(|ai| ai.groups.insert(0, vec![])).await;
    let answered = send(gateway.address, chat(HELLO)).await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
    gateway.stop().await;
    let gateway = grouped(|ai| ai.groups = vec![vec![]]).await;
    let answered = send(gateway.address, chat(HELLO)).await;
    assert_eq!(answered.status(), 503, "{}", answered.text());
    assert_eq!(answered.json()["error"]["code"], "no_endpoint");
    gateway.stop().await;
}
