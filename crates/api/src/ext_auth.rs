//! Servers that are asked whether a request may pass.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::BackendObjectRef;
use crate::parameters::Quantity;
use crate::rules;

/// What becomes of a request that nobody could be asked about.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum FailureMode {
    /// It is refused.
    #[default]
    FailClosed,
    /// It passes.
    FailOpen,
}

/// Defines a type with what is said of one server, before the fields of its own.
macro_rules! asked {
    ($(#[$meta:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$meta])*
        pub struct $name {
            /// The server: a Service, or an AgentgatewayBackend of kind `static`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub backend_ref: Option<BackendObjectRef>,
            /// The server's URL, in the place of `backendRef`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(
                length(min = 1, max = 1024),
                regex(pattern = r"^https?://[^/?#@]+(/[^?#]*)?$")
            )]
            pub url: Option<String>,
            /// It is asked by gRPC, as Envoy asks it: `envoy.service.auth.v3.Authorization`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub grpc: Option<GrpcAuth>,
            /// It is asked by an HTTP request: a status of 2xx lets the client's pass.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub http: Option<HttpAuth>,
            /// Gives it the request's body too.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub forward_body: Option<ForwardBody>,
            /// What becomes of requests while it does not answer; `FailClosed` by default.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub failure_mode: Option<FailureMode>,
            /// Answers that hold for more than one request.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub cache: Option<AuthCache>,
            $($own)*
        }
    };
}

asked! {
    /// A server that is asked whether a request may pass.
    #[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    #[schemars(extend("x-kubernetes-validations" = rules::EXT_AUTH))]
    ExtAuth {
        /// Servers by condition: the first entry whose condition holds counts; where none does, nobody
        /// is asked.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
        pub conditional: Vec<ConditionalAuth>,
    }
}

/// A server that is asked about the requests for which a condition holds.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConditionalAuth {
    /// CEL expression that is true or false; the last entry may go without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub condition: Option<String>,
    /// The server.
    pub policy: OneAuth,
}

asked! {
    /// A server that is asked whether a request may pass.
    #[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    #[schemars(extend("x-kubernetes-validations" = rules::ONE_AUTH))]
    OneAuth {}
}

/// What a server is told that is asked by gRPC, beside the request.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrpcAuth {
    /// Fixed texts: `attributes.context_extensions`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub context_extensions: BTreeMap<String, String>,
    /// CEL expressions by names: `attributes.metadata_context.filter_metadata`. Where there is
    /// none, it has the claims of a checked token as `envoy.filters.http.jwt_authn`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub request_metadata: BTreeMap<String, String>,
}

/// The request that asks a server, and what is taken of its answer.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpAuth {
    /// CEL expression for the path; the client's own path and query by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub path: Option<String>,
    /// CEL expression for a URL: where clients are sent that the server does not know (401).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub redirect: Option<String>,
    /// CEL expression for the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub body: Option<String>,
    /// Headers of the client's request that the server gets beside `Authorization`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 256)))]
    pub allowed_request_headers: Vec<String>,
    /// CEL expressions for headers that the server gets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub add_request_headers: BTreeMap<String, String>,
    /// Headers of the server's answer that the request goes on with. What the client itself says
    /// under these names is taken off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 256)))]
    pub allowed_response_headers: Vec<String>,
    /// CEL expressions on the server's answer (`response`): what later expressions see as
    /// `extauthz`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub response_metadata: BTreeMap<String, String>,
}

/// Gives a server bodies.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForwardBody {
    /// The longest body: a number of bytes, or an amount such as `64Ki`. Requests with a longer
    /// one get 413.
    pub max_size: Quantity,
}

/// Answers that hold for more than one request.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthCache {
    /// CEL expressions: requests with the same values get the same answer.
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 16384)))]
    pub key: Vec<String>,
    /// How long an answer holds: a duration (`5m`), or a CEL expression for a duration or for
    /// milliseconds.
    #[schemars(length(min = 1, max = 16384))]
    pub ttl: String,
    /// How many answers are kept; 10,000 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>", range(min = 1, max = 1000000))]
    pub max_entries: Option<u32>,
}

impl ExtAuth {
    /// The server that is named beside `conditional`.
    pub fn one(&self) -> OneAuth {
        OneAuth {
            backend_ref: self.backend_ref.clone(),
            url: self.url.clone(),
            grpc: self.grpc.clone(),
            http: self.http.clone(),
            forward_body: self.forward_body.clone(),
            failure_mode: self.failure_mode,
            cache: self.cache.clone(),
        }
    }
}
