//! Which kinds are read, and what is said about the others.

use std::fmt;

use agw_api::names::{ENTERPRISE_GROUP, GATEWAY_GROUP, GROUP, VERSION};

use super::near::nearest;
use crate::finding::{Code, Finding};

/// A kind that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    HttpRoute,
    GrpcRoute,
    TlsRoute,
    TcpRoute,
    UdpRoute,
    Gateway,
    GatewayClass,
    ListenerSet,
    BackendTlsPolicy,
    ReferenceGrant,
    Secret,
    Service,
    EndpointSlice,
    Namespace,
    ConfigMap,
    Backend,
    Model,
    Policy,
    EnterprisePolicy,
    Parameters,
    EnterpriseParameters,
}

/// Where objects of a kind live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Namespaced,
    Cluster,
}

/// Group, served versions, name and kind. Older versions of Gateway API kinds have the shape of `v1`.
const KINDS: [(&str, &[&str], &str, Kind); 21] = [
    (
        GATEWAY_GROUP,
        &["v1", "v1beta1"],
        "HTTPRoute",
        Kind::HttpRoute,
    ),
    (GATEWAY_GROUP, &["v1"], "GRPCRoute", Kind::GrpcRoute),
    (GATEWAY_GROUP, &["v1"], "TLSRoute", Kind::TlsRoute),
    (
        GATEWAY_GROUP,
        &["v1", "v1alpha2"],
        "TCPRoute",
        Kind::TcpRoute,
    ),
    (
        GATEWAY_GROUP,
        &["v1", "v1alpha2"],
        "UDPRoute",
        Kind::UdpRoute,
    ),
    (GATEWAY_GROUP, &["v1"], "ListenerSet", Kind::ListenerSet),
    (
        GATEWAY_GROUP,
        &["v1"],
        "BackendTLSPolicy",
        Kind::BackendTlsPolicy,
    ),
    (GATEWAY_GROUP, &["v1", "v1beta1"], "Gateway", Kind::Gateway),
    (
        GATEWAY_GROUP,
        &["v1", "v1beta1"],
        "GatewayClass",
        Kind::GatewayClass,
    ),
    (
        GATEWAY_GROUP,
        &["v1", "v1beta1"],
        "ReferenceGrant",
        Kind::ReferenceGrant,
    ),
    ("", &["v1"], "Secret", Kind::Secret),
    ("", &["v1"], "Service", Kind::Service),
    (
        "discovery.k8s.io",
        &["v1"],
        "EndpointSlice",
        Kind::EndpointSlice,
    ),
    ("", &["v1"], "Namespace", Kind::Namespace),
    ("", &["v1"], "ConfigMap", Kind::ConfigMap),
    (GROUP, &[VERSION], "AgentgatewayBackend", Kind::Backend),
    (GROUP, &[VERSION], "AgentgatewayModel", Kind::Model),
    (GROUP, &[VERSION], "AgentgatewayPolicy", Kind::Policy),
    (
        ENTERPRISE_GROUP,
        &[VERSION],
        "EnterpriseAgentgatewayPolicy",
        Kind::EnterprisePolicy,
    ),
    (
        GROUP,
        &[VERSION],
        "AgentgatewayParameters",
        Kind::Parameters,
    ),
    (
        ENTERPRISE_GROUP,
        &[VERSION],
        "EnterpriseAgentgatewayParameters",
        Kind::EnterpriseParameters,
    ),
];

/// Gateway API kinds that exist but are not served by this release.
const NOT_SERVED: [&str; 3] = ["XBackendTrafficPolicy", "XListenerSet", "XMesh"];

impl Kind {
    /// The name that manifests and users write.
    pub fn name(self) -> &'static str {
        KINDS
            .iter()
            .find(|(.., kind)| *kind == self)
            .map_or("", |(_, _, name, _)| name)
    }

    pub fn scope(self) -> Scope {
        match self {
            Self::GatewayClass | Self::Namespace => Scope::Cluster,
            _ => Scope::Namespaced,
        }
    }

    /// The kind of an `apiVersion` and `kind`, or what to say about them.
    pub(crate) fn recognise(api_version: &str, name: &str) -> Result<Self, Finding> {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        let of_group = || KINDS.iter().filter(|(g, ..)| *g == group);
        if let Some((_, versions, _, kind)) = of_group().find(|(_, _, n, _)| *n == name) {
            if versions.contains(&version) {
                return Ok(*kind);
            }
            let message = format!("{name} is not served in version `{version}`");
            let remedy = format!("write `apiVersion: {}`", join(group, versions[0]));
            return Err(Finding::new(Code::UnknownKind, message).with_remedy(remedy));
        }
        let names: Vec<_> = of_group().map(|(_, _, n, _)| *n).collect();
        let suggestion = nearest(name, &names).map(|near| format!("did you mean `{near}`?"));
        if [GROUP, ENTERPRISE_GROUP, GATEWAY_GROUP].contains(&group) {
            if group == GATEWAY_GROUP && NOT_SERVED.contains(&name) {
                let message =
                    format!("{name} is not served by this release; the object is ignored");
                return Err(Finding::new(Code::KindNotServed, message)
                    .with_remedy("use an HTTPRoute where it fits"));
            }
            let message = format!("unknown kind `{name}` in group {group}");
            let remedy = suggestion
                .unwrap_or_else(|| format!("the kinds of the group are {}", names.join(", ")));
            return Err(Finding::new(Code::UnknownKind, message).with_remedy(remedy));
        }
        // The group may be the typo: the same kind name stands in one that is served.
        let elsewhere = KINDS.iter().find(|(.., n, _)| *n == name);
        let suggestion = suggestion.or_else(|| {
            elsewhere.map(|(g, v, ..)| format!("did you mean `apiVersion: {}`?", join(g, v[0])))
        });
        let message =
            format!("{name} ({api_version}) does not concern the gateway; the object is ignored");
        Err(Finding::new(Code::KindIgnored, message).with_remedy(suggestion.unwrap_or_default()))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn join(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_kinds_are_named_for_what_they_are() {
        let table = [
            (
                "gateway.networking.k8s.io/v1",
                "XMesh",
                Code::KindNotServed,
                "",
            ),
            (
                "gateway.networking.k8s.io/v1",
                "HttpRoute",
                Code::UnknownKind,
                "did you mean `HTTPRoute`?",
            ),
            (
                "agentgateway.dev/v1alpha1",
                "AgentGatewayBackend",
                Code::UnknownKind,
                "did you mean `AgentgatewayBackend`?",
            ),
            (
                "agentgateway.dev/v1",
                "AgentgatewayPolicy",
                Code::UnknownKind,
                "write `apiVersion: agentgateway.dev/v1alpha1`",
            ),
            (
                "enterpriseagentgateway.solo.io/v1alpha1",
                "EnterpriseAgentgatewayBackend",
                Code::UnknownKind,
                "",
            ),
            ("apps/v1", "Deployment", Code::KindIgnored, ""),
            (
                "gateway.networking.k8s.io.example/v1",
                "HTTPRoute",
                Code::KindIgnored,
                "did you mean `apiVersion: gateway.networking.k8s.io/v1`?",
            ),
        ];
        for (api_version, name, code, remedy) in table {
            let finding = Kind::recognise(api_version, name).unwrap_err();
            assert_eq!(finding.code, code, "{finding}");
            assert!(finding.remedy.contains(remedy), "{finding}");
        }
    }

    #[test]
    fn every_kind_has_a_name() {
        for (group, versions, name, kind) in KINDS {
            assert_eq!(kind.name(), name);
            for version in versions {
                assert_eq!(Kind::recognise(&join(group, version), name), Ok(kind));
            }
        }
    }
}
