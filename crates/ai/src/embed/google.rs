//! Gemini's `:batchEmbedContents`, and Vertex AI's `:predict`.

use serde_json::{Map, Value, json};

use super::{EmbedRequest, Vectors, numbers};
use crate::error::Error;
use crate::json::compact;

/// A model's name without the collection that it is in.
pub(super) fn bare(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}

pub(super) fn gemini(request: EmbedRequest) -> Map<String, Value> {
    let model = format!("models/{}", bare(&request.model));
    let (dimensions, task) = (request.dimensions, task(&request));
    let requests = request.inputs.into_iter().map(|text| {
        Value::Object(compact([
            ("model", model.as_str().into()),
            ("content", json!({"parts": [{"text": text}]})),
            ("taskType", task.clone().into()),
            ("outputDimensionality", dimensions.into()),
        ]))
    });
    compact([("requests", requests.collect())])
}

pub(super) fn gemini_vectors(body: Map<String, Value>) -> Result<Vectors, Error> {
    let mut body = body;
    let usage = body.get("usageMetadata").unwrap_or(&Value::Null);
    let tokens = usage["promptTokenCount"].as_u64();
    let vectors = items(&mut body, "embeddings")?
        .into_iter()
        .map(|mut embedding| numbers(embedding["values"].take()))
        .collect::<Result<_, _>>()?;
    Ok(Vectors { vectors, tokens })
}

pub(super) fn vertex(request: EmbedRequest) -> Map<String, Value> {
    let (dimensions, task) = (request.dimensions, task(&request));
    let instances = request.inputs.into_iter().map(|text| {
        Value::Object(compact([
            ("content", text.into()),
            ("task_type", task.clone().into()),
        ]))
    });
    let instances = instances.collect();
    let parameters = dimensions.map_or(Value::Null, |n| json!({"outputDimensionality": n}));
    compact([("instances", instances), ("parameters", parameters)])
}

pub(super) fn vertex_vectors(body: Map<String, Value>) -> Result<Vectors, Error> {
    let mut body = body;
    let mut tokens = None;
    let mut vectors = Vec::new();
    for mut prediction in items(&mut body, "predictions")? {
        let embedding = &mut prediction["embeddings"];
        // Older models count in floating point.
        let count = &embedding["statistics"]["token_count"];
        let count = count.as_u64().or(count.as_f64().map(|n| n as u64));
        tokens = match (tokens, count) {
            (None, count) => count,
            (Some(sum), count) => Some(sum + count.unwrap_or(0)),
        };
        vectors.push(numbers(embedding["values"].take())?);
    }
    Ok(Vectors { vectors, tokens })
}

fn items(body: &mut Map<String, Value>, key: &str) -> Result<Vec<Value>, Error> {
    match body.get_mut(key).map(Value::take) {
        Some(Value::Array(items)) if items.iter().all(Value::is_object) => Ok(items),
        _ => Err(Error::NoAnswer),
    }
}

/// What Google calls the purpose; what is no word of Cohere's goes on as it is.
fn task(request: &EmbedRequest) -> Option<String> {
    const TASKS: [(&str, &str); 4] = [
        ("search_document", "RETRIEVAL_DOCUMENT"),
        ("search_query", "RETRIEVAL_QUERY"),
        ("classification", "CLASSIFICATION"),
        ("clustering", "CLUSTERING"),
    ];
    let purpose = request.purpose.as_deref()?;
    let found = TASKS.iter().find(|(theirs, _)| *theirs == purpose);
    Some(found.map_or(purpose, |(_, google)| google).to_owned())
}
