//! Embeddings, rerank and token counts with providers that have a form of their own of them.
//!
//! `UPDATE_GOLDEN=1 cargo test -p agw-ai --test aside` writes the expectations anew; read the
//! difference.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "kept/cases.rs"]
mod cases;

use agw_ai::dialect::for_model;
use agw_ai::embed::EmbedApi;
use agw_ai::format::Stamp;
use agw_ai::operation::{Operation, detect};
use agw_ai::translate::{Exchange, Plan, plan};
use agw_core::backend::ProviderKind;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A request and what may come back for it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    provider: String,
    path: String,
    model: String,
    request: Value,
    #[serde(default)]
    asked: Value,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    answers: Vec<Answer>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Input tokens by the answer's headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<u64>,
    response: Value,
    #[serde(default)]
    expected: Value,
}

fn exchange(case: &Case) -> Result<Exchange, &'static str> {
    let operation = detect(&case.path).unwrap().operation;
    let kind = match case.provider.as_str() {
        "cohere" => return Ok(Exchange::Embed(EmbedApi::at("/v2/embed").unwrap())),
        "openai" => ProviderKind::OpenAi,
        "anthropic" => ProviderKind::Anthropic,
        "gemini" => ProviderKind::Gemini,
        "vertex" => ProviderKind::VertexAi,
        "bedrock" => ProviderKind::Bedrock,
        other => unreachable!("{other}"),
    };
    match plan(operation, for_model(kind, &case.model), &case.model) {
        Plan::Translate(exchange) => Ok(exchange),
        Plan::PassThrough => Err("passes"),
        Plan::Estimate => Err("estimated"),
        Plan::Unsupported => Err("unsupported"),
    }
}

#[test]
fn exchanges_are_translated_as_kept() {
    cases::run_all(&["aside"], 16, run);
}

fn run(case: &mut Case) {
    let exchange = match exchange(case) {
        Ok(exchange) => exchange,
        Err(why) => {
            case.asked = json!(why);
            return;
        }
    };
    let body = serde_json::to_vec(&case.request).unwrap();
    let stamp = Stamp {
        id: "s1".to_owned(),
        created: 1_700_000_000,
    };
    let made = match exchange.request(&body, &case.path, Some(&case.model), stamp) {
        Ok(made) => made,
        Err(error) => {
            case.asked = json!({"error": error.to_string(), "param": error.param()});
            return;
        }
    };
    let sent: Value = serde_json::from_slice(&made.body).unwrap();
    let dropped: Vec<&str> = made.dropped.paths().collect();
    case.asked = json!({"path": made.path, "body": sent, "dropped": dropped});
    assert!(!made.call.streams());
    assert!(made.call.stream().is_err());
    for answer in &mut case.answers {
        let body = serde_json::to_vec(&answer.response).unwrap();
        if let Some(status) = answer.status {
            let status = StatusCode::from_u16(status).unwrap();
            let told = exchange.error(status, None, &body, "r1");
            let body: Value = serde_json::from_slice(&told.body).unwrap();
            answer.expected = json!({"status": told.status.as_u16(), "body": body});
            continue;
        }
        answer.expected = match made.call.response_with(&body, answer.told) {
            Ok(response) => {
                let body: Value = serde_json::from_slice(&response.body).unwrap();
                let usage = response.usage;
                json!({
                    "body": body,
                    "tokens": usage.input,
                    "search_units": usage.search_units,
                    "counted": format!("{:?}", response.counted),
                })
            }
            Err(error) => json!({"error": error.to_string()}),
        };
    }
}

#[test]
fn what_no_provider_offers_is_said_and_what_none_counts_is_estimated() {
    use Operation::{CountTokens, Embeddings, GeminiCountTokens, Rerank};
    use ProviderKind::{Anthropic, Azure, Bedrock, Gemini, OpenAi, VertexAi};
    let table = [
        (
            Embeddings,
            Anthropic,
            "claude-sonnet-4-5",
            Plan::Unsupported,
        ),
        (Embeddings, VertexAi, "claude-sonnet-4-5", Plan::Unsupported),
        (
            Embeddings,
            Bedrock,
            "amazon.nova-pro-v1:0",
            Plan::Unsupported,
        ),
        (
            Embeddings,
            OpenAi,
            "text-embedding-3-small",
            Plan::PassThrough,
        ),
        (
            Embeddings,
            Azure,
            "text-embedding-3-small",
            Plan::PassThrough,
        ),
        (Rerank, OpenAi, "bge-reranker", Plan::PassThrough),
        (Rerank, Azure, "m", Plan::Unsupported),
        (Rerank, Gemini, "m", Plan::Unsupported),
        (Rerank, Anthropic, "m", Plan::Unsupported),
        (CountTokens, OpenAi, "gpt-4o", Plan::Estimate),
        (CountTokens, Bedrock, "amazon.nova-pro-v1:0", Plan::Estimate),
        (GeminiCountTokens, Azure, "gpt-4o", Plan::Estimate),
        (
            CountTokens,
            Anthropic,
            "claude-sonnet-4-5",
            Plan::PassThrough,
        ),
        (
            GeminiCountTokens,
            Gemini,
            "gemini-2.5-pro",
            Plan::PassThrough,
        ),
    ];
    for (operation, kind, model, expected) in table {
        let made = plan(operation, for_model(kind, model), model);
        assert_eq!(made, expected, "{operation:?} {kind:?} {model}");
    }
    let body = br#"{"model":"m","messages":[{"role":"user","content":"Hello there"}]}"#;
    let told: Value =
        serde_json::from_slice(&agw_ai::count::estimated(CountTokens, body).unwrap()).unwrap();
    assert!(told["input_tokens"].as_u64().unwrap() > 4, "{told}");
    let body = br#"{"contents":[{"parts":[{"text":"Hello there"}]}]}"#;
    let told: Value =
        serde_json::from_slice(&agw_ai::count::estimated(GeminiCountTokens, body).unwrap())
            .unwrap();
    assert!(told["totalTokens"].as_u64().unwrap() > 4, "{told}");
    assert!(agw_ai::count::estimated(CountTokens, b"{").is_err());
}
