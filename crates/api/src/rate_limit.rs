//! How much of what may pass in which time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

/// Limits on the requests under the policy's target.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::RATE_LIMIT))]
pub struct RateLimit {
    /// Limits that each proxy counts for itself. A request has to be within all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub local: Vec<LocalRateLimit>,
    /// Limits by condition: the first entry whose condition holds counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub conditional: Vec<ConditionalRateLimit>,
}

/// Limits for the requests that a condition holds for.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConditionalRateLimit {
    /// CEL expression that is true or false; the last entry may go without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub condition: Option<String>,
    /// The limits.
    pub policy: RateLimits,
}

/// Limits.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimits {
    /// Limits that each proxy counts for itself.
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub local: Vec<LocalRateLimit>,
}

/// One limit.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::LOCAL_LIMIT))]
pub struct LocalRateLimit {
    /// Requests in a unit of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 2147483647))]
    pub requests: Option<u32>,
    /// Tokens of models in a unit of time. A request is let in while some are left, and counted
    /// when its usage is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 2147483647))]
    pub tokens: Option<u32>,
    /// The unit of time.
    pub unit: RateLimitUnit,
    /// How many more may come at once after a quiet time; 0 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 0, max = 2147483647))]
    pub burst: Option<u32>,
    /// CEL expression: requests with the same value share a limit, others have their own. All
    /// share one when this is absent, and so do those for which it has no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub key: Option<String>,
}

/// A unit of time.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum RateLimitUnit {
    #[default]
    Seconds,
    Minutes,
    Hours,
}
