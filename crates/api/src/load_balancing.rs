//! How requests are shared.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Duration;
use crate::access::NamedLocation;
use crate::rules;

/// How requests are shared between what is equally good.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoadBalancing {
    /// Requests that belong together go to the same provider, so that its prompt cache stays warm:
    /// as long as it is healthy, and again when it is back. Requests that show nothing are shared
    /// as usual.
    pub sticky: Sticky,
}

/// By what requests belong together; exactly one of the fields.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::STICKY))]
pub struct Sticky {
    /// The value of a header that clients send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<NamedLocation>,
    /// A cookie that the gateway gives to each client that brings none. It says nothing of
    /// providers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<StickyCookie>,
    /// The value of an expression over the request, whose body is `llmRequest` there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub expression: Option<String>,
}

/// A cookie that the gateway gives to clients.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StickyCookie {
    /// Its name.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// How long a client keeps it; until its own session ends by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
}
