//! `rankingConfigs:rank` of Discovery Engine.

use serde_json::{Map, Value, json};

use super::request::{check, get, objects, text};
use crate::{
    dialect::{Context, Payload},
    error::ApiError,
    rerank::rank,
    shape::{Field, Record, Shape},
};

const MOST_RECORDS: usize = 1000;

static RANK: Record = Record(&[
    Field::optional("model", Shape::Text),
    Field::optional("query", Shape::Text),
    Field::required(
        "records",
        Shape::List(&Shape::Object(&Record(&[
            Field::optional("id", Shape::Text),
            Field::optional("title", Shape::Text),
            Field::optional("content", Shape::Text),
        ]))),
    ),
    Field::optional("topN", Shape::Integer(1..=i32::MAX as i64)),
    Field::optional("ignoreRecordDetailsInResponse", Shape::Flag),
    Field::optional("userLabels", Shape::Map),
]);

pub(super) fn answer(
    body: &Map<String, Value>,
    context: &Context<'_>,
) -> Result<Payload, ApiError> {
    check(body, &RANK)?;
    context.listed(text(body, "model").unwrap_or_default())?;
    let records: Vec<_> = objects(body, "records").collect();
    if records.is_empty() || records.len() > MOST_RECORDS {
        return Err(ApiError::refused(format!(
            "Records must be at least one and at most {MOST_RECORDS}."
        )));
    }
    let texts = records.iter().map(|record| {
        let parts = ["title", "content"].map(|name| text(record, name).unwrap_or_default());
        parts.join("\n")
    });
    let top = get(body, "topN").and_then(Value::as_u64);
    let top = top.and_then(|top| usize::try_from(top).ok());
    let brief = get(body, "ignoreRecordDetailsInResponse") == Some(&Value::Bool(true));
    let ranked = rank(text(body, "query").unwrap_or_default(), texts.collect());
    let ranked: Vec<Value> = ranked
        .into_iter()
        .take(top.unwrap_or(usize::MAX))
        .map(|ranked| {
            let record = records[ranked.index];
            let mut told = match brief {
                true => json!({"id": text(record, "id")}),
                false => json!(record),
            };
            told["score"] = ranked.score.into();
            told
        })
        .collect();
    Ok(Payload::json(&json!({"records": ranked})))
}
