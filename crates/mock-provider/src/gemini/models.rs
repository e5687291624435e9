//! `GET /v1beta/models` and `/v1beta/models/{model}`.

use serde_json::{Value, json};

use crate::{
    dialect::{Context, Payload},
    error::ApiError,
};

/// All listed models, on one page.
pub(super) fn list(context: &Context<'_>) -> Payload {
    let models: Vec<Value> = context.settings.models.iter().map(|id| model(id)).collect();
    Payload::json(&json!({"models": models}))
}

pub(super) fn one(id: &str, context: &Context<'_>) -> Result<Payload, ApiError> {
    let listed = context.settings.models.iter().find(|listed| *listed == id);
    listed
        .map(|id| Payload::json(&model(id)))
        .ok_or_else(|| ApiError::UnknownModel(id.to_owned()))
}

fn model(id: &str) -> Value {
    json!({
        "name": format!("models/{id}"),
        "version": "001",
        "displayName": id,
        "description": "A mock model",
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": [
            "generateContent",
            "streamGenerateContent",
            "countTokens",
            "embedContent",
            "batchEmbedContents",
        ],
    })
}
