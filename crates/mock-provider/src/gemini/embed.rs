//! `:embedContent` and `:batchEmbedContents`; Vertex AI's `:predict`.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    request::{check, get, object, objects, text},
    shapes::{BATCH_EMBED, EMBED, PREDICT},
};
use crate::{
    dialect::Payload,
    error::ApiError,
    tokens::{Encoding, base_name},
    vector::unit_vector,
};

const MOST_REQUESTS: usize = 100;

/// A vector; its numbers are written as short as 32 bits allow.
#[derive(Debug, Serialize)]
struct Embedding {
    values: Vec<f32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EmbeddingUsage {
    prompt_token_count: usize,
    total_token_count: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct One {
    embedding: Embedding,
    usage_metadata: EmbeddingUsage,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    embeddings: Vec<Embedding>,
    usage_metadata: EmbeddingUsage,
}

pub(super) fn one(body: &Map<String, Value>, model: &str) -> Result<Payload, ApiError> {
    check(body, &EMBED)?;
    let (embedding, tokens) = embedding(body, model)?;
    Ok(Payload::json(&One {
        embedding,
        usage_metadata: EmbeddingUsage::of(tokens),
    }))
}

pub(super) fn batch(body: &Map<String, Value>, model: &str) -> Result<Payload, ApiError> {
    check(body, &BATCH_EMBED)?;
    let requests: Vec<_> = objects(body, "requests").collect();
    if requests.is_empty() || requests.len() > MOST_REQUESTS {
        return Err(ApiError::refused(format!(
            "* BatchEmbedContentsRequest.requests: at least one and at most {MOST_REQUESTS} requests can be in one batch."
        )));
    }
    let expected = format!("models/{model}");
    if requests
        .iter()
        .any(|request| text(request, "model") != Some(&expected))
    {
        return Err(ApiError::refused(
            "* BatchEmbedContentsRequest.model: the model of every request must match that of the batch.",
        ));
    }
    let mut total = 0;
    let mut embeddings = Vec::with_capacity(requests.len());
    for request in requests {
        let (embedding, tokens) = embedding(request, model)?;
        total += tokens;
        embeddings.push(embedding);
    }
    Ok(Payload::json(&Batch {
        embeddings,
        usage_metadata: EmbeddingUsage::of(total),
    }))
}

/// Up to 250 texts, each with its own count.
pub(super) fn predict(body: &Map<String, Value>, model: &str) -> Result<Payload, ApiError> {
    check(body, &PREDICT)?;
    let instances: Vec<_> = objects(body, "instances").collect();
    if instances.is_empty() || instances.len() > 250 {
        return Err(ApiError::refused(
            "1 to 250 instance(s) is allowed per prediction.",
        ));
    }
    let parameters = object(body, "parameters");
    let asked = parameters
        .and_then(|parameters| get(parameters, "outputDimensionality"))
        .and_then(Value::as_u64);
    let native = if model.starts_with("gemini") {
        3072
    } else {
        768
    };
    let dimensions = asked
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(native);
    let mut predictions = Vec::with_capacity(instances.len());
    for instance in instances {
        let tokens = Encoding::of(model).encode(text(instance, "content").unwrap_or_default());
        if tokens.is_empty() {
            return Err(ApiError::refused("The text content is empty."));
        }
        predictions.push(json!({"embeddings": {
            "values": unit_vector(&tokens, dimensions.min(native)),
            "statistics": {"truncated": false, "token_count": tokens.len()},
        }}));
    }
    Ok(Payload::json(&json!({"predictions": predictions})))
}

// === impl EmbeddingUsage ===

impl EmbeddingUsage {
    fn of(tokens: usize) -> Self {
        Self {
            prompt_token_count: tokens,
            total_token_count: tokens,
        }
    }
}

/// The vector that OpenAI's endpoint would give the same text and model, and the text's tokens.
fn embedding(request: &Map<String, Value>, model: &str) -> Result<(Embedding, usize), ApiError> {
    let texts: Vec<&str> = object(request, "content")
        .into_iter()
        .flat_map(|content| objects(content, "parts"))
        .filter_map(|part| text(part, "text"))
        .collect();
    let tokens = Encoding::of(model).encode(&texts.join("\n"));
    if tokens.is_empty() {
        return Err(ApiError::refused(
            "* EmbedContentRequest.content: content is empty.",
        ));
    }
    let native = match base_name(model) {
        "text-embedding-004" | "embedding-001" => 768,
        _ => 3072,
    };
    let asked = get(request, "outputDimensionality").and_then(Value::as_u64);
    let dimensions = asked.and_then(|asked| usize::try_from(asked).ok());
    let values = unit_vector(&tokens, dimensions.unwrap_or(native).min(native));
    Ok((Embedding { values }, tokens.len()))
}
