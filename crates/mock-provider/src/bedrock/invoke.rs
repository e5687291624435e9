//! `/invoke`: models in their own words. Those that embed and rank are served.

use serde_json::{Map, Value, json};

use super::request::{check, list, object, text};
use crate::{
    dialect::{Context, Payload},
    error::ApiError,
    rerank::rank,
    shape::{Field, Record, Shape},
    tokens::Encoding,
    vector::unit_vector,
    wire::to_bytes,
};

/// A kind of model, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    TitanText,
    TitanTextV2,
    TitanImage,
    CohereEmbed,
    CohereEmbedV4,
    CohereRerank,
    AmazonRerank,
}

const KINDS: [(&str, Kind); 7] = [
    ("amazon.titan-embed-text-v1", Kind::TitanText),
    ("amazon.titan-embed-text-v2", Kind::TitanTextV2),
    ("amazon.titan-embed-image", Kind::TitanImage),
    ("cohere.embed-v4", Kind::CohereEmbedV4),
    ("cohere.embed", Kind::CohereEmbed),
    ("cohere.rerank", Kind::CohereRerank),
    ("amazon.rerank", Kind::AmazonRerank),
];

const TEXTS: Shape = Shape::List(&Shape::Text);
const PURPOSES: Shape = Shape::Word(&[
    "search_document",
    "search_query",
    "classification",
    "clustering",
]);

static TITAN_TEXT: Record = Record(&[Field::required("inputText", Shape::Text)]);

static TITAN_TEXT_V2: Record = Record(&[
    Field::required("inputText", Shape::Text),
    Field::optional("dimensions", Shape::Integer(256..=1024)),
    Field::optional("normalize", Shape::Flag),
    Field::optional("embeddingTypes", TEXTS),
]);

static TITAN_IMAGE: Record = Record(&[
    Field::optional("inputText", Shape::Text),
    Field::optional("inputImage", Shape::Text),
    Field::optional(
        "embeddingConfig",
        Shape::Object(&Record(&[Field::required(
            "outputEmbeddingLength",
            Shape::Integer(256..=1024),
        )])),
    ),
]);

static COHERE_EMBED: Record = Record(&[
    Field::required("texts", TEXTS),
    Field::required("input_type", PURPOSES),
    Field::optional("truncate", Shape::Word(&["NONE", "START", "END"])),
    Field::optional("embedding_types", TEXTS),
]);

static COHERE_EMBED_V4: Record = Record(&[
    Field::required("texts", TEXTS),
    Field::required("input_type", PURPOSES),
    Field::optional("truncate", Shape::Word(&["NONE", "LEFT", "RIGHT"])),
    Field::optional("embedding_types", TEXTS),
    Field::optional("output_dimension", Shape::Integer(256..=1536)),
]);

static COHERE_RERANK: Record = Record(&[
    Field::required("api_version", Shape::Integer(2..=2)),
    Field::required("query", Shape::Text),
    Field::required("documents", TEXTS),
    Field::optional("top_n", Shape::Integer(1..=1000)),
]);

static AMAZON_RERANK: Record = Record(&[
    Field::required("query", Shape::Text),
    Field::required("documents", TEXTS),
    Field::optional("top_n", Shape::Integer(1..=1000)),
]);

pub(super) fn answer(
    body: &Map<String, Value>,
    model: &str,
    context: &Context<'_>,
) -> Result<Payload, ApiError> {
    context.listed(model)?;
    let kind = KINDS.iter().find(|(name, _)| model.contains(name));
    let Some((_, kind)) = kind else {
        return Err(ApiError::refused(
            "This model isn't supported by the mock for on-demand invocation.",
        ));
    };
    let record = match kind {
        Kind::TitanText => &TITAN_TEXT,
        Kind::TitanTextV2 => &TITAN_TEXT_V2,
        Kind::TitanImage => &TITAN_IMAGE,
        Kind::CohereEmbed => &COHERE_EMBED,
        Kind::CohereEmbedV4 => &COHERE_EMBED_V4,
        Kind::CohereRerank => &COHERE_RERANK,
        Kind::AmazonRerank => &AMAZON_RERANK,
    };
    check(body, record)?;
    match kind {
        Kind::TitanText | Kind::TitanTextV2 | Kind::TitanImage => titan(body, *kind),
        Kind::CohereEmbed | Kind::CohereEmbedV4 => cohere(body, *kind, context),
        Kind::CohereRerank | Kind::AmazonRerank => ranked(body),
    }
}

fn titan(body: &Map<String, Value>, kind: Kind) -> Result<Payload, ApiError> {
    let tokens = tokens(text(body, "inputText").unwrap_or_default())?;
    let asked = match kind {
        Kind::TitanImage => {
            object(body, "embeddingConfig").and_then(|c| c.get("outputEmbeddingLength"))
        }
        _ => body.get("dimensions"),
    };
    let native = if kind == Kind::TitanText { 1536 } else { 1024 };
    let vector = unit_vector(&tokens, size(asked, native));
    let body = json!({"embedding": vector, "inputTextTokenCount": tokens.len()});
    Ok(Payload::json(&body))
}

/// Without types asked for, vectors come as they always did; tokens are in a header.
fn cohere(
    body: &Map<String, Value>,
    kind: Kind,
    context: &Context<'_>,
) -> Result<Payload, ApiError> {
    let texts = list(body, "texts");
    if texts.is_empty() || texts.len() > 96 {
        return Err(ApiError::refused(
            "Malformed input request: #/texts: expected 1 to 96 items, please reformat your input and try again.",
        ));
    }
    let native = if kind == Kind::CohereEmbedV4 {
        1536
    } else {
        1024
    };
    let dimensions = size(body.get("output_dimension"), native);
    let mut input_tokens = 0;
    let mut vectors = Vec::with_capacity(texts.len());
    for words in texts {
        let tokens = tokens(words.as_str().unwrap_or_default())?;
        input_tokens += tokens.len();
        vectors.push(unit_vector(&tokens, dimensions));
    }
    let (kind, embeddings) = match body.contains_key("embedding_types") {
        true => ("embeddings_by_type", json!({"float": vectors})),
        false => ("embeddings_floats", json!(vectors)),
    };
    let body = json!({
        "id": context.ids.uuid(),
        "response_type": kind,
        "embeddings": embeddings,
        "texts": texts,
    });
    Ok(Payload::Counted {
        body: to_bytes(&body),
        input_tokens,
    })
}

fn ranked(body: &Map<String, Value>) -> Result<Payload, ApiError> {
    let documents = list(body, "documents").iter();
    let documents: Vec<String> = documents
        .filter_map(|document| document.as_str().map(str::to_owned))
        .collect();
    if documents.is_empty() {
        return Err(ApiError::refused(
            "Malformed input request: #/documents: expected at least one item, please reformat your input and try again.",
        ));
    }
    let top = size(body.get("top_n"), documents.len());
    let results = rank(text(body, "query").unwrap_or_default(), documents);
    let results: Vec<Value> = results
        .into_iter()
        .take(top)
        .map(|ranked| json!({"index": ranked.index, "relevance_score": ranked.score}))
        .collect();
    Ok(Payload::json(&json!({"results": results})))
}

fn size(asked: Option<&Value>, native: usize) -> usize {
    let asked = asked.and_then(Value::as_u64);
    asked
        .and_then(|asked| usize::try_from(asked).ok())
        .unwrap_or(native)
}

fn tokens(words: &str) -> Result<Vec<u32>, ApiError> {
    let tokens = Encoding::Cl100k.encode(words);
    if tokens.is_empty() {
        return Err(ApiError::refused(
            "Malformed input request: expected minLength: 1, actual: 0, please reformat your input and try again.",
        ));
    }
    Ok(tokens)
}
