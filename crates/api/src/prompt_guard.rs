//! What may not be said to a model, or by one.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::BackendObjectRef;
use crate::refused::Refused;
use crate::rules;

/// Guards of what goes to models and comes from them. The guards of a list are asked in order, and
/// each sees what those before it have left.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::PROMPT_GUARD))]
pub struct PromptGuard {
    /// Of what clients say, before anything else is made of their requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub request: Vec<RequestGuard>,
    /// Of what models answer, in the format of the client.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub response: Vec<ResponseGuard>,
    /// Whether answers that come bit by bit are looked at too. `Enabled` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streaming: Option<GuardStreaming>,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum GuardStreaming {
    Enabled,
    Disabled,
}

/// A guard of requests.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::REQUEST_GUARD))]
pub struct RequestGuard {
    /// Looks for patterns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<RegexGuard>,
    /// Asks a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<GuardWebhook>,
    /// Not served: a policy with it is not accepted, and what it targets is closed.
    #[serde(
        default,
        rename = "openAIModeration",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<Refused>")]
    pub open_ai_moderation: Option<Value>,
    /// Not served: a policy with it is not accepted, and what it targets is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Refused>")]
    pub bedrock_guardrails: Option<Value>,
    /// Not served: a policy with it is not accepted, and what it targets is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Refused>")]
    pub google_model_armor: Option<Value>,
    /// What a client is told whose request is rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<GuardResponse>,
    /// Where it looks; everywhere by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub scope: Vec<GuardScope>,
}

/// A guard of answers.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::RESPONSE_GUARD))]
pub struct ResponseGuard {
    /// Looks for patterns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<RegexGuard>,
    /// Asks a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<GuardWebhook>,
    /// Not served: a policy with it is not accepted, and what it targets is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Refused>")]
    pub bedrock_guardrails: Option<Value>,
    /// Not served: a policy with it is not accepted, and what it targets is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Refused>")]
    pub google_model_armor: Option<Value>,
    /// What a client is told whose answer is rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<GuardResponse>,
}

/// Patterns, and what becomes of what they match.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegexGuard {
    /// `Mask` puts something else in the place of a match: `<CREDIT_CARD>` and the like for
    /// built-in kinds, `<masked>` for patterns. `Reject` ends the request. `Mask` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("enum" = ["Mask", "Reject", "MASK", "REJECT"]))]
    pub action: Option<GuardAction>,
    /// Regular expressions in the syntax of RE2. They match anywhere in a text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 1024)))]
    pub matches: Vec<String>,
    /// Kinds of data about persons that are known by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub builtins: Vec<GuardBuiltin>,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardAction {
    #[serde(alias = "MASK")]
    Mask,
    #[serde(alias = "REJECT")]
    Reject,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum GuardBuiltin {
    /// Numbers of payment cards, by issuer, length and check digit.
    CreditCard,
    /// Social security numbers of the United States.
    Ssn,
    /// Addresses of mail.
    Email,
    /// Numbers of telephones, national and international.
    PhoneNumber,
    /// Social insurance numbers of Canada, by check digit.
    CaSin,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum GuardScope {
    /// What the system says.
    SystemPrompt,
    /// What is said by those who take part.
    Messages,
    /// What tools are called with.
    ToolInput,
    /// What tools have answered.
    ToolOutput,
}

/// A server that is shown what is said, at `/request` and `/response`, and says what becomes of it.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuardWebhook {
    /// The server: a Service, or a `static` AgentgatewayBackend without policies.
    pub backend_ref: BackendObjectRef,
    /// What becomes of a message when the server does not answer, or makes no sense. `FailClosed`
    /// by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_mode: Option<GuardFailureMode>,
    /// Headers of the client's request that the server gets too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub forward_header_matches: Vec<ForwardHeaderMatch>,
    /// Headers that the server gets, by name: CEL expressions on the client's request, whose body is
    /// `llmRequest` there. `:path` is where it is asked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub headers: BTreeMap<String, String>,
}

/// What becomes of a text that cannot be looked at.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum GuardFailureMode {
    FailClosed,
    FailOpen,
}

/// A header whose value matches.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForwardHeaderMatch {
    /// Name of the header.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// How `value` is compared: `Exact` by default.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ForwardMatchType>,
    /// The value, or a pattern that the whole of it matches.
    #[schemars(length(min = 1, max = 4096))]
    pub value: String,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum ForwardMatchType {
    #[default]
    Exact,
    RegularExpression,
}

/// What a client is told.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuardResponse {
    /// `The request was rejected due to inappropriate content` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// 403 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 200, max = 599))]
    pub status_code: Option<u16>,
}
