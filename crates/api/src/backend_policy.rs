//! What is asked of the requests that go to a backend.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Duration;
use crate::access::{HeaderLocation, NamedLocation};
use crate::ai_policy::AiPolicies;
use crate::credential::Credential;
use crate::load_balancing::LoadBalancing;
use crate::presence::null_is_empty;
use crate::refused::Refused;
use crate::retry::Retry;
use crate::rules;
use crate::transformation::Transformation;

/// Policies of a backend: in `AgentgatewayBackend.spec.policies`, of one entry of `ai.groups`, or
/// in a policy's `spec.backend`. The nearest to the endpoint wins, field by field.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackendPolicies {
    /// How requests prove themselves to the backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<BackendAuth>,
    /// Time limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<BackendTimeout>,
    /// HTTP settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<BackendHttp>,
    /// Retries on this backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Active health checks: an authenticated read of the provider's model list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// Passive health: which responses count as failures, and what they lead to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<BackendHealth>,
    /// TLS towards the endpoint. Present but empty means TLS with the system's roots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<BackendTls>,
    /// Edits of the requests that go to this backend and of its responses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transformation: Option<Transformation>,
    /// How requests are shared between the providers of a group. What the first of them says counts
    /// for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancing: Option<LoadBalancing>,
    /// Settings of AI backends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ai: Option<AiPolicies>,
}

/// The API that a request speaks.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum RouteType {
    /// Chat completions, `/v1/chat/completions`.
    Completions,
    /// Anthropic's messages, `/v1/messages`.
    Messages,
    /// Tokens of Anthropic's messages, `/v1/messages/count_tokens`.
    AnthropicTokenCount,
    /// Gemini's `…:generateContent` and `…:streamGenerateContent`.
    GenerateContent,
    /// Gemini's `…:countTokens`.
    GeminiCountTokens,
    /// `/v1/responses`.
    Responses,
    /// `/v1/embeddings`.
    Embeddings,
    /// Cohere's `/v1/rerank` and `/v2/rerank`, and Jina's.
    Rerank,
    /// `/v1/models`.
    Models,
    /// Anything else: sent on without looking into it.
    Passthrough,
}

/// How requests prove themselves; exactly one of the fields.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::AUTH))]
pub struct BackendAuth {
    /// Secret in the same namespace that holds the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
    /// The key itself. A Secret keeps it out of sight; prefer `secretRef`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Credential>,
    /// Sends on the credential that the client sent.
    #[serde(
        default,
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub passthrough: Option<Passthrough>,
    /// Where the key of `secretRef` or `key`, or the client's own, goes; the provider's own header
    /// by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<AuthLocation>,
    /// Signs requests to Amazon Bedrock with a key of AWS.
    #[serde(
        default,
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub aws: Option<AwsAuth>,
    /// Sends a token of Google's.
    #[serde(
        default,
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub gcp: Option<GcpAuth>,
    /// Sends a token of Microsoft Entra's.
    #[serde(
        default,
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub azure: Option<AzureAuth>,
}

/// Where a key goes on a request; exactly one of the fields.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::KEY_LOCATION))]
pub struct AuthLocation {
    /// A header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<HeaderLocation>,
    /// A parameter of the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_parameter: Option<NamedLocation>,
    /// A cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<NamedLocation>,
}

/// A key of AWS.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::AWS))]
pub struct AwsAuth {
    /// Secret in the same namespace with `accessKey`, `secretKey` and, of keys that expire,
    /// `sessionToken`. Without it the gateway's own role signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretName>,
    /// Role that the gateway's own assumes, whose keys sign then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assume_role: Option<AssumeRole>,
    /// Region that signatures are good for; the provider's by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub region: Option<String>,
}

/// A role of AWS.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::ASSUME_ROLE))]
pub struct AssumeRole {
    /// The role, as `arn:aws:iam::123456789012:role/name`.
    #[schemars(
        length(min = 1, max = 2048),
        regex(pattern = "^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$")
    )]
    pub role_arn: String,
    /// Name of the sessions, as AWS's logs show it; `agentgateway` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 64), regex(pattern = r"^[\w+=,.@-]{2,64}$"))]
    pub session_name: Option<String>,
    /// Not served, and refused: one session is for all requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(max = 16384))]
    pub session_name_expression: Option<Refused>,
    /// Tags of the sessions, which policies of AWS may look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["key"]))]
    pub tags: Vec<SessionTag>,
}

/// A tag of sessions.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::SESSION_TAG))]
pub struct SessionTag {
    /// Key.
    #[schemars(length(min = 1, max = 128))]
    pub key: String,
    /// Value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub value: Option<String>,
    /// Not served, and refused: one session is for all requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(max = 16384))]
    pub expression: Option<Refused>,
}

/// A token of Google's.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::GCP))]
pub struct GcpAuth {
    /// Secret in the same namespace that holds the key file of a service account. Without it the
    /// token is the gateway's own account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
    /// What kind of token; an access token by default.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<GcpTokenType>,
    /// Whom an ID token is for; the backend's host by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub audience: Option<String>,
}

/// Kinds of Google's tokens.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum GcpTokenType {
    /// For Google's APIs.
    AccessToken,
    /// For services that want to know who asks, as Cloud Run does.
    IdToken,
}

/// A token of Microsoft Entra's: at most one of the fields; none of them means the pod's workload
/// identity where it has one, else the identity of its machine.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::AZURE_AUTH))]
pub struct AzureAuth {
    /// Secret in the same namespace with `clientId`, `tenantId` and `clientSecret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretName>,
    /// An identity of the machine that the gateway runs on.
    #[serde(
        default,
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub managed_identity: Option<AzureManagedIdentity>,
    /// The token that the cluster gives the gateway's pod.
    #[serde(
        default,
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub workload_identity: Option<AzureWorkloadIdentity>,
}

/// Which of a machine's identities; none of the fields means the only one.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::AZURE_IDENTITY))]
pub struct AzureManagedIdentity {
    /// By its client's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub client_id: Option<String>,
    /// By its object's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub object_id: Option<String>,
    /// By its resource's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub resource_id: Option<String>,
}

/// The pod's own token; it has no settings.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AzureWorkloadIdentity {}

/// A Secret in the referring object's namespace.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretName {
    /// Secret name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Sends on the client's credential; it has no settings.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Passthrough {}

/// A key of a Secret in the referring object's namespace.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Secret name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key within the Secret; `Authorization` by default. A leading `Bearer ` of its value is not
    /// doubled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub key: Option<String>,
}

/// Time limits of a backend.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackendTimeout {
    /// Bound on one attempt, until its response starts (and ends, unless it is a stream).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Duration>,
}

/// HTTP settings of a backend.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackendHttp {
    /// The same as `timeout.request`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_timeout: Option<Duration>,
}

/// Active health checks.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// Time between two checks of an endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// Bound on one check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Consecutive failures, of requests or checks, that eject the endpoint. 5 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 1000))]
    pub unhealthy_threshold: Option<u32>,
    /// Consecutive good checks that restore it at once. 1 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 1000))]
    pub healthy_threshold: Option<u32>,
}

/// Passive health.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackendHealth {
    /// Expression over `response` that is true for a failure; without it 5xx, 429 and no response
    /// are failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub unhealthy_condition: Option<String>,
    /// What failures lead to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eviction: Option<Eviction>,
}

/// When failures take an endpoint out, and for how long.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Eviction {
    /// Length of the first eviction; it doubles each time, up to five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
    /// Consecutive failures that evict. 5 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 1000))]
    pub consecutive_failures: Option<u32>,
}

/// TLS towards an endpoint.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackendTls {
    /// Server name to ask for and verify; the endpoint's host by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub sni: Option<String>,
    /// Which checks of the server's certificate are skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insecure_skip_verify: Option<InsecureSkipVerify>,
}

/// Checks of a server certificate that are skipped.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum InsecureSkipVerify {
    /// Any certificate is taken.
    All,
}
