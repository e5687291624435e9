//! The client's side.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::{EmbedRequest, Encoding, Vectors, Wanted};
use crate::chat::{Dropped, Text};
use crate::error::Error;
use crate::json::{Members, Path};
use crate::usage::{Counted, Usage};

const INPUT: &str = "a text that is not empty, or a list of them";

pub(crate) fn read_request(
    body: Map<String, Value>,
    dropped: &mut Dropped,
) -> Result<EmbedRequest, Error> {
    let root = Path::Root;
    let mut body = Members::new(body, root);
    let inputs = inputs(body.take("input"), root.key("input"))?;
    let encoding = match body.text("encoding_format")?.as_deref() {
        None | Some("float") => Encoding::Float,
        Some("base64") => Encoding::Base64,
        Some(_) => return Err(root.key("encoding_format").wrong("`float` or `base64`")),
    };
    let dimensions = body.count("dimensions")?;
    if dimensions == Some(0) {
        return Err(root.key("dimensions").wrong("a whole number from 1 on"));
    }
    let request = EmbedRequest {
        model: body.text("model")?.unwrap_or_default(),
        inputs,
        dimensions,
        purpose: body.text("input_type")?,
        encoding,
    };
    body.rest(dropped);
    Ok(request)
}

fn inputs(input: Option<Value>, path: Path<'_>) -> Result<Vec<Text>, Error> {
    let text = |value: Value, at: Path<'_>| match value {
        Value::String(text) if !text.is_empty() => Ok(Text(text)),
        Value::Number(_) | Value::Array(_) => Err(at.untranslatable(
            "is made of tokens, which only the models of one provider know; send the text",
        )),
        _ => Err(at.wrong(INPUT)),
    };
    match input {
        Some(Value::Array(items)) if items.is_empty() => Err(path.wrong(INPUT)),
        Some(Value::Array(items)) => items
            .into_iter()
            .enumerate()
            .map(|(at, item)| text(item, path.item(at)))
            .collect(),
        Some(one) => Ok(vec![text(one, path)?]),
        None => Err(path.wrong(INPUT)),
    }
}

/// OpenAI's answer, the tokens, and who counted them. `told` is what the answer's headers say of
/// them.
pub(crate) fn write_response(
    vectors: Vectors,
    wanted: &Wanted,
    told: Option<u64>,
) -> Result<(Map<String, Value>, Usage, Counted), Error> {
    let Vectors { vectors, tokens } = vectors;
    if vectors.len() != wanted.inputs {
        return Err(Error::NoAnswer);
    }
    let (tokens, counted) = match tokens.or(told) {
        Some(tokens) => (tokens, Counted::ByProvider),
        None => (wanted.estimate, Counted::Estimate),
    };
    let data = vectors.into_iter().enumerate().map(|(index, vector)| {
        let embedding = match wanted.encoding {
            Encoding::Float => Value::Array(vector),
            Encoding::Base64 => Value::String(base64(&vector)),
        };
        json!({"object": "embedding", "index": index, "embedding": embedding})
    });
    let mut body = Map::new();
    body.insert("object".to_owned(), "list".into());
    body.insert("data".to_owned(), data.collect());
    body.insert("model".to_owned(), wanted.model.as_str().into());
    body.insert(
        "usage".to_owned(),
        json!({"prompt_tokens": tokens, "total_tokens": tokens}),
    );
    let usage = Usage {
        input: Some(tokens),
        total: Some(tokens),
        ..Usage::default()
    };
    Ok((body, usage, counted))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "vectors are 32-bit floats, whatever they are written as"
)]
fn base64(vector: &[Value]) -> String {
    let numbers = vector.iter().map(|n| n.as_f64().unwrap_or_default() as f32);
    let bytes: Vec<u8> = numbers.flat_map(f32::to_le_bytes).collect();
    BASE64_STANDARD.encode(bytes)
}
