//! Servers that say which APIs they have.

use agw_core::backend::{Api, Offer, ProviderKind};
use http::Method;
use serde_json::{Value, json};

use crate::client::{HELLO, chat, request, send};
use crate::gateway::{Gateway, Plan, ai_with};

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
