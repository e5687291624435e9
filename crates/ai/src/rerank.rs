//! Rerank: Cohere's request, which others copy, put to providers that have their own form of it,
//! and their answers in Cohere's words.

mod cohere;
mod google;

use serde_json::{Map, Value, json};

use crate::chat::{Dropped, Text};
use crate::error::Error;
use crate::format::{Format, Stamp};
use crate::json::compact;
use crate::operation::encode;
use crate::usage::{Counted, Usage};

pub(crate) use cohere::{envelope, read_request};

/// Documents that one search unit pays for.
const SEARCH_UNIT: u64 = 100;

/// A provider's own form of rerank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RerankApi {
    /// Cohere's models on Bedrock.
    BedrockCohere,
    /// Amazon's models on Bedrock.
    BedrockAmazon,
    /// The ranking API of Google's Discovery Engine.
    Google,
}

/// What is to be put in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RerankRequest {
    pub(crate) model: String,
    pub(crate) query: Text,
    /// Never empty.
    pub(crate) documents: Vec<Text>,
    pub(crate) top: Option<u64>,
    pub(crate) echo: Echo,
}

/// Whether an answer repeats the documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Echo {
    #[default]
    Indices,
    Documents,
}

/// What an answer says of the request that it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    id: String,
    /// Empty where the answer does not repeat them.
    documents: Vec<Text>,
    asked: usize,
    top: Option<u64>,
}

/// A document by its place in the request, and how relevant it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ranked {
    pub(crate) index: usize,
    pub(crate) score: f64,
}

impl RerankApi {
    /// The one that Bedrock has for `model`.
    pub(crate) fn of_bedrock(model: &str) -> Option<Self> {
        if model.contains("cohere.rerank") {
            Some(Self::BedrockCohere)
        } else if model.contains("amazon.rerank") {
            Some(Self::BedrockAmazon)
        } else {
            None
        }
    }

    pub(crate) fn path(self, model: &str) -> String {
        match self {
            Self::BedrockCohere | Self::BedrockAmazon => {
                format!("/model/{}/invoke", encode(model))
            }
            Self::Google => google::PATH.to_owned(),
        }
    }

    pub(crate) fn write(self, request: RerankRequest) -> Map<String, Value> {
        match self {
            Self::BedrockCohere => cohere::on_bedrock(request, 2.into()),
            Self::BedrockAmazon => cohere::on_bedrock(request, Value::Null),
            Self::Google => google::write(request),
        }
    }

    pub(crate) fn read(self, body: Map<String, Value>) -> Result<Vec<Ranked>, Error> {
        match self {
            Self::BedrockCohere | Self::BedrockAmazon => cohere::ranked(body),
            Self::Google => google::ranked(body),
        }
    }

    /// The format of whose errors its errors are.
    pub(crate) fn errors(self) -> Format {
        match self {
            Self::BedrockCohere | Self::BedrockAmazon => Format::BedrockConverse,
            Self::Google => Format::GeminiContent,
        }
    }
}

impl RerankRequest {
    pub(crate) fn wanted(&self, stamp: &Stamp) -> Wanted {
        Wanted {
            id: stamp.id.clone(),
            documents: match self.echo {
                Echo::Documents => self.documents.clone(),
                Echo::Indices => Vec::new(),
            },
            asked: self.documents.len(),
            top: self.top,
        }
    }
}

/// The search units that an answer says are billed.
pub(crate) fn billed(body: &Map<String, Value>) -> Option<u64> {
    let meta = body.get("meta")?.to_string();
    Usage::of_meta(meta.as_bytes())?.search_units
}

/// Cohere's answer, the most relevant document first. Where the provider does not say how many search
/// units it bills, they are reckoned: all take one for a query and up to a hundred documents.
pub(crate) fn write_response(
    mut ranked: Vec<Ranked>,
    billed: Option<u64>,
    wanted: &Wanted,
) -> Result<(Map<String, Value>, Usage, Counted), Error> {
    if ranked.iter().any(|ranked| ranked.index >= wanted.asked) {
        return Err(Error::NoAnswer);
    }
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
    let top = wanted.top.and_then(|top| usize::try_from(top).ok());
    ranked.truncate(top.unwrap_or(usize::MAX));
    let results = ranked.iter().map(|Ranked { index, score }| {
        let document = wanted.documents.get(*index);
        Value::Object(compact([
            ("index", (*index).into()),
            ("relevance_score", (*score).into()),
            (
                "document",
                document.map_or(Value::Null, |text| json!({"text": text})),
            ),
        ]))
    });
    let results = results.collect();
    let units = u64::try_from(wanted.asked).unwrap_or(u64::MAX);
    let (units, counted) = match billed {
        Some(billed) => (billed, Counted::ByProvider),
        None => (units.div_ceil(SEARCH_UNIT), Counted::Estimate),
    };
    let meta = json!({"billed_units": {"search_units": units}});
    let body = compact([
        ("id", wanted.id.as_str().into()),
        ("results", results),
        ("meta", meta),
    ]);
    let usage = Usage {
        search_units: Some(units),
        ..Usage::default()
    };
    Ok((body, usage, counted))
}

/// Reads what the client's side drops of documents.
fn document(value: Value, at: crate::json::Path<'_>, dropped: &mut Dropped) -> Result<Text, Error> {
    const DOCUMENT: &str = "a text, or an object with a `text`";
    match value {
        Value::String(text) => Ok(Text(text)),
        Value::Object(map) => {
            let mut members = crate::json::Members::new(map, at);
            let text = members.text("text")?.ok_or_else(|| at.wrong(DOCUMENT))?;
            members.rest(dropped);
            Ok(Text(text))
        }
        _ => Err(at.wrong(DOCUMENT)),
    }
}
