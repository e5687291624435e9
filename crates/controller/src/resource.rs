//! The kinds that are watched, as the API server calls them.

use agw_api::names::{ENTERPRISE_GROUP, GATEWAY_GROUP, GROUP, VERSION};
use agw_translate::manifest::{Kind, Scope};
use kube::core::ApiResource;
use kube::core::dynamic::DynamicObject;
use kube::{Api, Client};

/// One kind: where it is found and how much of it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) kind: Kind,
    group: &'static str,
    /// Versions of the same shape, the preferred one first.
    versions: &'static [&'static str],
    plural: &'static str,
    /// Objects that cannot matter, and would only cost memory.
    pub(crate) fields: Option<&'static str>,
    pub(crate) status: Status,
    pub(crate) presence: Presence,
    origin: Installed,
}

/// What this controller does with the status of a kind's objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Nothing.
    Ignored,
    /// `conditions` and other keys that are all ours but for condition types we do not know.
    Whole,
    /// Entries by parent under this key; those of other controllers are not ours.
    Entries(&'static str),
}

/// Whether the controller can do without a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    /// Where the API server does not know it, there are no objects of it.
    Optional,
}

/// Where the kind comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Installed {
    Kubernetes,
    GatewayApi,
    Chart,
}

/// Releases of helm are large and are no credentials; tokens of ServiceAccounts are none for us.
const SECRETS: &str = "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token";

/// Every kind that is watched.
pub(crate) const RESOURCES: &[Resource] = &[
    gateway_api(Kind::GatewayClass, "gatewayclasses", Status::Whole),
    gateway_api(Kind::Gateway, "gateways", Status::Whole),
    gateway_api(Kind::ListenerSet, "listenersets", Status::Whole).optional(),
    gateway_api(Kind::HttpRoute, "httproutes", Status::Entries("parents")),
    gateway_api(Kind::GrpcRoute, "grpcroutes", Status::Entries("parents")).optional(),
    gateway_api(Kind::TlsRoute, "tlsroutes", Status::Entries("parents")).optional(),
    gateway_api(Kind::TcpRoute, "tcproutes", Status::Entries("parents")).optional(),
    gateway_api(Kind::UdpRoute, "udproutes", Status::Entries("parents")).optional(),
    gateway_api(
        Kind::BackendTlsPolicy,
        "backendtlspolicies",
        Status::Entries("ancestors"),
    )
    .optional(),
    Resource {
        // Before Gateway API 1.5 there is only v1beta1, and it is of the same shape.
        versions: &["v1", "v1beta1"],
        ..gateway_api(Kind::ReferenceGrant, "referencegrants", Status::Ignored)
    },
    ours(Kind::Backend, GROUP, "agentgatewaybackends", Status::Whole),
    ours(
        Kind::Model,
        GROUP,
        "agentgatewaymodels",
        Status::Entries("parents"),
    ),
    ours(
        Kind::Policy,
        GROUP,
        "agentgatewaypolicies",
        Status::Entries("ancestors"),
    ),
    ours(
        Kind::EnterprisePolicy,
        ENTERPRISE_GROUP,
        "enterpriseagentgatewaypolicies",
        Status::Entries("ancestors"),
    ),
    ours(
        Kind::Parameters,
        GROUP,
        "agentgatewayparameters",
        Status::Ignored,
    ),
    ours(
        Kind::EnterpriseParameters,
        ENTERPRISE_GROUP,
        "enterpriseagentgatewayparameters",
        Status::Ignored,
    ),
    core(Kind::Service, "", "services", None),
    core(
        Kind::EndpointSlice,
        "discovery.k8s.io",
        "endpointslices",
        None,
    ),
    core(Kind::Secret, "", "secrets", Some(SECRETS)),
    core(Kind::Namespace, "", "namespaces", None),
    core(Kind::ConfigMap, "", "configmaps", None),
];

const fn gateway_api(kind: Kind, plural: &'static str, status: Status) -> Resource {
    Resource {
        kind,
        group: GATEWAY_GROUP,
        versions: &["v1"],
        plural,
        fields: None,
        status,
        presence: Presence::Required,
        origin: Installed::GatewayApi,
    }
}

const fn ours(kind: Kind, group: &'static str, plural: &'static str, status: Status) -> Resource {
    Resource {
        kind,
        group,
        versions: &[VERSION],
        plural,
        fields: None,
        status,
        presence: Presence::Required,
        origin: Installed::Chart,
    }
}

const fn core(
    kind: Kind,
    group: &'static str,
    plural: &'static str,
    fields: Option<&'static str>,
) -> Resource {
    Resource {
        kind,
        group,
        versions: &["v1"],
        plural,
        fields,
        status: Status::Ignored,
        presence: Presence::Required,
        origin: Installed::Kubernetes,
    }
}

impl Resource {
    const fn optional(mut self) -> Self {
        self.presence = Presence::Optional;
        self
    }

    /// The kind of that name, if it is watched.
    pub(crate) fn named(kind: &str) -> Option<&'static Self> {
        RESOURCES.iter().find(|r| r.kind.name() == kind)
    }

    pub(crate) fn versions(&self) -> usize {
        self.versions.len()
    }

    /// How the API server calls the kind, in one of its versions.
    pub(crate) fn api_resource(&self, version: usize) -> ApiResource {
        let version = self.versions[version % self.versions.len()];
        let api_version = match self.group {
            "" => version.to_owned(),
            group => format!("{group}/{version}"),
        };
        ApiResource {
            group: self.group.to_owned(),
            version: version.to_owned(),
            api_version,
            kind: self.kind.name().to_owned(),
            plural: self.plural.to_owned(),
        }
    }

    /// Objects of the kind in every namespace.
    pub(crate) fn all(&self, client: &Client, version: usize) -> Api<DynamicObject> {
        Api::all_with(client.clone(), &self.api_resource(version))
    }

    /// Objects of the kind in one namespace, or those of no namespace.
    pub(crate) fn within(&self, client: &Client, namespace: Option<&str>) -> Api<DynamicObject> {
        let resource = self.api_resource(0);
        match namespace.filter(|_| self.kind.scope() == Scope::Namespaced) {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        }
    }

    /// What to do when the API server does not know the kind.
    pub(crate) fn remedy(&self) -> String {
        let definition = format!("{}.{}", self.plural, self.group);
        match self.origin {
            Installed::Kubernetes => {
                format!("this API server is too old: it does not serve {definition}")
            }
            Installed::GatewayApi => format!(
                "the CustomResourceDefinition {definition} is missing; install the Gateway API \
                 (standard or experimental channel, v1.3 or later)"
            ),
            Installed::Chart => format!(
                "the CustomResourceDefinition {definition} is missing; install the chart \
                 agentgateway-crds"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_stands_once_and_says_where_it_comes_from() {
        for resource in RESOURCES {
            let same = RESOURCES.iter().filter(|r| r.kind == resource.kind);
            assert_eq!(same.count(), 1, "{}", resource.kind);
            assert_eq!(Resource::named(resource.kind.name()), Some(resource));
        }
        let backends = Resource::named("AgentgatewayBackend").unwrap();
        assert!(
            backends
                .remedy()
                .contains("agentgatewaybackends.agentgateway.dev is missing")
        );
        assert!(backends.remedy().contains("agentgateway-crds"));
        let grants = Resource::named("ReferenceGrant").unwrap();
        assert_eq!(
            grants.api_resource(1).api_version,
            "gateway.networking.k8s.io/v1beta1"
        );
    }
}
