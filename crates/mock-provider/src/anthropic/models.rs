//! `GET /v1/models` and `/v1/models/{id}`.

use serde_json::{Value, json};

use crate::{
    dialect::{Context, Payload},
    error::ApiError,
};

/// All listed models, on one page.
pub(super) fn list(context: &Context<'_>) -> Payload {
    let models = &context.settings.models;
    Payload::json(&json!({
        "data": models.iter().map(|id| model(id)).collect::<Vec<_>>(),
        "has_more": false,
        "first_id": models.first(),
        "last_id": models.last(),
    }))
}

pub(super) fn one(id: &str, context: &Context<'_>) -> Result<Payload, ApiError> {
    let listed = context.settings.models.iter().find(|listed| *listed == id);
    listed
        .map(|id| Payload::json(&model(id)))
        .ok_or_else(|| ApiError::UnknownModel(id.to_owned()))
}

fn model(id: &str) -> Value {
    json!({
        "type": "model",
        "id": id,
        "display_name": id,
        "created_at": "2025-01-01T00:00:00Z",
    })
}
