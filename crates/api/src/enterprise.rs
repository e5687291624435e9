//! The enterprise dialect: the same policies in another group, with its own transformation form.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::backend_policy::BackendPolicies;
use crate::parameters::{Logging, ParametersStatus};
use crate::policy::{Phase, PolicyStatus, TargetRef, TargetSelector, Timeouts, Traffic};
use crate::retry::Retry;
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
    printcolumn = r#"{"name":"Accepted","type":"string","jsonPath":".status.ancestors[*].conditions[?(@.type=='Accepted')].status"}"#,
    printcolumn = r#"{"name":"Attached","type":"string","jsonPath":".status.ancestors[*].conditions[?(@.type=='Attached')].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
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
    /// Edits of the request before a route is matched, so that they can steer the match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_transformation: Option<InlineTransformation>,
    /// Edits of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_transformation: Option<InlineTransformation>,
}

/// How the proxy of the Gateways that refer to it is set up.
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
    /// The proxy's own log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
}

impl EnterpriseTraffic {
    /// The part that both dialects share.
    pub fn standard(&self) -> Traffic {
        Traffic {
            phase: self.phase,
            transformation: self.transformation.clone(),
            timeouts: self.timeouts.clone(),
            retry: self.retry.clone(),
        }
    }
}
