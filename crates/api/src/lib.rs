//! The custom resources that users apply, and the Kubernetes types around them.
//!
//! Every field defined here is served: what this release does not serve is not defined, so that
//! the API server prunes it and the manifest loader reports it as unknown. Guards that are not
//! served are defined, to be refused: see [`refused`]. This crate has no client.

pub mod access;
pub mod ai_policy;
pub mod backend;
pub mod backend_policy;
pub mod conditions;
pub mod credential;
pub mod definitions;
pub mod duration;
pub mod enterprise;
pub mod ext_auth;
pub mod external;
pub mod load_balancing;
pub mod model;
pub mod names;
pub mod parameters;
pub mod policy;
mod presence;
pub mod prompt_guard;
pub mod rate_limit;
pub mod refused;
pub mod retry;
mod rules;
pub mod traffic;
mod traffic_fields;
pub mod transformation;

pub use backend::{AgentgatewayBackend, AgentgatewayBackendSpec};
pub use duration::Duration;
pub use enterprise::{
    EnterpriseAgentgatewayParameters, EnterpriseAgentgatewayParametersSpec,
    EnterpriseAgentgatewayPolicy, EnterpriseAgentgatewayPolicySpec,
};
pub use model::{AgentgatewayModel, AgentgatewayModelSpec};
pub use parameters::{AgentgatewayParameters, AgentgatewayParametersSpec};
pub use policy::{AgentgatewayPolicy, AgentgatewayPolicySpec};
