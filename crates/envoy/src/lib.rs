//! The messages in which Envoy's filters ask servers: who may pass (`ext_authz`), and how much
//! (`ratelimit`). Any server for those answers these.
//!
//! Only the fields that are used here are defined; others are skipped, as protobuf has it.

mod generated;

use std::fmt;

pub use generated::envoy::config::core::v3 as core;
pub use generated::envoy::extensions::common::ratelimit::v3 as descriptor;
pub use generated::envoy::service::auth::v3 as auth;
pub use generated::envoy::service::ratelimit::v3 as ratelimit;
pub use generated::envoy::r#type::v3 as types;
pub use generated::google::rpc;
/// The well-known types in these messages.
pub use prost_types as known;

/// Where servers are asked who may pass.
pub const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
/// Where servers are asked how much may pass.
pub const SHOULD_RATE_LIMIT: &str = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";

macro_rules! redacted {
    ($($message:ty),+ $(,)?) => {$(
        /// What it carries is for nobody's log.
        impl fmt::Debug for $message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($message), "(<redacted>)"))
            }
        }
    )+};
}

redacted!(
    core::HeaderValue,
    core::Metadata,
    auth::attribute_context::HttpRequest,
    auth::CheckResponse,
    auth::DeniedHttpResponse,
    ratelimit::RateLimitResponse,
    descriptor::rate_limit_descriptor::Entry,
);
