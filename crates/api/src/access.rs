//! Who may pass: what requests have to show, and what is decided by it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Duration;
use crate::credential::Credential;
use crate::rules;

/// Tokens of a known issuer (RFC 7519).
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JwtAuthentication {
    /// What happens to requests without a token, or with one that is not valid; `Strict` by
    /// default.
    #[serde(default)]
    pub mode: AuthenticationMode,
    /// Who issues tokens. A token is checked by the provider that is its `iss`.
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub providers: Vec<JwtProvider>,
    /// Where the token stands; `Authorization: Bearer …` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<CredentialLocation>,
}

/// What is asked of a request's credentials.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum AuthenticationMode {
    /// They are there, and valid.
    #[default]
    Strict,
    /// They are valid, or not there.
    Optional,
    /// Nothing: what they say is known where they are valid.
    Permissive,
}

/// What is asked of a request's name and password.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum BasicMode {
    /// They are there, and right.
    #[default]
    Strict,
    /// They are right, or not there.
    Optional,
}

/// One issuer of tokens.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JwtProvider {
    /// `iss` of its tokens.
    #[schemars(length(min = 1, max = 256))]
    pub issuer: String,
    /// Of which `aud` has to have one; anybody's tokens are taken when this is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub audiences: Vec<String>,
    /// The keys that its tokens are signed with.
    pub jwks: Jwks,
}

/// Public keys (RFC 7517).
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::JWKS))]
pub struct Jwks {
    /// A JSON Web Key Set, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 65536))]
    pub inline: Option<String>,
    /// Where the issuer publishes its keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemoteJwks>,
}

/// Keys that are fetched.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemoteJwks {
    /// The server: a Service, or an AgentgatewayBackend of kind `static`.
    pub backend_ref: BackendObjectRef,
    /// Path of the keys on the server.
    #[schemars(length(min = 1, max = 2048))]
    pub jwks_path: String,
    /// How long keys are used before they are fetched again; 5 minutes by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_duration: Option<Duration>,
}

/// A server that the gateway itself asks.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackendObjectRef {
    /// API group; the core group by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub group: Option<String>,
    /// Kind; `Service` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub kind: Option<String>,
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace; the policy's own by default. Another one needs a ReferenceGrant there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// Port of a Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 65535))]
    pub port: Option<u16>,
}

/// Where a request has a credential.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::LOCATION))]
pub struct CredentialLocation {
    /// In a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<HeaderLocation>,
    /// In a parameter of the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_parameter: Option<NamedLocation>,
    /// In a cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<NamedLocation>,
    /// Where this CEL expression finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub expression: Option<String>,
}

/// A header that has a credential, or is to have one.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderLocation {
    /// Header name.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// What stands before the credential, the space between them included: `Bearer `. Where it is
    /// looked for, letter case does not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub prefix: Option<String>,
}

/// A query parameter or cookie that has a credential, or is to have one.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamedLocation {
    /// Its name.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
}

/// Keys that the gateway's owner hands out.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::API_KEYS))]
pub struct ApiKeyAuthentication {
    /// What happens to requests without a key, or with one that is not known; `Strict` by default.
    #[serde(default)]
    pub mode: AuthenticationMode,
    /// A Secret whose values are keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretName>,
    /// The Secrets with these labels, in the policy's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_selector: Option<LabelSelector>,
    /// The ConfigMaps with these labels, in the policy's namespace: their values are hashes of
    /// keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_selector: Option<LabelSelector>,
    /// Where the key stands; `Authorization: Bearer …` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<CredentialLocation>,
}

/// A Secret in the policy's namespace.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretName {
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Objects by label.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels that an object must have, all of them.
    pub match_labels: BTreeMap<String, String>,
}

/// Names and passwords (RFC 7617).
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::BASIC))]
pub struct BasicAuthentication {
    /// What happens to requests without a name and password; `Strict` by default.
    #[serde(default)]
    pub mode: BasicMode,
    /// What the browser's question is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub realm: Option<String>,
    /// Lines of an `htpasswd` file: `name:hash`, the hash by bcrypt, apr1 or SHA-1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>", length(max = 256))]
    pub users: Vec<Credential>,
    /// A Secret that has such lines under `.htaccess`, or under the key named here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKey>,
}

/// A key of a Secret in the policy's namespace.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKey {
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub key: Option<String>,
}

/// What requests must or must not be. Those of the Gateway, the route and its rule all count.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Authorization {
    /// What follows when the expressions hold; `Allow` by default.
    #[serde(default)]
    pub action: AuthorizationAction,
    /// The expressions.
    pub policy: AuthorizationPolicy,
}

/// What follows when expressions hold.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum AuthorizationAction {
    /// A request for which one of them holds may pass, as may one that no policy of this action
    /// concerns.
    #[default]
    Allow,
    /// A request for which one of them holds is refused.
    Deny,
    /// A request for which one of them does not hold is refused.
    Require,
}

/// Expressions on a request.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationPolicy {
    /// CEL expressions that are true or false.
    #[schemars(length(min = 1, max = 256), inner(length(min = 1, max = 16384)))]
    pub match_expressions: Vec<String>,
}
