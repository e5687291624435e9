//! Names that objects and their owners agree on.

/// API group of the open kinds.
pub const GROUP: &str = "agentgateway.dev";
/// API group of the kinds that carry the enterprise dialect.
pub const ENTERPRISE_GROUP: &str = "enterpriseagentgateway.solo.io";
/// Version of every own kind.
pub const VERSION: &str = "v1alpha1";
/// Gateway API group.
pub const GATEWAY_GROUP: &str = "gateway.networking.k8s.io";

/// `spec.controllerName` of the GatewayClasses that this controller serves.
pub const CONTROLLER_NAME: &str = "agentgateway.dev/agentgateway";
/// GatewayClass created for the open dialect.
pub const GATEWAY_CLASS: &str = "agentgateway";
/// GatewayClass created for the enterprise dialect; served alike.
pub const ENTERPRISE_GATEWAY_CLASS: &str = "enterprise-agentgateway";
/// Both GatewayClasses.
pub const GATEWAY_CLASSES: [&str; 2] = [GATEWAY_CLASS, ENTERPRISE_GATEWAY_CLASS];

/// Category that `kubectl get agentgateway` lists.
pub const CATEGORY: &str = "agentgateway";

/// Secret key that holds a credential unless `secretRef.key` names another.
pub const DEFAULT_SECRET_KEY: &str = "Authorization";
/// Namespace of objects in files that name none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// Label on what the deployer creates for a Gateway; its value is the Gateway's name
/// (GEP-1762).
pub const GATEWAY_NAME_LABEL: &str = "gateway.networking.k8s.io/gateway-name";
/// Label whose value is the name of the GatewayClass behind a deployed object (GEP-1762).
pub const GATEWAY_CLASS_NAME_LABEL: &str = "gateway.networking.k8s.io/gateway-class-name";
/// Label that says which program an object belongs to.
pub const APP_NAME_LABEL: &str = "app.kubernetes.io/name";
/// Label that tells the objects of one instance of a program from those of another.
pub const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";
/// Label that says who writes an object.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";
/// Value of [`APP_NAME_LABEL`] and [`MANAGED_BY_LABEL`].
pub const APP_NAME: &str = "agentgateway";
/// Label from which the API server and users read a Service's EndpointSlices.
pub const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";
