//! Cohere's models, at its own address and on Bedrock.

use serde_json::{Map, Value, json};

use super::{EmbedRequest, Vectors, fixed_length, numbers};
use crate::error::Error;
use crate::json::compact;

/// The purpose has to be said. OpenAI's clients do not know it; this is what texts are mostly
/// embedded for.
const PURPOSE: &str = "search_document";

pub(super) fn native(request: EmbedRequest) -> Map<String, Value> {
    let model = request.model.clone().into();
    let mut body = compact([("model", model)]);
    body.extend(common(request));
    body
}

/// The path names the model; its third generation has vectors of one length.
pub(super) fn on_bedrock(request: EmbedRequest) -> Result<Map<String, Value>, Error> {
    if request.dimensions.is_some() && request.model.contains("-v3") {
        return Err(fixed_length());
    }
    Ok(common(request))
}

fn common(request: EmbedRequest) -> Map<String, Value> {
    let purpose = request.purpose.unwrap_or_else(|| PURPOSE.to_owned());
    compact([
        ("texts", json!(request.inputs)),
        ("input_type", purpose.into()),
        ("embedding_types", json!(["float"])),
        ("output_dimension", request.dimensions.into()),
    ])
}

/// Vectors come by their type, or, from older models, without.
pub(super) fn vectors(body: Map<String, Value>) -> Result<Vectors, Error> {
    let mut body = body;
    let meta = body.get("meta").unwrap_or(&Value::Null);
    let tokens = meta["billed_units"]["input_tokens"].as_u64();
    let vectors = match body.get_mut("embeddings").map(Value::take) {
        Some(Value::Object(mut by_type)) => by_type.remove("float"),
        other => other,
    };
    let Some(Value::Array(vectors)) = vectors else {
        return Err(Error::NoAnswer);
    };
    let vectors = vectors.into_iter().map(numbers).collect::<Result<_, _>>()?;
    Ok(Vectors { vectors, tokens })
}
