//! The enterprise dialect: the same policies in another group, with its own transformation form.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::{ApiKeyAuthentication, Authorization, BasicAuthentication, JwtAuthentication};
use crate::backend_policy::BackendPolicies;
use crate::parameters::{
    AgentgatewayParametersSpec, Autoscaler, DeploymentOverlay, DisruptionBudget, Image, Logging,
    ModelCatalog, ParametersStatus, Resources, ServiceAccountOverlay, ServiceOverlay, Shutdown,
};
use crate::policy::{Phase, PolicyStatus, TargetRef, TargetSelector, Timeouts, Traffic};
use crate::rate_limit::RateLimit;
use crate::retry::Retry;
use crate::rules;
use crate::traffic::{Cors, Csrf, Delay, DirectResponse, HeaderModifiers};
use crate::transformation::{InlineTransformation, Transformation};

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

/// Policies of requests, before a backend is chosen.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::TRAFFIC))]
pub struct EnterpriseTraffic {
    /// When `transformation` runs; `PostRouting` by default. `PreRouting` is for Gateways only and
    /// excludes `timeouts` and `retry`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Edits of the request and its response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transformation: Option<Transformation>,
    /// Time limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<Timeouts>,
    /// Retries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Which pages of other origins may read the answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// Tokens that requests have to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt_authentication: Option<JwtAuthentication>,
    /// Names and passwords that requests have to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic_authentication: Option<BasicAuthentication>,
    /// Keys that requests have to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_authentication: Option<ApiKeyAuthentication>,
    /// What requests must or must not be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Authorization>,
    /// How many requests, or tokens of models, may pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// Guards against requests that another site's page makes in a user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csrf: Option<Csrf>,
    /// A wait before requests go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    /// Headers that are set, added and taken off, with fixed values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_modifiers: Option<HeaderModifiers>,
    /// The gateway answers itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct_response: Option<DirectResponse>,
    /// Edits of the request before a route is matched, so that they can steer the match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_transformation: Option<InlineTransformation>,
    /// Edits of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_transformation: Option<InlineTransformation>,
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

impl EnterpriseTraffic {
    /// The part that both dialects share.
    pub fn standard(&self) -> Traffic {
        Traffic {
            phase: self.phase,
            transformation: self.transformation.clone(),
            timeouts: self.timeouts.clone(),
            retry: self.retry.clone(),
            cors: self.cors.clone(),
            jwt_authentication: self.jwt_authentication.clone(),
            basic_authentication: self.basic_authentication.clone(),
            api_key_authentication: self.api_key_authentication.clone(),
            authorization: self.authorization.clone(),
            rate_limit: self.rate_limit.clone(),
            csrf: self.csrf.clone(),
            delay: self.delay.clone(),
            header_modifiers: self.header_modifiers.clone(),
            direct_response: self.direct_response.clone(),
        }
    }
}
