//! What is made of the requests that go to models.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::backend_policy::RouteType;
use crate::prompt_guard::PromptGuard;

/// Settings of requests to models: in the policies of an AI backend or of one of its providers,
/// or in a policy's `spec.backend.ai` for a Gateway, a route or a backend. The nearest to the
/// endpoint wins, field by field.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AiPolicies {
    /// API that requests speak, by path suffix; `*` is the rest. Without it the API is inferred
    /// from the path. Backends only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub routes: BTreeMap<String, RouteType>,
    /// Members that a request's body gets unless it has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub defaults: Vec<FieldValue>,
    /// Members that a request's body gets whatever it says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub overrides: Vec<FieldValue>,
    /// Members of a request's body that are computed from it. It is `llmRequest` there, with
    /// `defaults` and `overrides` set. Without a value the request is without the member.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub transformations: Vec<FieldTransformation>,
    /// The same as `transformations`, in the words of the provider: after the translation, when
    /// it speaks another format than the client.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub final_transformations: Vec<FieldTransformation>,
    /// Models by the names that clients may call them; `*` in a name stands for any text. An
    /// exact name wins, then the longest. A provider's own `model` wins over an alias.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub model_aliases: BTreeMap<String, String>,
    /// Messages that every conversation starts or ends with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptEnrichment>,
    /// Marks that tell Anthropic and Amazon Bedrock to keep what they have read. Other providers
    /// keep prompts on their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_caching: Option<PromptCaching>,
    /// What may not be said to models, or by them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_guard: Option<PromptGuard>,
}

/// A member of a body and its value.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldValue {
    /// Name of the member, at the top level of the body.
    #[schemars(length(min = 1, max = 256))]
    pub field: String,
    /// Any value.
    #[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
    pub value: serde_json::Value,
}

/// A member of a body and the expression for its value.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldTransformation {
    /// Name of the member, at the top level of the body.
    #[schemars(length(min = 1, max = 256))]
    pub field: String,
    /// CEL expression for the value.
    #[schemars(length(min = 1, max = 16384))]
    pub expression: String,
}

/// Messages around a conversation.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromptEnrichment {
    /// In front of it. What the system says goes where the client's API has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub prepend: Vec<Message>,
    /// Behind it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub append: Vec<Message>,
}

/// A message.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// `system`, `developer`, `user` or `assistant`.
    pub role: String,
    /// What it says.
    pub content: String,
}

/// What providers are told to keep. A request has at most four marks, its own included.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PromptCaching {
    /// The system prompt. `true` by default.
    pub cache_system: bool,
    /// The conversation up to the last message but one. `true` by default.
    pub cache_messages: bool,
    /// The tools. `false` by default.
    pub cache_tools: bool,
    /// A system prompt that is estimated to be shorter is not marked. 1024 by default.
    #[schemars(with = "i32", range(min = 0))]
    pub min_tokens: u32,
    /// How many messages further back the conversation's mark stands. 0 by default.
    #[schemars(with = "i32", range(min = 0))]
    pub cache_message_offset: u32,
}

impl Default for PromptCaching {
    fn default() -> Self {
        Self {
            cache_system: true,
            cache_messages: true,
            cache_tools: false,
            min_tokens: 1024,
            cache_message_offset: 0,
        }
    }
}
