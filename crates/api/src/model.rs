//! `AgentgatewayModel`: a model that a listener offers by its name.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::Authorization;
use crate::ai_policy::FieldTransformation;
use crate::backend::{AzureResource, BedrockGuardrail, CustomFormat, ServiceRef};
use crate::backend_policy::{BackendAuth, BackendHealth, BackendTls};
use crate::prompt_guard::PromptGuard;
use crate::refused::Refused;
use crate::rules;
use crate::traffic::HeaderModifiers;

/// A model of a provider, or a virtual one that stands for others. Exactly one of `provider` and
/// `virtualModel`.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[kube(
    group = "agentgateway.dev",
    version = "v1alpha1",
    kind = "AgentgatewayModel",
    plural = "agentgatewaymodels",
    shortname = "agmodel",
    category = "agentgateway",
    namespaced,
    status = "ModelStatus",
    derive = "PartialEq",
    doc = "A model that a listener offers by its name: one of a provider, or one that stands for others.",
    printcolumn = r#"{"name":"Model Match","type":"string","jsonPath":".spec.match.model"}"#,
    printcolumn = r#"{"name":"Accepted","type":"string","jsonPath":".status.parents[*].conditions[?(@.type=='Accepted')].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::MODEL))]
pub struct AgentgatewayModelSpec {
    /// Gateways or ListenerSets whose listeners offer the model. A listener has to allow the kind
    /// in its `allowedRoutes.kinds`.
    #[schemars(length(min = 1, max = 16))]
    pub parent_refs: Vec<ModelParentRef>,
    /// By which names clients ask for it; its own name by default.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub match_: Option<ModelMatch>,
    /// Whose model it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ModelProvider>,
    /// Where the provider is reached when not at its own address: an `http` or `https` URL.
    #[serde(default, rename = "baseURL", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub base_url: Option<String>,
    /// Where on Azure it is; for `provider: Azure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure: Option<ModelAzure>,
    /// Where on Bedrock it is; for `provider: Bedrock`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bedrock: Option<ModelBedrock>,
    /// Where on Vertex AI it is; for `provider: VertexAI`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vertexai: Option<ModelVertexAi>,
    /// The APIs that the server has; for `provider: Custom`, with `baseURL` or a `backendRef`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<ModelCustom>,
    /// Policies of the requests that go to the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<ModelPolicies>,
    /// The models that it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_model: Option<VirtualModel>,
    /// Whether clients may ask for it; `Public` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
}

/// A Gateway or ListenerSet.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelParentRef {
    /// API group; `gateway.networking.k8s.io` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub group: Option<String>,
    /// Kind; `Gateway` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub kind: Option<String>,
    /// Namespace; the model's own by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Name of a listener; all of them by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub section_name: Option<String>,
    /// Port of listeners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
}

/// Names of models.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::MODEL_MATCH))]
pub struct ModelMatch {
    /// A name, a beginning (`gpt-*`), an end (`*-latest`) or any (`*`). An exact name wins, then
    /// the longest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub model: Option<String>,
}

/// Providers of models.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum ModelProvider {
    /// Anthropic.
    Anthropic,
    /// Azure OpenAI or Foundry; see `azure`.
    Azure,
    /// Baseten.
    Baseten,
    /// Amazon Bedrock; see `bedrock`.
    Bedrock,
    /// Cerebras.
    Cerebras,
    /// Cohere.
    Cohere,
    /// A server of any other make; see `custom`.
    Custom,
    /// DeepInfra.
    Deepinfra,
    /// DeepSeek.
    Deepseek,
    /// Fireworks.
    Fireworks,
    /// Google's Gemini API.
    Gemini,
    /// Groq.
    Groq,
    /// Hugging Face's router.
    Huggingface,
    /// Mistral.
    Mistral,
    /// Ollama; needs `baseURL`.
    Ollama,
    /// OpenAI, or with `baseURL` anything that speaks its API.
    OpenAI,
    /// OpenRouter.
    Openrouter,
    /// Together AI.
    TogetherAI,
    /// Google's Vertex AI; see `vertexai`.
    VertexAI,
    /// xAI.
    XAI,
}

/// A resource of Azure.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::AZURE_RESOURCE))]
pub struct ModelAzure {
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
    /// is for a model with an exact name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9.-]+$"))]
    pub api_version: Option<String>,
}

/// A region of Bedrock.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelBedrock {
    /// Region whose models are asked; `us-east-1` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9-]+$"))]
    pub region: Option<String>,
    /// Guardrail that Bedrock applies to each conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrail: Option<BedrockGuardrail>,
}

/// A project and a location of Vertex AI.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelVertexAi {
    /// Project that pays.
    #[schemars(length(min = 1, max = 64))]
    pub project_id: String,
    /// Location whose models are asked; `global` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[a-z0-9-]+$"))]
    pub region: Option<String>,
}

/// A server that says which APIs it has.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelCustom {
    /// Service whose endpoints are the server; instead of `baseURL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_ref: Option<ServiceRef>,
    /// The APIs.
    #[schemars(length(min = 1, max = 6), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub formats: Vec<CustomFormat>,
}

/// Policies of the requests to one model.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::MODEL_POLICIES))]
pub struct ModelPolicies {
    /// How requests prove themselves to the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<BackendAuth>,
    /// Passive health: which responses count as failures, and what they lead to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<BackendHealth>,
    /// TLS towards the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<BackendTls>,
    /// Fixed edits of the headers of requests to the model, and of its responses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<HeaderModifiers>,
    /// Members of a request's body that are computed from it, which is `llmRequest` there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["field"]))]
    pub transformations: Vec<FieldTransformation>,
    /// The same in the words of the provider, after the translation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["field"]))]
    pub final_transformations: Vec<FieldTransformation>,
    /// Which requests may go to the model, also by way of a virtual one. Expressions see the name
    /// that the client asks for as `llm.requestModel`, and the body as `llmRequest`. Where it is
    /// not valid, nobody may ask for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Authorization>,
    /// What may not be said to the model, and by it; instead of what policies on the Gateway say.
    /// Where it is not valid, nobody may ask for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_guard: Option<PromptGuard>,
    /// Not served on a model, and refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tunnel: Option<Refused>,
}

/// How a virtual model chooses; exactly one of the fields.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::VIRTUAL_MODEL))]
pub struct VirtualModel {
    /// By turns, in proportion to weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weighted: Option<Weighted>,
    /// The first that is healthy; the next when a request fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<Failover>,
    /// The first whose condition holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditional: Option<Conditional>,
}

/// Models with weights.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Weighted {
    /// The models.
    #[schemars(length(min = 1, max = 64))]
    pub targets: Vec<WeightedTarget>,
}

/// A model and its weight.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WeightedTarget {
    /// An AgentgatewayModel in the same namespace.
    pub model_ref: ModelRef,
    /// Model to ask it for; the name that it has by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub model: Option<String>,
    /// Share of the requests; 1 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 1_000_000))]
    pub weight: Option<u32>,
}

/// Models by priority.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failover {
    /// The models.
    #[schemars(length(min = 1, max = 64))]
    pub targets: Vec<FailoverTarget>,
}

/// A model and its priority.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailoverTarget {
    /// An AgentgatewayModel in the same namespace.
    pub model_ref: ModelRef,
    /// Model to ask it for; the name that it has by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub model: Option<String>,
    /// The least comes first. Those of the least share the requests; of others the first that is
    /// written comes first.
    #[schemars(with = "i32", range(min = 0, max = 1_000_000))]
    pub priority: u32,
}

/// Models with conditions.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Conditional {
    /// The models. A request for which no condition holds is for none of them.
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-validations" = rules::CONDITIONAL))]
    pub targets: Vec<ConditionalTarget>,
}

/// A model and when it is asked.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConditionalTarget {
    /// An AgentgatewayModel in the same namespace.
    pub model_ref: ModelRef,
    /// Model to ask it for; the name that it has by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub model: Option<String>,
    /// Expression over the request, whose body is `llmRequest` there. The last target may have
    /// none: it takes the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub when: Option<String>,
}

/// An AgentgatewayModel in the same namespace.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelRef {
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Whether clients may ask for a model.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum Visibility {
    /// They may.
    #[default]
    Public,
    /// Only virtual models lead to it.
    Internal,
}

/// What controllers say about a model.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelStatus {
    /// One entry for each parent and controller, at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub parents: Vec<ModelParentStatus>,
}

/// What one controller says about a model under one parent.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelParentStatus {
    /// The parent.
    pub parent_ref: ModelParentRef,
    /// Who wrote the entry.
    pub controller_name: String,
    /// `Accepted` and `ResolvedRefs`.
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
