//! `rankingConfigs:rank` of Google's Discovery Engine. Records are named by their places.

use serde_json::{Map, Value, json};

use super::{Ranked, RerankRequest};
use crate::error::Error;
use crate::json::compact;

/// From the project's location on. There is no other than the `global` one.
pub(super) const PATH: &str = "/v1/rankingConfigs/default_ranking_config:rank";

pub(super) fn write(request: RerankRequest) -> Map<String, Value> {
    let records = request.documents.into_iter().enumerate();
    let records = records.map(|(index, text)| json!({"id": index.to_string(), "content": text}));
    let records = records.collect();
    compact([
        ("model", request.model.into()),
        ("query", request.query.into()),
        ("records", records),
        ("topN", request.top.into()),
        ("ignoreRecordDetailsInResponse", true.into()),
    ])
}

pub(super) fn ranked(body: Map<String, Value>) -> Result<Vec<Ranked>, Error> {
    let Some(Value::Array(records)) = body.get("records") else {
        return Err(Error::NoAnswer);
    };
    let ranked = records.iter().map(|record| {
        Some(Ranked {
            index: record["id"].as_str()?.parse().ok()?,
            // Scores of nothing are left out, as zeros are in Google's JSON.
            score: record["score"].as_f64().unwrap_or(0.0),
        })
    });
    ranked.collect::<Option<_>>().ok_or(Error::NoAnswer)
}
