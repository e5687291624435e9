//! Amazon's Titan models on Bedrock.

use serde_json::{Map, Value, json};

use super::{EmbedRequest, Vectors, fixed_length, numbers};
use crate::chat::Dropped;
use crate::error::Error;
use crate::json::{Path, compact};

pub(super) fn titan(
    request: EmbedRequest,
    dropped: &mut Dropped,
) -> Result<Map<String, Value>, Error> {
    let EmbedRequest {
        model,
        mut inputs,
        dimensions,
        purpose,
        ..
    } = request;
    let root = Path::Root;
    let text = match (inputs.pop(), inputs.is_empty()) {
        (Some(text), true) => text,
        _ => {
            let why = "is a list, and this model takes one text a request; send them one by one";
            return Err(root.key("input").untranslatable(why));
        }
    };
    if purpose.is_some() {
        dropped.add(&root.key("input_type"));
    }
    if model.contains("titan-embed-image") {
        let config = dimensions.map_or(Value::Null, |n| json!({"outputEmbeddingLength": n}));
        return Ok(compact([
            ("inputText", text.into()),
            ("embeddingConfig", config),
        ]));
    }
    // The first version knows no member but its text.
    if dimensions.is_some() && !model.contains("titan-embed-text-v2") {
        return Err(fixed_length());
    }
    Ok(compact([
        ("inputText", text.into()),
        ("dimensions", dimensions.into()),
    ]))
}

pub(super) fn titan_vectors(body: Map<String, Value>) -> Result<Vectors, Error> {
    let mut body = body;
    let tokens = body.get("inputTextTokenCount").and_then(Value::as_u64);
    let vector = body.get_mut("embedding").map(Value::take);
    let vector = numbers(vector.unwrap_or_default())?;
    Ok(Vectors {
        vectors: vec![vector],
        tokens,
    })
}
