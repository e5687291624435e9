//! Edits of requests and responses whose values are expressions.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Edits of a request and of its response.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transformation {
    /// Edits of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<MessageTransformation>,
    /// Edits of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<MessageTransformation>,
}

/// Edits of requests and of their responses, or edits by condition.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = crate::rules::TRANSFORMATION))]
pub struct TrafficTransformation {
    /// Edits of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<MessageTransformation>,
    /// Edits of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<MessageTransformation>,
    /// Edits by condition: the first entry whose condition holds counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub conditional: Vec<ConditionalTransformation>,
}

/// Edits for the requests that a condition holds for.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConditionalTransformation {
    /// CEL expression that is true or false; the last entry may go without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub condition: Option<String>,
    /// The edits.
    pub policy: Transformation,
}

/// Edits of one message, made in the order remove, set, add, body.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageTransformation {
    /// Headers that replace what the message has under their names. A header whose expression
    /// fails is absent, also if the sender put one there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub set: Vec<HeaderExpression>,
    /// Headers that are added beside what the message has under their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub add: Vec<HeaderExpression>,
    /// Names of headers that are taken off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub remove: Vec<String>,
    /// Expression for the new body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub body: Option<String>,
    /// Values that later expressions of the same request read as `metadata.<name>`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// A header and the expression for its value.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderExpression {
    /// Header name.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// CEL expression for the value.
    #[schemars(length(min = 1, max = 16384))]
    pub value: String,
}

/// The enterprise spelling of [`MessageTransformation`].
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InlineTransformation {
    /// Edits that are written in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<InlineMessage>,
}

/// Edits of one message.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InlineMessage {
    /// Header edits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<InlineHeaders>,
    /// Expression for the new body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub body: Option<String>,
}

/// Header edits as maps from name to expression.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InlineHeaders {
    /// Headers by name. They overwrite what the client sent under the name, so that a client
    /// cannot choose a computed header's value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub add: BTreeMap<String, String>,
    /// Headers by name that replace what the message has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// Names of headers that are taken off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub remove: Vec<String>,
}
