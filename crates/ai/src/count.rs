//! Token counts: what a client asks in its chat format, put to providers that count in theirs.

use serde_json::{Map, Value, json};

use crate::chat::{ChatRequest, Dropped};
use crate::error::Error;
use crate::estimate;
use crate::format::Format;
use crate::json::{self, Members};
use crate::operation::{ModelPath, Operation, encode};

/// A provider's own form of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountApi {
    /// `POST /v1/messages/count_tokens`
    Anthropic,
    /// The same for Anthropic's models on Vertex AI.
    AnthropicVertex,
    /// `:countTokens`, with the whole request inside
    Gemini,
    /// `:countTokens` of Vertex AI
    Vertex,
    /// `POST /model/{model}/count-tokens`
    Bedrock,
}

impl CountApi {
    /// The chat format that the counted request is in.
    pub(crate) fn format(self) -> Format {
        match self {
            Self::Anthropic | Self::AnthropicVertex => Format::AnthropicMessages,
            Self::Gemini | Self::Vertex => Format::GeminiContent,
            Self::Bedrock => Format::BedrockConverse,
        }
    }

    pub(crate) fn path(self, model: &str) -> String {
        let model = encode(model);
        match self {
            Self::Anthropic => "/v1/messages/count_tokens".to_owned(),
            Self::AnthropicVertex => {
                "/v1/publishers/anthropic/models/count-tokens:rawPredict".to_owned()
            }
            Self::Gemini | Self::Vertex => format!("/v1beta/models/{model}:countTokens"),
            Self::Bedrock => format!("/model/{model}/count-tokens"),
        }
    }

    /// Puts `request` into the provider's words. What does not count goes.
    pub(crate) fn write(
        self,
        request: ChatRequest,
        dropped: &mut Dropped,
    ) -> Result<Map<String, Value>, Error> {
        let model = request.model.clone();
        let mut body = self.format().codec().write_request(request, dropped)?;
        Ok(match self {
            Self::Anthropic | Self::AnthropicVertex => {
                const COUNTED: [&str; 6] = [
                    "messages",
                    "model",
                    "system",
                    "thinking",
                    "tool_choice",
                    "tools",
                ];
                body.retain(|key, _| COUNTED.contains(&key.as_str()));
                body
            }
            Self::Gemini => {
                body.insert("model".to_owned(), format!("models/{model}").into());
                json::compact([("generateContentRequest", body.into())])
            }
            Self::Vertex => {
                const COUNTED: [&str; 3] = ["contents", "systemInstruction", "tools"];
                body.retain(|key, _| COUNTED.contains(&key.as_str()));
                body
            }
            Self::Bedrock => {
                const COUNTED: [&str; 3] = ["messages", "system", "toolConfig"];
                body.retain(|key, _| COUNTED.contains(&key.as_str()));
                json::compact([("input", json!({"converse": body}))])
            }
        })
    }

    /// The tokens in an answer.
    pub(crate) fn read(self, body: &Map<String, Value>) -> Result<u64, Error> {
        let key = match self {
            Self::Anthropic | Self::AnthropicVertex => "input_tokens",
            Self::Gemini | Self::Vertex => "totalTokens",
            Self::Bedrock => "inputTokens",
        };
        body.get(key).and_then(Value::as_u64).ok_or(Error::NoAnswer)
    }
}

/// The chat format of a client that asks for a count.
pub(crate) fn client(operation: Operation) -> Option<Format> {
    match operation {
        Operation::CountTokens => Some(Format::AnthropicMessages),
        Operation::GeminiCountTokens => Some(Format::GeminiContent),
        _ => None,
    }
}

/// Reads a client's request for a count; the answer is about the chat request in it.
pub(crate) fn read_request(
    client: Format,
    body: Map<String, Value>,
    path: &str,
    dropped: &mut Dropped,
) -> Result<ChatRequest, Error> {
    let mut body = Members::new(body, json::Path::Root);
    let inner = match client {
        Format::GeminiContent => match body.map("generateContentRequest")? {
            Some(inner) => Some(inner),
            None => body.map("generate_content_request")?,
        },
        _ => None,
    };
    let body = match inner {
        Some(inner) => inner,
        None => body.into_map(),
    };
    // Only generating is a chat operation: the model is in its path all the same.
    let path = ModelPath::parse(path).map_or(path.to_owned(), |path| path.canonical(None));
    client.codec().read_request(body, &path, dropped)
}

/// A count in the client's words.
pub(crate) fn write_response(client: Format, tokens: u64) -> Map<String, Value> {
    let key = match client {
        Format::GeminiContent => "totalTokens",
        _ => "input_tokens",
    };
    json::compact([(key, tokens.into())])
}

/// An answer by our own reckoning, for providers that count nothing. Errors are the client's.
pub fn estimated(operation: Operation, body: &[u8]) -> Result<Vec<u8>, Error> {
    let tokens = estimate::request(&Value::Object(json::object(body)?));
    let client = client(operation).unwrap_or(Format::AnthropicMessages);
    Ok(json::bytes(&write_response(client, tokens)))
}
