//! How much of what may pass in which time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::{BackendObjectRef, SecretKey};
use crate::ext_auth::FailureMode;
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
    /// Limits that all proxies count together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global: Option<GlobalRateLimit>,
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
#[schemars(extend("x-kubernetes-validations" = rules::RATE_LIMITS))]
pub struct RateLimits {
    /// Limits that each proxy counts for itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub local: Vec<LocalRateLimit>,
    /// Limits that all proxies count together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global: Option<GlobalRateLimit>,
}

/// Limits that a server counts for all proxies, asked as Envoy asks it:
/// `envoy.service.ratelimit.v3.RateLimitService`. The server knows the limits.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::GLOBAL_LIMIT))]
pub struct GlobalRateLimit {
    /// The server: a Service, or an AgentgatewayBackend of kind `static`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_ref: Option<BackendObjectRef>,
    /// The server's URL, in the place of `backendRef`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 1024),
        regex(pattern = r"^(https?|rediss?)://[^/?#@]+$")
    )]
    pub url: Option<String>,
    /// The server is Redis itself, with no service before it: each of `descriptors` has its
    /// `limit`. A `url` is `redis://` or `rediss://` then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis: Option<RedisCounter>,
    /// Which of the server's configurations it is.
    #[schemars(length(min = 1, max = 256))]
    pub domain: String,
    /// What the server counts by. A request has to be within the limits of all of them.
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub descriptors: Vec<RateLimitDescriptor>,
    /// What becomes of requests while the server does not answer; `FailClosed` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_mode: Option<FailureMode>,
}

/// What a server counts by, and what is counted.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitDescriptor {
    /// Names and values, in the order in which the server knows them. Where one has no value, the
    /// request is not counted by this descriptor.
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub entries: Vec<RateLimitEntry>,
    /// What is counted; `Requests` by default. `Tokens` of models are counted when an answer's
    /// usage is known, and until then a request passes where the limit is not reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<CountedUnit>,
    /// CEL expression for how much is counted, in the place of one request or of the answer's
    /// tokens: `uint(llm.cost.total * 1000000)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub cost: Option<String>,
    /// CEL expression for the limit, in the place of the server's:
    /// `{"requestsPerUnit": 10, "unit": "MINUTE"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub limit_override: Option<String>,
    /// The limit, with `redis` only. Its window begins with the first that is counted in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<CountedLimit>,
}

/// How one is let into Redis.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedisCounter {
    /// The user, if it is not the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub username: Option<String>,
    /// A Secret that has the password under `password`, or under the key named here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKey>,
    /// Number of the database; 0 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 0, max = 65535))]
    pub database: Option<u16>,
}

/// How much may be counted in a unit of time.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CountedLimit {
    /// How much.
    #[schemars(with = "i32", range(min = 1, max = 2147483647))]
    pub amount: u32,
    /// The unit of time.
    pub unit: WindowUnit,
}

/// A unit of time.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum WindowUnit {
    #[default]
    Seconds,
    Minutes,
    Hours,
    Days,
    Months,
    Years,
}

/// A name and a value that are counted by.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitEntry {
    /// The name.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// CEL expression for the value.
    #[schemars(length(min = 1, max = 16384))]
    pub expression: String,
}

/// What is counted.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum CountedUnit {
    #[default]
    Requests,
    Tokens,
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
