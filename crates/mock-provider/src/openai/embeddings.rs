//! `POST /v1/embeddings`.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use serde_json::Value;

use super::{
    asked_model,
    fields::{Fields, one_of, wrong},
};
use crate::{
    dialect::{Context, Payload},
    error::ApiError,
    tokens::{Encoding, base_name},
    vector::unit_vector,
};

const MOST_INPUTS: usize = 2048;
const MOST_TOKENS: usize = 8192;

#[derive(Debug, Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Embedding>,
    model: &'a str,
    usage: EmbeddingUsage,
}

#[derive(Debug, Serialize)]
struct Embedding {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Vector {
    Floats(Vec<f32>),
    /// Little-endian 32-bit floats.
    Base64(String),
}

#[derive(Debug, Serialize)]
struct EmbeddingUsage {
    prompt_tokens: usize,
    total_tokens: usize,
}

#[derive(Clone, Copy, Debug)]
enum VectorFormat {
    Float,
    Base64,
}

pub(super) fn answer(body: Fields<'_>, context: &Context<'_>) -> Result<Payload, ApiError> {
    const FORMATS: [(&str, VectorFormat); 2] = [
        ("float", VectorFormat::Float),
        ("base64", VectorFormat::Base64),
    ];
    let model = asked_model(&body, context)?;
    let inputs = inputs(&body, Encoding::of(model))?;
    let format = body.string("encoding_format")?.unwrap_or("float");
    let format = one_of("encoding_format", format, &FORMATS)?;
    let dimensions = dimensions(&body, model)?;
    let tokens = inputs.iter().map(Vec::len).sum();
    let data = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = unit_vector(input, dimensions);
            let embedding = match format {
                VectorFormat::Float => Vector::Floats(vector),
                VectorFormat::Base64 => {
                    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
                    Vector::Base64(BASE64_STANDARD.encode(bytes))
                }
            };
            Embedding {
                object: "embedding",
                index,
                embedding,
            }
        })
        .collect();
    let usage = EmbeddingUsage {
        prompt_tokens: tokens,
        total_tokens: tokens,
    };
    Ok(Payload::json(&List {
        object: "list",
        data,
        model,
        usage,
    }))
}

/// The tokens of each input.
fn inputs(body: &Fields<'_>, encoding: Encoding) -> Result<Vec<Vec<u32>>, ApiError> {
    let invalid = || ApiError::Value {
        param: None,
        code: None,
        message: "'$.input' is invalid. Please check the API reference.".to_owned(),
    };
    let inputs = match body.required("input")? {
        Value::String(text) => vec![encoding.encode(text)],
        Value::Array(list) if list.is_empty() => return Err(invalid()),
        Value::Array(list) => match tokens(list) {
            Some(tokens) => vec![tokens],
            None if list.len() > MOST_INPUTS => return Err(invalid()),
            None => list
                .iter()
                .map(|item| match item {
                    Value::String(text) => Ok(encoding.encode(text)),
                    Value::Array(list) => tokens(list).ok_or_else(invalid),
                    _ => Err(invalid()),
                })
                .collect::<Result<_, _>>()?,
        },
        other => {
            return Err(wrong("input".to_owned(), "a string or an array", other));
        }
    };
    if inputs.iter().any(Vec::is_empty) {
        return Err(invalid());
    }
    match inputs
        .iter()
        .map(Vec::len)
        .find(|length| *length > MOST_TOKENS)
    {
        None => Ok(inputs),
        Some(length) => Err(ApiError::Value {
            param: None,
            code: None,
            message: format!(
                "This model's maximum context length is {MOST_TOKENS} tokens, however you requested {length} tokens ({length} in your prompt; 0 for the completion). Please reduce your prompt; or completion length."
            ),
        }),
    }
}

/// An array of token ids, if it is one.
pub(super) fn tokens(list: &[Value]) -> Option<Vec<u32>> {
    list.iter()
        .map(|item| item.as_u64().and_then(|id| u32::try_from(id).ok()))
        .collect()
}

fn dimensions(body: &Fields<'_>, model: &str) -> Result<usize, ApiError> {
    let native = match base_name(model) {
        "text-embedding-3-large" => 3072,
        _ => 1536,
    };
    let refuse = |message| {
        Err(ApiError::Value {
            param: Some("dimensions".to_owned()),
            code: None,
            message,
        })
    };
    match body.integer("dimensions", 1..=usize::MAX)? {
        None => Ok(native),
        Some(_) if base_name(model) == "text-embedding-ada-002" => {
            refuse("This model does not support specifying dimensions.".to_owned())
        }
        Some(asked) if asked > native => refuse(format!(
            "Invalid value for 'dimensions' = {asked}. Must be less than or equal to {native}."
        )),
        Some(asked) => Ok(asked),
    }
}
