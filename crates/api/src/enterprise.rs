//! The enterprise dialect: the same policies in another group, with its own transformation form.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::backend_policy::BackendPolicies;
use crate::parameters::{
    AgentgatewayParametersSpec, Autoscaler, DeploymentOverlay, DisruptionBudget, Image, Logging,
    ModelCatalog, ParametersStatus, Resources, ServiceAccountOverlay, ServiceOverlay, Shutdown,
};
use crate::policy::{PolicyStatus, TargetRef, TargetSelector};
use crate::rules;
use crate::traffic_fields::traffic;
use crate::transformation::InlineTransformation;

/// What is asked of the traffic under the policy's targets. Exactly one of `targetRefs` and
/// `targetSelectors`; at least one of `traffic` and `backend`.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[kube(
    group = "enterpriseagentgateway.solo.io",
    version = "v1alpha1",
    kind = "EnterpriseAgentgatewayPolicy",
    plural = "enterpriseagentgatewaypolicies",
    shortname = "eagpol",
    category = "agentgateway",
    namespaced,
    status = "PolicyStatus",
    derive = "PartialEq",
    doc = "What is asked of the traffic under Gateways, routes and backends.",
    printcolumn = r#"{"name":"Target","type":"string","jsonPath":".spec.targetRefs[*].name"}"#,
    printcolumn = r#"{"name":"Accepted","type":"string","jsonPath":".status.ancestors[*].conditions[?(@.type=='Accepted')].status"}"#,
    printcolumn = r#"{"name":"Attached","type":"string","jsonPath":".status.ancestors[*].conditions[?(@.type=='Attached')].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::POLICY))]
pub struct EnterpriseAgentgatewayPolicySpec {
    /// Objects in the same namespace that the policy is attached to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub target_refs: Vec<TargetRef>,
    /// Attaches the policy to every object of a kind that has the labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub target_selectors: Vec<TargetSelector>,
    /// Policies of requests, before a backend is chosen. Targets: Gateway, HTTPRoute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<EnterpriseTraffic>,
    /// Policies of the requests that go to a backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<BackendPolicies>,
}

traffic! {
    /// Policies of requests, before a backend is chosen.
    EnterpriseTraffic {
        /// Edits of the request before a route is matched, so that they can steer the match.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub request_transformation: Option<InlineTransformation>,
        /// Edits of the response.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub response_transformation: Option<InlineTransformation>,
    }
}

/// How the proxy of the Gateways that refer to it is set up. What a Gateway's parameters leave out
/// is taken from its GatewayClass's.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[kube(
    group = "enterpriseagentgateway.solo.io",
    version = "v1alpha1",
    kind = "EnterpriseAgentgatewayParameters",
    plural = "enterpriseagentgatewayparameters",
    shortname = "eagpar",
    category = "agentgateway",
    namespaced,
    status = "ParametersStatus",
    derive = "PartialEq",
    doc = "How the proxy of the Gateways that refer to it is set up.",
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct EnterpriseAgentgatewayParametersSpec {
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

impl EnterpriseAgentgatewayParametersSpec {
    /// The same in the open dialect.
    pub fn standard(&self) -> AgentgatewayParametersSpec {
        AgentgatewayParametersSpec {
            logging: self.logging.clone(),
            replicas: self.replicas,
            image: self.image.clone(),
            resources: self.resources.clone(),
            service: self.service.clone(),
            deployment: self.deployment.clone(),
            service_account: self.service_account.clone(),
            horizontal_pod_autoscaler: self.horizontal_pod_autoscaler.clone(),
            pod_disruption_budget: self.pod_disruption_budget.clone(),
            model_catalog: self.model_catalog.clone(),
            shutdown: self.shutdown,
        }
    }
}
