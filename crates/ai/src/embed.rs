//! Embeddings: OpenAI's request, put to providers that have their own form of it, and their answers
//! in OpenAI's words.
//!
//! A provider's form is a file here and a row in [`EmbedApi`].

mod bedrock;
mod cohere;
mod google;
mod openai;

use serde_json::{Map, Value};

use crate::chat::{Dropped, Text};
use crate::error::Error;
use crate::estimate;
use crate::format::Format;
use crate::json::Path;
use crate::operation::encode;

pub(crate) use openai::{read_request, write_response};

/// A provider's own form of embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbedApi {
    /// `:batchEmbedContents`
    Gemini,
    /// `:predict`
    Vertex,
    /// Amazon's models on Bedrock: one text a request.
    Titan,
    /// Cohere's models on Bedrock.
    BedrockCohere,
    /// Cohere's own `/v2/embed`
    Cohere,
}

/// What is to be embedded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EmbedRequest {
    pub(crate) model: String,
    /// Never empty.
    pub(crate) inputs: Vec<Text>,
    pub(crate) dimensions: Option<u64>,
    /// What the vectors are for, in Cohere's words, which other servers of OpenAI's API take too.
    pub(crate) purpose: Option<String>,
    pub(crate) encoding: Encoding,
}

/// How a client wants its vectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    #[default]
    Float,
    /// 32 bits a number, the least significant byte first.
    Base64,
}

/// What an answer says of the request that it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    model: String,
    encoding: Encoding,
    inputs: usize,
    /// Tokens of the inputs, by our own reckoning.
    estimate: u64,
}

/// A provider's answer. What it says never prints.
pub(crate) struct Vectors {
    pub(crate) vectors: Vec<Vec<Value>>,
    /// Tokens of the inputs.
    pub(crate) tokens: Option<u64>,
}

impl EmbedApi {
    /// The one that Bedrock has for `model`.
    pub(crate) fn of_bedrock(model: &str) -> Option<Self> {
        if model.contains("titan-embed") {
            Some(Self::Titan)
        } else if model.contains("cohere.embed") {
            Some(Self::BedrockCohere)
        } else {
            None
        }
    }

    /// The one that a custom server has at `path`, where that is not OpenAI's.
    pub fn at(path: &str) -> Option<Self> {
        path.ends_with("/v2/embed").then_some(Self::Cohere)
    }

    pub(crate) fn path(self, model: &str) -> String {
        match self {
            Self::Gemini => {
                let model = encode(google::bare(model));
                format!("/v1beta/models/{model}:batchEmbedContents")
            }
            Self::Vertex => {
                let model = encode(google::bare(model));
                format!("/v1/publishers/google/models/{model}:predict")
            }
            Self::Titan | Self::BedrockCohere => format!("/model/{}/invoke", encode(model)),
            Self::Cohere => "/v2/embed".to_owned(),
        }
    }

    /// Errors say what of the request the provider cannot be asked.
    pub(crate) fn write(
        self,
        request: EmbedRequest,
        dropped: &mut Dropped,
    ) -> Result<Map<String, Value>, Error> {
        match self {
            Self::Gemini => Ok(google::gemini(request)),
            Self::Vertex => Ok(google::vertex(request)),
            Self::Titan => bedrock::titan(request, dropped),
            Self::BedrockCohere => cohere::on_bedrock(request),
            Self::Cohere => Ok(cohere::native(request)),
        }
    }

    pub(crate) fn read(self, body: Map<String, Value>) -> Result<Vectors, Error> {
        match self {
            Self::Gemini => google::gemini_vectors(body),
            Self::Vertex => google::vertex_vectors(body),
            Self::Titan => bedrock::titan_vectors(body),
            Self::BedrockCohere | Self::Cohere => cohere::vectors(body),
        }
    }

    /// The format of whose errors its errors are.
    pub(crate) fn errors(self) -> Format {
        match self {
            Self::Gemini | Self::Vertex => Format::GeminiContent,
            Self::Titan | Self::BedrockCohere | Self::Cohere => Format::BedrockConverse,
        }
    }
}

impl EmbedRequest {
    pub(crate) fn wanted(&self) -> Wanted {
        Wanted {
            model: self.model.clone(),
            encoding: self.encoding,
            inputs: self.inputs.len(),
            estimate: self.inputs.iter().map(|text| estimate::text(text)).sum(),
        }
    }
}

/// Why a request is not put to a model that has vectors of one length only.
fn fixed_length() -> Error {
    Path::Root
        .key("dimensions")
        .untranslatable("is not for this model, whose vectors have one length; leave it out")
}

/// The numbers of a vector.
fn numbers(value: Value) -> Result<Vec<Value>, Error> {
    match value {
        Value::Array(numbers) if numbers.iter().all(Value::is_number) => Ok(numbers),
        _ => Err(Error::NoAnswer),
    }
}
