//! Fixed edits of headers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Edits of the headers of requests and of responses.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderModifiers {
    /// Of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<HeaderModifier>,
    /// Of responses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<HeaderModifier>,
}

/// Edits of headers, in this order: `set`, `add`, `remove`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderModifier {
    /// Headers that replace what is there under their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub set: Vec<HeaderValue>,
    /// Headers that come beside what is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub add: Vec<HeaderValue>,
    /// Names of headers that are taken out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "set"))]
    pub remove: Vec<String>,
}

/// A header and its value.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderValue {
    /// Name.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// Value, as it is written.
    #[schemars(length(min = 1, max = 4096))]
    pub value: String,
}
