//! Condition types and reasons, each spelled once.
//!
//! The Gateway API's own come from its specification; ours are documented where they are defined.

/// Condition types.
pub mod types {
    /// The object is valid and configures, or will configure, a data plane.
    pub const ACCEPTED: &str = "Accepted";
    /// Every reference of the object resolves and is permitted.
    pub const RESOLVED_REFS: &str = "ResolvedRefs";
    /// Every connected proxy has the configuration.
    pub const PROGRAMMED: &str = "Programmed";
    /// A listener shares port and hostname with an earlier one.
    pub const CONFLICTED: &str = "Conflicted";
    /// Backend: the proxies that use it can reach at least one provider.
    /// What a provider refers to does not exist.
    pub const BACKEND_NOT_FOUND: &str = "BackendNotFound";
    pub const HEALTHY: &str = "Healthy";
    /// Policy: at least one of its targets exists and takes it.
    pub const ATTACHED: &str = "Attached";
    /// Gateway: clients are let in without a valid certificate.
    pub const INSECURE_FRONTEND_VALIDATION_MODE: &str = "InsecureFrontendValidationMode";
    /// Route: some rules were dropped and the rest is served.
    pub const PARTIALLY_INVALID: &str = "PartiallyInvalid";
}

/// Reasons that Gateway API defines for GatewayClasses, Gateways and listeners.
pub mod gateway {
    pub const ACCEPTED: &str = "Accepted";
    pub const PROGRAMMED: &str = "Programmed";
    pub const PENDING: &str = "Pending";
    pub const INVALID: &str = "Invalid";
    pub const INVALID_PARAMETERS: &str = "InvalidParameters";
    pub const LISTENERS_NOT_VALID: &str = "ListenersNotValid";
    pub const UNSUPPORTED_ADDRESS: &str = "UnsupportedAddress";
    pub const ADDRESS_NOT_ASSIGNED: &str = "AddressNotAssigned";
    pub const ADDRESS_NOT_USABLE: &str = "AddressNotUsable";
    pub const NO_CONFLICTS: &str = "NoConflicts";
    pub const HOSTNAME_CONFLICT: &str = "HostnameConflict";
    pub const PROTOCOL_CONFLICT: &str = "ProtocolConflict";
    pub const PORT_UNAVAILABLE: &str = "PortUnavailable";
    pub const UNSUPPORTED_PROTOCOL: &str = "UnsupportedProtocol";
    pub const UNSUPPORTED_VALUE: &str = "UnsupportedValue";
    pub const RESOLVED_REFS: &str = "ResolvedRefs";
    pub const INVALID_CERTIFICATE_REF: &str = "InvalidCertificateRef";
    pub const INVALID_ROUTE_KINDS: &str = "InvalidRouteKinds";
    pub const REF_NOT_PERMITTED: &str = "RefNotPermitted";
    pub const INVALID_CLIENT_CERTIFICATE_REF: &str = "InvalidClientCertificateRef";
    pub const INVALID_CA_CERTIFICATE_REF: &str = "InvalidCACertificateRef";
    pub const INVALID_CA_CERTIFICATE_KIND: &str = "InvalidCACertificateKind";
    pub const NO_VALID_CA_CERTIFICATE: &str = "NoValidCACertificate";
    pub const CONFIGURATION_CHANGED: &str = "ConfigurationChanged";
}

/// Reasons that Gateway API defines for ListenerSets beside those of Gateways.
pub mod listener_set {
    pub const NOT_ALLOWED: &str = "NotAllowed";
}

/// Reasons that Gateway API defines for BackendTLSPolicies.
pub mod backend_tls {
    pub const ACCEPTED: &str = "Accepted";
    pub const CONFLICTED: &str = "Conflicted";
    pub const TARGET_NOT_FOUND: &str = "TargetNotFound";
    pub const INVALID: &str = "Invalid";
    pub const NO_VALID_CA_CERTIFICATE: &str = "NoValidCACertificate";
    pub const RESOLVED_REFS: &str = "ResolvedRefs";
    pub const INVALID_CA_CERTIFICATE_REF: &str = "InvalidCACertificateRef";
    pub const INVALID_KIND: &str = "InvalidKind";
}

/// Reasons that Gateway API defines for routes.
pub mod route {
    pub const ACCEPTED: &str = "Accepted";
    pub const NOT_ALLOWED_BY_LISTENERS: &str = "NotAllowedByListeners";
    pub const NO_MATCHING_LISTENER_HOSTNAME: &str = "NoMatchingListenerHostname";
    pub const NO_MATCHING_PARENT: &str = "NoMatchingParent";
    pub const UNSUPPORTED_VALUE: &str = "UnsupportedValue";
    pub const PENDING: &str = "Pending";
    pub const INCOMPATIBLE_FILTERS: &str = "IncompatibleFilters";
    pub const RESOLVED_REFS: &str = "ResolvedRefs";
    pub const REF_NOT_PERMITTED: &str = "RefNotPermitted";
    pub const INVALID_KIND: &str = "InvalidKind";
    pub const BACKEND_NOT_FOUND: &str = "BackendNotFound";
    pub const UNSUPPORTED_PROTOCOL: &str = "UnsupportedProtocol";
}

/// Reasons on an `AgentgatewayBackend`.
pub mod backend {
    pub const ACCEPTED: &str = "Accepted";
    /// The spec contradicts itself or holds a value that cannot be served.
    pub const INVALID: &str = "Invalid";
    pub const RESOLVED_REFS: &str = "ResolvedRefs";
    pub const SECRET_NOT_FOUND: &str = "SecretNotFound";
    /// The Secret exists but has no such key, or the key is empty.
    pub const INVALID_SECRET: &str = "InvalidSecret";
    /// What a provider refers to does not exist.
    pub const BACKEND_NOT_FOUND: &str = "BackendNotFound";
    pub const HEALTHY: &str = "Healthy";
    /// Every provider of the backend is ejected on at least one proxy.
    pub const EJECTED: &str = "Ejected";
    /// No proxy has reported on the backend yet.
    pub const UNKNOWN: &str = "Unknown";
}

/// Reasons on a policy, per ancestor.
pub mod policy {
    pub const VALID: &str = "Valid";
    /// Some parts are served; the message names those that are not.
    pub const PARTIALLY_VALID: &str = "PartiallyValid";
    pub const INVALID: &str = "Invalid";
    pub const ATTACHED: &str = "Attached";
    /// No target of the policy exists yet.
    pub const PENDING: &str = "Pending";
    pub const TARGET_NOT_FOUND: &str = "TargetNotFound";
    /// An older policy on the same target sets the same field.
    pub const CONFLICTED: &str = "Conflicted";
}
