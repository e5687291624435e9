//! Providers of other makes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

/// A server that says which APIs it has. What a client asks in another is put into the first of its
/// chat APIs.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Custom {
    /// Service whose endpoints are the server; instead of `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_ref: Option<ServiceRef>,
    /// The APIs.
    #[schemars(length(min = 1, max = 6), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub formats: Vec<CustomFormat>,
    /// Model that every request is forced to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub model: Option<String>,
}

/// A port of a Service in the same namespace.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::SERVICE_REF))]
pub struct ServiceRef {
    /// API group; empty, which is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub group: Option<String>,
    /// Kind; `Service`, which is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub kind: Option<String>,
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Port of the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 65535))]
    pub port: Option<u16>,
}

/// One API.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::CUSTOM_FORMAT))]
pub struct CustomFormat {
    /// Which.
    #[serde(rename = "type")]
    pub kind: FormatType,
    /// Where, if not at the API's usual path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub path: Option<String>,
}

/// APIs of servers.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum FormatType {
    /// OpenAI's chat completions, `/v1/chat/completions`.
    Completions,
    /// OpenAI's `/v1/responses`.
    Responses,
    /// Anthropic's `/v1/messages`.
    Messages,
    /// Anthropic's `/v1/messages/count_tokens`.
    AnthropicTokenCount,
    /// OpenAI's `/v1/embeddings`; Cohere's own, where `path` ends in `/v2/embed`.
    Embeddings,
    /// Cohere's `/v1/rerank` and `/v2/rerank`, and Jina's.
    Rerank,
}
