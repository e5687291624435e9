//! `AgentgatewayPolicy`: what is asked of traffic, attached to what it targets.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Duration;
use crate::backend_policy::BackendPolicies;
use crate::rules;
use crate::traffic_fields::traffic;

/// What is asked of the traffic under the policy's targets. Exactly one of `targetRefs` and
/// `targetSelectors`; at least one of `traffic` and `backend`.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[kube(
    group = "agentgateway.dev",
    version = "v1alpha1",
    kind = "AgentgatewayPolicy",
    plural = "agentgatewaypolicies",
    shortname = "agpol",
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
pub struct AgentgatewayPolicySpec {
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
    pub traffic: Option<Traffic>,
    /// Policies of the requests that go to a backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<BackendPolicies>,
}

/// An object by name.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::TARGET))]
pub struct TargetRef {
    /// API group.
    #[schemars(length(max = 253))]
    pub group: String,
    /// Kind: Gateway, HTTPRoute, GRPCRoute or AgentgatewayBackend.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Part of the object: a listener of a Gateway, or a named rule of an HTTPRoute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub section_name: Option<String>,
}

/// Objects of a kind by label.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::TARGET))]
pub struct TargetSelector {
    /// API group.
    #[schemars(length(max = 253))]
    pub group: String,
    /// Kind: Gateway, HTTPRoute, GRPCRoute or AgentgatewayBackend.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Labels that an object must have, all of them.
    pub match_labels: BTreeMap<String, String>,
    /// Part of the object, as in `targetRefs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub section_name: Option<String>,
}

traffic! {
    /// Policies of requests, before a backend is chosen.
    Traffic {}
}

/// When a traffic policy runs.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum Phase {
    /// Before a route is matched, so that its edits can steer the match.
    PreRouting,
    /// After a route is matched.
    #[default]
    PostRouting,
}

/// Time limits of requests.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Timeouts {
    /// Bound on the whole request, until its response starts (and ends, unless it is a stream).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Duration>,
}

/// What the controller says about a policy (GEP-713).
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyStatus {
    /// One entry for each target of the policy, at most 16.
    #[serde(default)]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub ancestors: Vec<PolicyAncestorStatus>,
}

/// What one controller says about a policy under one ancestor.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyAncestorStatus {
    /// The ancestor.
    pub ancestor_ref: AncestorRef,
    /// Who wrote the entry.
    pub controller_name: String,
    /// `Accepted` and `Attached`.
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// A target of the policy; a policy that has none names the GatewayClass.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, Hash, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AncestorRef {
    /// API group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// Part of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section_name: Option<String>,
}
