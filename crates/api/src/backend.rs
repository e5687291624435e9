//! `AgentgatewayBackend`: where requests go.

mod custom;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::backend_policy::{BackendPolicies, RouteType};
use crate::presence::null_is_empty;
use crate::rules;

pub use custom::{Custom, CustomFormat, FormatType, ServiceRef};

/// A destination of requests: an AI provider, several in priority groups, or a fixed host.
/// Exactly one of `ai` and `static`.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[kube(
    group = "agentgateway.dev",
    version = "v1alpha1",
    kind = "AgentgatewayBackend",
    plural = "agentgatewaybackends",
    shortname = "agbe",
    category = "agentgateway",
    namespaced,
    status = "BackendStatus",
    derive = "PartialEq",
    doc = "A destination of requests: an AI provider, several in priority groups, or a fixed host.",
    printcolumn = r#"{"name":"Accepted","type":"string","jsonPath":".status.conditions[?(@.type=='Accepted')].status"}"#,
    printcolumn = r#"{"name":"Healthy","type":"string","jsonPath":".status.conditions[?(@.type=='Healthy')].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::BACKEND))]
pub struct AgentgatewayBackendSpec {
    /// One AI provider, or several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ai: Option<AiBackend>,
    /// A fixed host that is not an AI provider.
    #[serde(default, rename = "static", skip_serializing_if = "Option::is_none")]
    pub static_: Option<StaticBackend>,
    /// Policies of the requests that go here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<BackendPolicies>,
}

/// AI providers; exactly one of `provider` and `groups`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::AI))]
pub struct AiBackend {
    /// The one provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Priority groups: the first that has a healthy provider serves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub groups: Vec<ProviderGroup>,
    /// The same as `policies.ai.routes`: API that requests speak, by path suffix; `*` is the rest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub routes: BTreeMap<String, RouteType>,
}

/// Providers of equal priority.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderGroup {
    /// Providers that share the group's requests.
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub providers: Vec<NamedProvider>,
}

/// A provider, and where it is reached when not at its own public address. At most one of
/// `openai`, `anthropic`, `gemini`, `vertexai`, `bedrock`, `azure`, `azureopenai` and `custom`; none
/// of them means OpenAI.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::PROVIDER))]
pub struct Provider {
    /// OpenAI, or anything that speaks its API. Present but empty passes the client's model on.
    #[serde(
        default,
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub openai: Option<OpenAi>,
    /// Anthropic. Present but empty passes the client's model on.
    #[serde(
        default,
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub anthropic: Option<Anthropic>,
    /// Google's Gemini API. Present but empty passes the client's model on.
    #[serde(
        default,
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub gemini: Option<Gemini>,
    /// Google's Vertex AI: Google's models and Anthropic's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vertexai: Option<VertexAi>,
    /// Amazon Bedrock. Present but empty passes the client's model on.
    #[serde(
        default,
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub bedrock: Option<Bedrock>,
    /// Models on Azure, by the name of their resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure: Option<Azure>,
    /// OpenAI's models on Azure, by the host of their resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azureopenai: Option<AzureOpenAi>,
    /// A server of any other make, by the APIs that it has; needs `host`, or a `backendRef` of its
    /// own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<Custom>,
    /// Host to connect to instead of the provider's own; together with `port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub host: Option<String>,
    /// Port of `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// Replaces the whole upstream path; excludes `pathPrefix`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub path: Option<String>,
    /// Replaces the provider's own base path (`/v1`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub path_prefix: Option<String>,
}

/// A provider of a priority group.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamedProvider {
    /// Name, unique within the backend; policies address it by `sectionName`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// What a lone provider says too.
    #[serde(flatten)]
    pub provider: Provider,
    /// Policies of this provider alone; they win over the backend's, field by field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<BackendPolicies>,
}

/// OpenAI.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenAi {
    /// Model that every request is forced to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub model: Option<String>,
    /// Another place for `model`; both with different values are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<OpenAiConfig>,
}

/// Settings of the OpenAI provider.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenAiConfig {
    /// Model that every request is forced to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub model: Option<String>,
}

/// Anthropic.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Anthropic {
    /// Model that every request is forced to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub model: Option<String>,
}

/// Google's Gemini API.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gemini {
    /// Model that every request is forced to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub model: Option<String>,
}

/// Google's Vertex AI.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VertexAi {
    /// Project that pays.
    #[schemars(length(min = 1, max = 64))]
    pub project_id: String,
    /// Model that every request is forced to. One with `claude` in its name is Anthropic's, any
    /// other is Google's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub model: Option<String>,
    /// Location whose models are asked; `global` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[a-z0-9-]+$"))]
    pub region: Option<String>,
}

/// Amazon Bedrock.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bedrock {
    /// Model, or inference profile, that every request is forced to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub model: Option<String>,
    /// Region whose models are asked; `us-east-1` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9-]+$"))]
    pub region: Option<String>,
    /// Guardrail that Bedrock applies to each conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrail: Option<BedrockGuardrail>,
}

/// A guardrail of Bedrock's.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BedrockGuardrail {
    /// Its identifier or ARN.
    #[schemars(length(min = 1, max = 256))]
    pub identifier: String,
    /// Its version: a number, or `DRAFT`.
    #[schemars(length(min = 1, max = 256))]
    pub version: String,
}

/// A resource of Azure.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::AZURE_BY_NAME))]
pub struct Azure {
    /// Name of the resource.
    #[schemars(length(min = 1, max = 256))]
    pub resource_name: String,
    /// Whose address it has.
    pub resource_type: AzureResource,
    /// Project of Foundry whose deployments are asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub project_name: Option<String>,
    /// Version of the API; `v1` by default. One with a date names the deployment in the path, and
    /// needs `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9.-]+$"))]
    pub api_version: Option<String>,
    /// Deployment that every request is sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub model: Option<String>,
}

/// Kinds of resources on Azure that have models.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum AzureResource {
    /// `{resourceName}.openai.azure.com`
    #[default]
    OpenAI,
    /// `{resourceName}.services.ai.azure.com`, with a project.
    Foundry,
}

/// OpenAI's models on Azure.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::AZURE))]
pub struct AzureOpenAi {
    /// Host of the resource: `my-resource.openai.azure.com`.
    #[schemars(length(min = 1, max = 256))]
    pub endpoint: String,
    /// Deployment that every request is sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub deployment_name: Option<String>,
    /// Version of the API, a date; `v1` by default, which names deployments as models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9.-]+$"))]
    pub api_version: Option<String>,
}

/// A fixed host.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StaticBackend {
    /// DNS name or IP address.
    #[schemars(length(min = 1, max = 256))]
    pub host: String,
    /// Port.
    #[schemars(with = "i32", range(min = 1, max = 65535))]
    pub port: u16,
}

/// What the controller and the proxies say about a backend.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackendStatus {
    /// `Accepted`, `ResolvedRefs` and `Healthy`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openai_without_settings_is_present_as_null_and_as_empty() {
        let table = [
            ("{}", None),
            (r#"{"openai":null}"#, Some(OpenAi::default())),
            (r#"{"openai":{}}"#, Some(OpenAi::default())),
        ];
        for (text, want) in table {
            assert_eq!(
                serde_json::from_str::<Provider>(text).unwrap().openai,
                want,
                "{text}"
            );
        }
    }

    #[test]
    fn the_model_may_stand_in_config() {
        let text = r#"{"ai":{"provider":{"openai":{"config":{"model":"gpt-4o"}}}}}"#;
        let spec: AgentgatewayBackendSpec = serde_json::from_str(text).unwrap();
        let openai = spec.ai.unwrap().provider.unwrap().openai.unwrap();
        assert_eq!(openai.config.unwrap().model.as_deref(), Some("gpt-4o"));
        assert_eq!(openai.model, None);
    }
}
