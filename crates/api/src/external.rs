//! Kubernetes and Gateway API types that are read beside our own kinds.
//!
//! The Gateway API types are the experimental channel's: `HTTPRoute` rules have `retry` only there.

pub use gateway_api::apis::experimental::{
    gatewayclasses, gateways, grpcroutes, httproutes, listenersets, referencegrants, tcproutes,
    tlsroutes, udproutes,
};
pub use gateway_api::apis::standard::backendtlspolicies;
pub use k8s_openapi::ByteString;
pub use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, Service, ServicePort};
pub use k8s_openapi::api::discovery::v1::EndpointSlice;
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta, Time};

pub use backendtlspolicies::BackendTlsPolicy;
pub use gatewayclasses::GatewayClass;
pub use gateways::Gateway;
pub use grpcroutes::GrpcRoute;
pub use httproutes::HttpRoute;
pub use listenersets::ListenerSet;
pub use referencegrants::ReferenceGrant;
pub use tcproutes::TcpRoute;
pub use tlsroutes::TlsRoute;
pub use udproutes::UdpRoute;
