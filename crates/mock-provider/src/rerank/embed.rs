//! Cohere's `/v2/embed`.

use serde_json::{Map, Value, json};

use super::error::violated;
use crate::{
    dialect::{Context, Payload},
    error::ApiError,
    shape::{self, Field, Naming, Record, Shape},
    tokens::Encoding,
    vector::unit_vector,
};

const MOST_TEXTS: usize = 96;

static EMBED: Record = Record(&[
    Field::required("model", Shape::Text),
    Field::required(
        "input_type",
        Shape::Word(&[
            "search_document",
            "search_query",
            "classification",
            "clustering",
            "image",
        ]),
    ),
    Field::required("texts", Shape::List(&Shape::Text)),
    Field::optional("embedding_types", Shape::List(&Shape::Text)),
    Field::optional("output_dimension", Shape::Integer(256..=1536)),
    Field::optional("max_tokens", Shape::Integer(1..=i64::MAX)),
    Field::optional("truncate", Shape::Word(&["NONE", "START", "END"])),
]);

pub(super) fn answer(
    body: &Map<String, Value>,
    context: &Context<'_>,
) -> Result<Payload, ApiError> {
    shape::check(body, &EMBED, Naming::Exact).map_err(|violation| violated(&violation))?;
    context.listed(body["model"].as_str().unwrap_or_default())?;
    let texts = body["texts"].as_array().map_or(&[][..], Vec::as_slice);
    if texts.is_empty() || texts.len() > MOST_TEXTS {
        return Err(ApiError::refused(format!(
            "invalid request: texts must have at least one and at most {MOST_TEXTS} items"
        )));
    }
    let asked = body.get("output_dimension").and_then(Value::as_u64);
    let dimensions = asked.and_then(|n| usize::try_from(n).ok()).unwrap_or(1536);
    let texts = texts.iter().map(|text| text.as_str().unwrap_or_default());
    let tokens: Vec<_> = texts
        .clone()
        .map(|text| Encoding::Cl100k.encode(text))
        .collect();
    let vectors: Vec<_> = tokens
        .iter()
        .map(|tokens| unit_vector(tokens, dimensions))
        .collect();
    let input_tokens: usize = tokens.iter().map(Vec::len).sum();
    Ok(Payload::json(&json!({
        "id": context.ids.uuid(),
        "embeddings": {"float": vectors},
        "texts": texts.collect::<Vec<_>>(),
        "meta": {
            "api_version": {"version": "2"},
            "billed_units": {"input_tokens": input_tokens},
        },
        "response_type": "embeddings_by_type",
    })))
}
