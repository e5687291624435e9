//! Documents in the order of their relevance to a query.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Version, error::violated};
use crate::{
    dialect::{Context, Payload},
    error::ApiError,
    ids::{hash, mix},
    shape::{self, Field, Naming, Record, Shape},
};

const MOST_DOCUMENTS: usize = 1000;
/// Documents that one search unit pays for.
const SEARCH_UNIT: usize = 100;
/// What a document has of which the words of the query are none.
const LOWEST: f64 = 0.01;

static V2: Record = Record(&[
    Field::required("model", Shape::Text),
    Field::required("query", Shape::Text),
    Field::required("documents", Shape::List(&Shape::Text)),
    Field::optional("top_n", Shape::Integer(1..=i64::MAX)),
    Field::optional("max_tokens_per_doc", Shape::Integer(1..=i64::MAX)),
    Field::optional("priority", Shape::Integer(0..=999)),
]);

static V1: Record = Record(&[
    Field::required("model", Shape::Text),
    Field::required("query", Shape::Text),
    Field::required(
        "documents",
        Shape::List(&Shape::TextOr(&Shape::MapOf(&Shape::Text))),
    ),
    Field::optional("top_n", Shape::Integer(1..=i64::MAX)),
    Field::optional("rank_fields", Shape::List(&Shape::Text)),
    Field::optional("return_documents", Shape::Flag),
    Field::optional("max_chunks_per_doc", Shape::Integer(1..=i64::MAX)),
]);

/// A document and how relevant it is.
pub(crate) struct Ranked {
    pub(crate) index: usize,
    text: String,
    pub(crate) score: f64,
}

pub(super) fn answer(
    body: &Map<String, Value>,
    version: Version,
    context: &Context<'_>,
) -> Result<Payload, ApiError> {
    let (record, number) = match version {
        Version::V1 => (&V1, "1"),
        Version::V2 => (&V2, "2"),
    };
    shape::check(body, record, Naming::Exact).map_err(|violation| violated(&violation))?;
    let text = |name| body.get(name).and_then(Value::as_str).unwrap_or_default();
    context.listed(text("model"))?;
    let query = text("query");
    if query.trim().is_empty() {
        return Err(ApiError::refused(
            "invalid request: query must not be empty",
        ));
    }
    let documents = documents(body)?;
    let units = documents.len().div_ceil(SEARCH_UNIT);
    let ranked = rank(query, documents);
    let most = body.get("top_n").and_then(Value::as_u64);
    let most = most.map_or(usize::MAX, |most| {
        usize::try_from(most).unwrap_or(usize::MAX)
    });
    let told = body.get("return_documents") == Some(&Value::Bool(true));
    let results: Vec<Value> = ranked
        .into_iter()
        .take(most)
        .map(|ranked| {
            let mut result = json!({"index": ranked.index, "relevance_score": ranked.score});
            if told {
                result["document"] = json!({"text": ranked.text});
            }
            result
        })
        .collect();
    Ok(Payload::json(&json!({
        "id": context.ids.uuid(),
        "results": results,
        "meta": {
            "api_version": {"version": number},
            "billed_units": {"search_units": units},
        },
    })))
}

/// The texts of the documents; of one that is an object, of the fields to rank by.
fn documents(body: &Map<String, Value>) -> Result<Vec<String>, ApiError> {
    let list = |name| {
        body.get(name)
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice)
    };
    let documents = list("documents");
    if documents.is_empty() || documents.len() > MOST_DOCUMENTS {
        return Err(ApiError::refused(format!(
            "invalid request: list of documents must not be empty, nor longer than {MOST_DOCUMENTS}"
        )));
    }
    let mut fields: Vec<&str> = list("rank_fields")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    if fields.is_empty() {
        fields.push("text");
    }
    let text = |document: &Value| match document {
        Value::String(text) => text.clone(),
        document => {
            let texts = fields
                .iter()
                .filter_map(|field| document.get(*field)?.as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
    };
    Ok(documents.iter().map(text).collect())
}

/// The most relevant first; equal ones as they came.
pub(crate) fn rank(query: &str, documents: Vec<String>) -> Vec<Ranked> {
    let query = words(query);
    let mut ranked: Vec<Ranked> = documents
        .into_iter()
        .enumerate()
        .map(|(index, text)| Ranked {
            index,
            score: score(&query, &text),
            text,
        })
        .collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
    ranked
}

/// The share of the query's words that a document has, and a little that only its text decides.
fn score(query: &BTreeSet<String>, document: &str) -> f64 {
    let found = words(document).intersection(query).count();
    let share = found as f64 / query.len().max(1) as f64;
    let own = (mix(hash(document.as_bytes())) >> 44) as f64 / f64::from(1 << 20);
    let score = LOWEST + 0.9 * share + 0.05 * own;
    (score * 1e8).round() / 1e8
}

fn words(text: &str) -> BTreeSet<String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}
