//! Embeddings, rerank and token counts, put to providers in their own words.

use std::net::SocketAddr;
use std::sync::Arc;

use agw_core::backend::{Api, Backend, Offer, ProviderKind};
use agw_mock_provider::FaultRule;
use http::Method;
use serde_json::{Value, json};

use crate::client::{Answered, request, send};
use crate::gateway::{Gateway, Plan, Weighted, ai_with, refused};

const PROJECT: &str = "/v1/projects/p/locations/us-east5";

/// A backend of that kind; Vertex AI's is in a project.
fn of(kind: ProviderKind, model: &str, at: SocketAddr) -> Arc<Backend> {
    ai_with(model, at, |provider| {
        provider.kind = kind;
        if kind == ProviderKind::VertexAi {
            provider.path_prefix = Some(PROJECT.into());
        }
    })
}

fn custom(model: &str, at: SocketAddr, api: Api, path: Option<&str>) -> Arc<Backend> {
    ai_with(model, at, |provider| {
        provider.kind = ProviderKind::Custom;
        provider.offers = vec![Offer {
            api,
            path: path.map(Into::into),
        }];
    })
}

async fn gateway(backends: impl Fn(SocketAddr) -> Vec<Weighted>) -> Gateway {
    Gateway::start(|mock| Plan {
        backends: backends(mock),
        ..Plan::default()
    })
    .await
}

async fn post(gateway: &Gateway, path: &str, body: &Value) -> Answered {
    let asked = request(Method::POST, path, body.to_string());
    send(gateway.address, asked).await
}

fn path(gateway: &Gateway) -> String {
    gateway.mock.requests().pop().unwrap().path
}

#[tokio::test]
async fn every_provider_embeds_for_clients_of_openai() {
    use ProviderKind::{Bedrock, Gemini, OpenAi, VertexAi};
    let table = [
        (OpenAi, "text-embedding-3-small", "/v1/embeddings"),
        (
            Gemini,
            "gemini-embedding-001",
            "/v1beta/models/gemini-embedding-001:batchEmbedContents",
        ),
        (
            VertexAi,
            "text-embedding-005",
            "/v1/projects/p/locations/us-east5/publishers/google/models/text-embedding-005:predict",
        ),
        (
            Bedrock,
            "amazon.titan-embed-text-v2:0",
            "/model/amazon.titan-embed-text-v2%3A0/invoke",
        ),
        (
            Bedrock,
            "cohere.embed-v4:0",
            "/model/cohere.embed-v4%3A0/invoke",
        ),
    ];
    let mut vectors = Vec::new();
    for (kind, model, expected) in table {
        let gateway = gateway(|mock| vec![(of(kind, model, mock), 1)]).await;
        let body = json!({"model": "x", "input": ["hello"], "dimensions": 256});
        let floats = post(&gateway, "/v1/embeddings", &body).await;
        assert_eq!(floats.status(), 200, "{model}: {}", floats.text());
        assert_eq!(path(&gateway), expected);
        let floats = floats.json();
        assert_eq!(floats["object"], "list");
        assert_eq!(floats["data"][0]["object"], "embedding");
        assert_eq!(floats["usage"]["prompt_tokens"], 1, "{model}");
        let mut body = body;
        body["encoding_format"] = "base64".into();
        let coded = post(&gateway, "/v1/embeddings", &body).await.json();
        let numbers = floats["data"][0]["embedding"].as_array().unwrap().iter();
        let numbers: Vec<f32> = numbers.map(|n| n.as_f64().unwrap() as f32).collect();
        vectors.push((numbers, coded["data"][0]["embedding"].clone()));
        let log = gateway.stopped(2).await;
        let ai = &log[0]["gen_ai"];
        assert_eq!(ai["operation"]["name"], "embeddings");
        assert_eq!(ai["usage"]["input_tokens"], 1);
        assert_eq!(ai["estimated"], Value::Null);
        assert_eq!(log[0]["attempts"][0]["status"], 200);
    }
    let first = &vectors[0];
    assert_eq!(first.0.len(), 256);
    assert!(vectors.iter().all(|vector| vector == first));
}

#[tokio::test]
async fn cohere_embeds_at_its_own_path_and_others_at_openais() {
    for (at, expected) in [(Some("/v2/embed"), "/v2/embed"), (None, "/v1/embeddings")] {
        let gateway =
            gateway(|mock| vec![(custom("embed-v4.0", mock, Api::Embeddings, at), 1)]).await;
        let body = json!({"input": ["one", "two words"], "dimensions": 512});
        let answer = post(&gateway, "/v1/embeddings", &body).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(path(&gateway), expected);
        let answer = answer.json();
        assert_eq!(answer["data"][1]["index"], 1);
        assert_eq!(
            answer["data"][1]["embedding"].as_array().unwrap().len(),
            512
        );
        assert_eq!(answer["usage"]["total_tokens"], 3);
        gateway.stop().await;
    }
}

#[tokio::test]
async fn who_has_no_embeddings_says_so_or_hands_on() {
    let body = json!({"input": ["one", "two"], "model": "m"});
    let claude = ProviderKind::Anthropic;
    let alone = gateway(|mock| vec![(of(claude, "claude-sonnet-4-5", mock), 1)]).await;
    let answer = post(&alone, "/v1/embeddings", &body).await;
    assert_eq!(answer.status(), 400);
    let error = &answer.json()["error"];
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("anthropic") && message.contains("embeddings"),
        "{message}"
    );
    assert_eq!(error["type"], "invalid_request_error");
    assert!(alone.mock.requests().is_empty());
    alone.stop().await;
    // Nor does one that takes a single text answer a list.
    for (kind, model) in [
        (claude, "claude-sonnet-4-5"),
        (ProviderKind::Bedrock, "amazon.titan-embed-text-v2:0"),
    ] {
        let gateway = gateway(|mock| {
            vec![
                (of(kind, model, mock), 1),
                (of(ProviderKind::Gemini, "gemini-embedding-001", mock), 0),
            ]
        })
        .await;
        let answer = post(&gateway, "/v1/embeddings", &body).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.json()["model"], "gemini-embedding-001");
        assert_eq!(answer.json()["data"].as_array().unwrap().len(), 2);
        gateway.stop().await;
    }
}

#[tokio::test]
async fn a_failing_embedder_is_failed_over_and_its_errors_are_the_clients_words() {
    let bedrock = ProviderKind::Bedrock;
    let gateway = gateway(|mock| {
        vec![
            (of(bedrock, "cohere.embed-v4:0", refused()), 1),
            (of(ProviderKind::VertexAi, "text-embedding-005", mock), 0),
        ]
    })
    .await;
    let body = json!({"input": "one", "model": "m"});
    let answer = post(&gateway, "/v1/embeddings", &body).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let fault = FaultRule {
        fault: "status=403".parse().unwrap(),
        times: None,
    };
    let asked = "text-embedding-005".into();
    gateway.mock.set_fault(asked, fault).unwrap();
    let answer = post(&gateway, "/v1/embeddings", &body).await;
    assert_eq!(answer.status(), 403);
    assert_eq!(answer.json()["error"]["type"], "permission_error");
    gateway.stop().await;
}

fn documents() -> Value {
    json!({"model": "m", "query": "capital of France", "top_n": 2,
        "documents": ["Bread is baked.", "Paris is the capital of France.", "A capital idea"]})
}

#[tokio::test]
async fn rerank_passes_where_it_is_spoken_and_is_translated_where_it_is_not() {
    type Make = fn(SocketAddr) -> Arc<Backend>;
    let table: [(Make, &str, &str); 5] = [
        (
            |at| of(ProviderKind::OpenAi, "rerank-v3.5", at),
            "/v1/rerank",
            "/v1/rerank",
        ),
        (
            |at| custom("rerank-v3.5", at, Api::Rerank, None),
            "/v2/rerank",
            "/v2/rerank",
        ),
        (
            |at| of(ProviderKind::Bedrock, "cohere.rerank-v3-5:0", at),
            "/v2/rerank",
            "/model/cohere.rerank-v3-5%3A0/invoke",
        ),
        (
            |at| of(ProviderKind::Bedrock, "amazon.rerank-v1:0", at),
            "/v1/rerank",
            "/model/amazon.rerank-v1%3A0/invoke",
        ),
        (
            |at| of(ProviderKind::VertexAi, "semantic-ranker-default@latest", at),
            "/v1/rerank",
            "/v1/projects/p/locations/global/rankingConfigs/default_ranking_config:rank",
        ),
    ];
    for (backend, asked, expected) in table {
        let gateway = gateway(|mock| vec![(backend(mock), 1)]).await;
        let answer = post(&gateway, asked, &documents()).await;
        assert_eq!(answer.status(), 200, "{expected}: {}", answer.text());
        assert_eq!(path(&gateway), expected);
        let answer = answer.json();
        let results = answer["results"].as_array().unwrap();
        let order: Vec<_> = results.iter().map(|result| &result["index"]).collect();
        assert_eq!(order, [1, 2], "{answer}");
        assert_eq!(answer["meta"]["billed_units"]["search_units"], 1);
        let log = gateway.stopped(1).await;
        let ai = &log[0]["gen_ai"];
        assert_eq!(ai["operation"]["name"], "rerank", "{ai}");
        assert_eq!(ai["usage"]["search_units"], 1, "{ai}");
        // Two dollars or one for a thousand.
        let cost = ai["cost_usd"].as_f64().unwrap();
        assert!((0.001..=0.002).contains(&cost), "{ai}");
    }
}

#[tokio::test]
async fn who_does_not_rank_says_so_or_hands_on() {
    let claude = ProviderKind::Anthropic;
    let gateway = gateway(|mock| {
        vec![
            (of(claude, "claude-sonnet-4-5", mock), 1),
            (of(ProviderKind::Bedrock, "amazon.rerank-v1:0", mock), 0),
        ]
    })
    .await;
    let answer = post(&gateway, "/v1/rerank", &documents()).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let mut nothing = documents();
    nothing["documents"] = json!([]);
    let answer = post(&gateway, "/v1/rerank", &nothing).await;
    assert_eq!(answer.status(), 400);
    let told = answer.json();
    assert!(told["message"].as_str().unwrap().contains("documents"));
    assert!(
        told["id"].is_string() && told.get("error").is_none(),
        "{told}"
    );
    gateway.stop().await;
}

fn messages() -> Value {
    json!({"model": "m", "system": "Be brief.",
        "messages": [{"role": "user", "content": "How many tokens is this?"}]})
}

fn contents() -> Value {
    json!({"systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [{"text": "How many tokens is this?"}]}]})
}

#[tokio::test]
async fn tokens_are_counted_by_whoever_can() {
    use ProviderKind::{Anthropic, Bedrock, Gemini, VertexAi};
    let claude = "anthropic.claude-sonnet-4-5-20250929-v1:0";
    let table = [
        (Anthropic, "claude-sonnet-4-5", "/v1/messages/count_tokens"),
        (
            Gemini,
            "gemini-2.5-pro",
            "/v1beta/models/gemini-2.5-pro:countTokens",
        ),
        (
            VertexAi,
            "gemini-2.5-pro",
            "/v1/projects/p/locations/us-east5/publishers/google/models/gemini-2.5-pro:countTokens",
        ),
        (
            VertexAi,
            "claude-sonnet-4-5@20250929",
            "/v1/projects/p/locations/us-east5/publishers/anthropic/models/count-tokens:rawPredict",
        ),
        (
            Bedrock,
            claude,
            "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/count-tokens",
        ),
    ];
    for (kind, model, expected) in table {
        let asked = [
            ("/v1/messages/count_tokens", messages(), "input_tokens"),
            ("/v1beta/models/x:countTokens", contents(), "totalTokens"),
        ];
        for (asked, body, key) in asked {
            let gateway = gateway(|mock| vec![(of(kind, model, mock), 1)]).await;
            let answer = post(&gateway, asked, &body).await;
            assert_eq!(answer.status(), 200, "{model} {asked}: {}", answer.text());
            assert_eq!(path(&gateway), expected, "{asked}");
            assert!(
                answer.json()[key].as_u64().unwrap() > 5,
                "{}",
                answer.text()
            );
            let headers = answer.response.headers();
            assert!(!headers.contains_key("x-agentgateway-estimated"));
            let log = gateway.stopped(1).await;
            assert_eq!(log[0]["gen_ai"]["operation"]["name"], "count_tokens");
            assert_eq!(log[0]["gen_ai"]["estimated"], Value::Null);
        }
    }
}

#[tokio::test]
async fn where_nobody_counts_the_answer_is_an_estimate_and_says_so() {
    use ProviderKind::{Azure, Bedrock, OpenAi};
    let table = [
        (OpenAi, "gpt-4o"),
        (Azure, "gpt-4o"),
        (Bedrock, "amazon.nova-pro-v1:0"),
    ];
    for (kind, model) in table {
        // Nobody is asked: the provider need not even be there.
        let gateway = gateway(|_| vec![(of(kind, model, refused()), 1)]).await;
        let asked = [
            ("/v1/messages/count_tokens", messages(), "input_tokens"),
            ("/v1beta/models/x:countTokens", contents(), "totalTokens"),
        ];
        let mut counts = Vec::new();
        for (asked, body, key) in asked {
            let answer = post(&gateway, asked, &body).await;
            assert_eq!(answer.status(), 200, "{model} {asked}: {}", answer.text());
            let headers = answer.response.headers();
            assert_eq!(headers["x-agentgateway-estimated"], "tokens");
            assert_eq!(headers["content-type"], "application/json");
            counts.push(answer.json()[key].as_u64().unwrap());
        }
        assert!(counts[0] == counts[1] && counts[0] > 10, "{counts:?}");
        let broken = request(Method::POST, "/v1beta/models/x:countTokens", "{");
        assert_eq!(send(gateway.address, broken).await.status(), 400);
        let log = gateway.stopped(3).await;
        for line in &log[..2] {
            assert_eq!(line["gen_ai"]["estimated"], true, "{line}");
            assert_eq!(line["gen_ai"]["request"]["model"], model);
            assert_eq!(line["reason"], Value::Null);
        }
    }
}
