//! `AgentgatewayParameters`: how a Gateway's proxy is set up.

mod deployment;
mod quantity;
mod scaling;
mod service;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

pub use deployment::{
    ContainerName, ContainerOverlay, DeploymentOverlay, DeploymentOverlaySpec, ImagePullSecret,
    Metadata, PodOverlay, PodOverlaySpec, ServiceAccountOverlay, TaintEffect, Toleration,
    TolerationOperator,
};
pub use quantity::{InvalidQuantity, Quantity, Resources};
pub use scaling::{
    Autoscaler, AutoscalerSpec, CountOrShare, DisruptionBudget, DisruptionBudgetSpec, Metric,
    MetricResource, MetricResourceName, MetricTarget, MetricTargetType, MetricType,
};
pub use service::{
    ExternalTrafficPolicy, ServiceOverlay, ServiceOverlayPort, ServiceOverlaySpec, ServiceType,
    TransportProtocol,
};

/// How the proxy of the Gateways that refer to it is set up. What a Gateway's parameters leave out
/// is taken from its GatewayClass's.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[kube(
    group = "agentgateway.dev",
    version = "v1alpha1",
    kind = "AgentgatewayParameters",
    plural = "agentgatewayparameters",
    shortname = "agpar",
    category = "agentgateway",
    namespaced,
    status = "ParametersStatus",
    derive = "PartialEq",
    doc = "How the proxy of the Gateways that refer to it is set up.",
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct AgentgatewayParametersSpec {
    /// What the proxy logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// Number of proxies; 1 by default. An autoscaler overrules it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 0, max = 10000))]
    pub replicas: Option<u32>,
    /// The proxy's image. What is left out is the controller's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// Resources of the proxy's container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// The Service in front of the proxies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceOverlay>,
    /// The Deployment of the proxies, and their pods. It wins over `replicas` and `resources`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentOverlay>,
    /// The ServiceAccount of the proxies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<ServiceAccountOverlay>,
    /// Scales the proxies by their load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizontal_pod_autoscaler: Option<Autoscaler>,
    /// Keeps proxies running while nodes are drained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_disruption_budget: Option<DisruptionBudget>,
    /// What models cost, before what the proxy knows of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_catalog: Option<ModelCatalog>,
    /// How a proxy ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shutdown: Option<Shutdown>,
}

/// What models cost: `{"models": {"my-model": {"input": 0.5, "output": 1.5}}}`, in US dollars per million
/// tokens, beside them `cache_read` and `cache_write`; and `search_unit`, in US dollars for one, of what
/// is paid by the search. Catalogs by provider, as models.dev publishes them, are read too.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelCatalog {
    /// Where the prices are. Of a model that several have, the last one's count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub sources: Vec<CatalogSource>,
}

/// Where prices are.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CatalogSource {
    /// A ConfigMap in the namespace of the parameters.
    pub config_map: CatalogConfigMap,
}

/// A ConfigMap with catalogs.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CatalogConfigMap {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key that holds the catalog; without it every key that does is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub key: Option<String>,
}

/// What the proxy logs.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// Level of the proxy's own log, or levels by module: `info`, `warn,agw_proxy=debug`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub level: Option<String>,
    /// Format of the proxy's own log, `json` by default. The access log is always JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<LogFormat>,
    /// Names of request headers that the access log shows under `request.headers`, beside those
    /// that routes match on. Names of headers that carry credentials are refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<LoggedHeader>", length(max = 32), extend("x-kubernetes-list-type" = "set"))]
    pub request_headers: Vec<String>,
}

/// Format of the proxy's own log.
#[derive(
    Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// Lines for people.
    Text,
}

/// Name of a header.
#[derive(JsonSchema)]
#[schemars(inline)]
struct LoggedHeader(
    #[schemars(length(min = 1, max = 256))]
    #[expect(dead_code, reason = "schema only")]
    String,
);

/// An image, `registry/repository:tag@digest`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// Registry, such as `registry.example.com:5000`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub registry: Option<String>,
    /// Repository within the registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub repository: Option<String>,
    /// Tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub tag: Option<String>,
    /// Digest, such as `sha256:…`; it wins over the tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub digest: Option<String>,
    /// When the image is pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_policy: Option<PullPolicy>,
}

/// When an image is pulled.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum PullPolicy {
    /// Before every start.
    Always,
    /// When the node has it not.
    IfNotPresent,
    /// It must be on the node.
    Never,
}

/// How a proxy ends, in seconds after it is told to.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::SHUTDOWN))]
pub struct Shutdown {
    /// New connections are taken at least this long, so that load balancers can take notice. 5 by
    /// default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 0, max = 86400))]
    pub min: Option<u32>,
    /// Requests under way are cut then. 60 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 86400))]
    pub max: Option<u32>,
}

/// Nothing is said about parameters; the Gateway that refers to them carries the conditions.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParametersStatus {}
