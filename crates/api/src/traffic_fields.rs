//! The fields of `traffic`, in both dialects.

/// What requests under a policy's targets are asked in both dialects, with `own` beside it: the
/// same fields, said once.
macro_rules! traffic {
    ($(#[$about:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$about])*
        #[derive(
            serde::Serialize,
            serde::Deserialize,
            Clone,
            Debug,
            Default,
            PartialEq,
            schemars::JsonSchema,
        )]
        #[serde(rename_all = "camelCase")]
        #[schemars(extend("x-kubernetes-validations" = $crate::rules::TRAFFIC))]
        pub struct $name {
                /// When the policy runs; `PostRouting` by default. `PreRouting` is for Gateways only and
                /// excludes `timeouts` and `retry`.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub phase: Option<$crate::policy::Phase>,
                /// Edits of the request and its response.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub transformation: Option<$crate::transformation::TrafficTransformation>,
                /// Time limits.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub timeouts: Option<$crate::policy::Timeouts>,
                /// Retries.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub retry: Option<$crate::retry::Retry>,
                /// Which pages of other origins may read the answers.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub cors: Option<$crate::traffic::Cors>,
                /// Tokens that requests have to show.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub jwt_authentication: Option<$crate::access::JwtAuthentication>,
                /// Names and passwords that requests have to show.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub basic_authentication: Option<$crate::access::BasicAuthentication>,
                /// Keys that requests have to show.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub api_key_authentication: Option<$crate::access::ApiKeyAuthentication>,
                /// A server that is asked whether requests may pass.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub ext_auth: Option<$crate::ext_auth::ExtAuth>,
                /// What requests must or must not be.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub authorization: Option<$crate::access::Authorization>,
                /// How many requests, or tokens of models, may pass.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub rate_limit: Option<$crate::rate_limit::RateLimit>,
                /// Guards against requests that another site's page makes in a user's name.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub csrf: Option<$crate::traffic::Csrf>,
                /// A wait before requests go on.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub delay: Option<$crate::traffic::Delay>,
                /// Headers that are set, added and taken off, with fixed values.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub header_modifiers: Option<$crate::traffic::HeaderModifiers>,
                /// The gateway answers itself.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub direct_response: Option<$crate::traffic::DirectResponse>,
            $($own)*
        }

        impl $name {
            /// The part that both dialects share.
            pub fn standard(&self) -> $crate::policy::Traffic {
                $crate::policy::Traffic {
                        phase: self.phase,
                        transformation: self.transformation.clone(),
                        timeouts: self.timeouts.clone(),
                        retry: self.retry.clone(),
                        cors: self.cors.clone(),
                        jwt_authentication: self.jwt_authentication.clone(),
                        basic_authentication: self.basic_authentication.clone(),
                        api_key_authentication: self.api_key_authentication.clone(),
                        ext_auth: self.ext_auth.clone(),
                        authorization: self.authorization.clone(),
                        rate_limit: self.rate_limit.clone(),
                        csrf: self.csrf.clone(),
                        delay: self.delay.clone(),
                        header_modifiers: self.header_modifiers.clone(),
                        direct_response: self.direct_response.clone(),
                }
            }
        }
    };
}

pub(crate) use traffic;
