//! `GET /v1/models` and `/v1/models/{id}`.

use serde::Serialize;

use crate::{
    dialect::{Context, Payload},
    error::ApiError,
    ids::hash,
};

#[derive(Debug, Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

#[derive(Debug, Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

// === impl Model ===

impl<'a> Model<'a> {
    fn new(id: &'a str) -> Self {
        // A model's age is made up once and for all, between 2023 and 2024.
        let created = 1_672_531_200 + hash(id.as_bytes()) % 63_072_000;
        Self {
            id,
            object: "model",
            created,
            owned_by: "system",
        }
    }
}

/// All listed models.
pub(super) fn list(context: &Context<'_>) -> Payload {
    let data = context
        .settings
        .models
        .iter()
        .map(|id| Model::new(id))
        .collect();
    Payload::json(&List {
        object: "list",
        data,
    })
}

/// One listed model; its id may come percent-encoded.
pub(super) fn one(id: &str, context: &Context<'_>) -> Result<Payload, ApiError> {
    let listed = context.settings.models.iter().find(|listed| *listed == id);
    listed
        .map(|id| Payload::json(&Model::new(id)))
        .ok_or_else(|| ApiError::UnknownModel(id.to_owned()))
}
