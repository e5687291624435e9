//! Google's generateContent API, as the Gemini API and Vertex AI serve it.

mod conversation;
mod embed;
mod error;
mod generate;
mod models;
mod rank;
mod request;
mod shapes;

use std::sync::Arc;

use ::base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, request::Parts};
use serde_json::{Map, Value};

use crate::{
    credential,
    dialect::{self, Context, Dialect, Endpoint, Framing, Intake, Payload, Refusal},
    error::ApiError,
    fault::ModelSelector,
    ids::Ids,
    percent,
    settings::{KeyCheck, Settings},
    wire::{data_event, to_bytes},
};

/// What Vertex AI has in its paths before a model of Google's.
const VERTEX: &str = "/publishers/google/models/";

/// Bytes as Google's reader of JSON takes them: in either alphabet of base64, padded or not.
fn base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let standard = text.replace('-', "+").replace('_', "/");
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT)
        .decode(standard)
        .ok()
}

/// Who serves the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Google {
    /// `/v1beta/models/{model}:{verb}`, with an API key.
    GeminiApi,
    /// `/v1/projects/{p}/locations/{l}/publishers/google/models/{model}:{verb}`, with an access token.
    VertexAi,
}

/// What can be asked of a model, or about all.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Operation {
    Of {
        model: String,
        verb: Verb,
    },
    ModelList,
    Model(String),
    /// Discovery Engine's, which has Vertex AI's credentials.
    Rank,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Generate,
    Stream(Framing),
    CountTokens,
    Embed,
    BatchEmbed,
    /// Vertex AI's word for embedding.
    Predict,
}

// === impl Google ===

impl Google {
    /// What stands after `models/` in a path of this host.
    fn target(self, path: &str) -> Option<&str> {
        match self {
            Self::GeminiApi => path
                .strip_prefix("/v1beta/models/")
                .or_else(|| path.strip_prefix("/v1/models/")),
            Self::VertexAi => {
                let rest = path.strip_prefix("/v1")?;
                rest.split_once(VERTEX).map(|(_, target)| target)
            }
        }
    }

    fn find(self, parts: &Parts) -> Option<Operation> {
        let path = parts.uri.path();
        if self == Self::GeminiApi && ["/v1beta/models", "/v1/models"].contains(&path) {
            return Some(Operation::ModelList);
        }
        if self == Self::VertexAi && ranks(path) {
            return Some(Operation::Rank);
        }
        let target = self.target(path)?;
        let Some((model, verb)) = target.rsplit_once(':') else {
            return Some(Operation::Model(percent::decode(target)));
        };
        let events = parts
            .uri
            .query()
            .is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
        let verb = match verb {
            "generateContent" => Verb::Generate,
            "streamGenerateContent" if events => Verb::Stream(Framing::Sse),
            "streamGenerateContent" => Verb::Stream(Framing::JsonArray),
            "countTokens" => Verb::CountTokens,
            "embedContent" => Verb::Embed,
            "predict" if self == Self::VertexAi => Verb::Predict,
            "batchEmbedContents" if self == Self::GeminiApi => Verb::BatchEmbed,
            _ => return None,
        };
        let model = percent::decode(model);
        Some(Operation::Of { model, verb })
    }
}

/// `/v1/projects/{p}/locations/{l}/rankingConfigs/{c}:rank`
fn ranks(path: &str) -> bool {
    path.starts_with("/v1/projects/")
        && path.contains("/rankingConfigs/")
        && path.ends_with(":rank")
}

impl Dialect for Google {
    fn owns(&self, parts: &Parts) -> bool {
        let path = parts.uri.path();
        match self {
            // OpenAI keeps its models at `/v1/models` too, and there with no verb and no key of Google's.
            Self::GeminiApi => {
                let keyed = parts.headers.contains_key("x-goog-api-key")
                    || credential::query(parts).is_some();
                let of = |base: &str| {
                    path.strip_prefix(base)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                };
                of("/v1beta/models")
                    || (of("/v1/models") && (parts.method == Method::POST || keyed))
            }
            Self::VertexAi => self.target(path).is_some() || ranks(path),
        }
    }

    fn request_id(&self, ids: &Ids) -> String {
        ids.alphanumeric("", 22)
    }

    /// Google names an answer in its body only.
    fn stamp(&self, headers: &mut HeaderMap, _request_id: HeaderValue, elapsed_ms: u64) {
        if let Ok(timing) = HeaderValue::from_str(&format!("gfet4t7; dur={elapsed_ms}")) {
            headers.insert("server-timing", timing);
        }
    }

    fn endpoint(&self, parts: &Parts) -> Result<Arc<dyn Endpoint>, ApiError> {
        let unknown = || ApiError::UnknownUrl {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
        };
        let operation = self.find(parts).ok_or_else(unknown)?;
        let expected = match operation {
            Operation::Of { .. } | Operation::Rank => Method::POST,
            Operation::ModelList | Operation::Model(_) => Method::GET,
        };
        if parts.method != expected {
            return Err(unknown());
        }
        Ok(Arc::new(operation))
    }

    fn admit(
        &self,
        parts: &Parts,
        _body: Option<&[u8]>,
        settings: &Settings,
    ) -> Result<(), ApiError> {
        let keyed = match self {
            Self::GeminiApi => {
                credential::header(&parts.headers, "x-goog-api-key").is_some()
                    || credential::query(parts).is_some()
            }
            Self::VertexAi => credential::bearer(&parts.headers).is_some(),
        };
        match settings.require_key {
            KeyCheck::Required if !keyed => Err(ApiError::MissingKey),
            _ => Ok(()),
        }
    }

    fn refusal(&self, error: &ApiError, _request_id: &str) -> Refusal {
        error::refusal(error, *self)
    }
}

// === impl Operation ===

impl Endpoint for Operation {
    fn intake(&self) -> Intake {
        match self {
            Self::Of { .. } | Self::Rank => Intake::Json,
            Self::ModelList | Self::Model(_) => Intake::Nothing,
        }
    }

    fn selector(&self, document: Option<&Map<String, Value>>) -> Option<ModelSelector> {
        match self {
            Self::Rank => dialect::by_body(document),
            Self::Of { model, .. } => dialect::by_model(model),
            Self::ModelList | Self::Model(_) => Some(ModelSelector::ModelList),
        }
    }

    fn framing(&self, _document: &Map<String, Value>) -> Option<Framing> {
        match self {
            Self::Of {
                verb: Verb::Stream(framing),
                ..
            } => Some(*framing),
            _ => None,
        }
    }

    fn answer(
        &self,
        document: &Map<String, Value>,
        context: &Context<'_>,
    ) -> Result<Payload, ApiError> {
        match self {
            Self::Of { model, verb } => {
                context.listed(model)?;
                match verb {
                    Verb::Generate => generate::answer(document, model, None, context),
                    Verb::Stream(framing) => {
                        generate::answer(document, model, Some(*framing), context)
                    }
                    Verb::CountTokens => generate::count(document, model),
                    Verb::Embed => embed::one(document, model),
                    Verb::BatchEmbed => embed::batch(document, model),
                    Verb::Predict => embed::predict(document, model),
                }
            }
            Self::Rank => rank::answer(document, context),
            Self::ModelList => Ok(models::list(context)),
            Self::Model(id) => models::one(id, context),
        }
    }

    fn error_event(&self, error: &ApiError, position: u32, _request_id: &str) -> Bytes {
        let envelope = error::envelope(error, Google::GeminiApi);
        match self.framing(&Map::new()) {
            Some(Framing::JsonArray) => {
                let lead: &[u8] = if position == 0 { b"[" } else { b",\r\n" };
                [lead, &to_bytes(&envelope), b"\n]\n"].concat().into()
            }
            _ => data_event(&envelope),
        }
    }
}
