//! The objects that a load yields.

use agw_api::external::{
    BackendTlsPolicy, ConfigMap, EndpointSlice, Gateway, GatewayClass, Namespace, ReferenceGrant,
    Service,
};
use agw_api::{
    AgentgatewayBackend, AgentgatewayModel, AgentgatewayParameters, AgentgatewayPolicy,
    EnterpriseAgentgatewayParameters, EnterpriseAgentgatewayPolicy,
};

use super::kind::{Kind, Scope};
use super::listener_set::ListenerSetObject;
use super::origin::{Origin, Sourced};
use super::route::RouteObject;
use super::secret::SecretObject;
use crate::finding::ObjectRef;

/// An object of a kind that is read. Its name is set, and its namespace unless it is
/// cluster-scoped.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    Route(Sourced<RouteObject>),
    Gateway(Sourced<Gateway>),
    GatewayClass(Sourced<GatewayClass>),
    ListenerSet(Sourced<ListenerSetObject>),
    BackendTlsPolicy(Sourced<BackendTlsPolicy>),
    ReferenceGrant(Sourced<ReferenceGrant>),
    Secret(Sourced<SecretObject>),
    Service(Sourced<Service>),
    EndpointSlice(Sourced<EndpointSlice>),
    Namespace(Sourced<Namespace>),
    ConfigMap(Sourced<ConfigMap>),
    Backend(Sourced<AgentgatewayBackend>),
    Model(Sourced<AgentgatewayModel>),
    Policy(Sourced<AgentgatewayPolicy>),
    EnterprisePolicy(Sourced<EnterpriseAgentgatewayPolicy>),
    Parameters(Sourced<AgentgatewayParameters>),
    EnterpriseParameters(Sourced<EnterpriseAgentgatewayParameters>),
}

/// Runs an expression with whatever the object holds, for kinds that have `metadata`.
macro_rules! each {
    ($object:expr, $sourced:ident => $with_metadata:expr, $secret:ident => $for_secret:expr) => {
        match $object {
            Object::Route($sourced) => $with_metadata,
            Object::Gateway($sourced) => $with_metadata,
            Object::GatewayClass($sourced) => $with_metadata,
            Object::ListenerSet($sourced) => $with_metadata,
            Object::BackendTlsPolicy($sourced) => $with_metadata,
            Object::ReferenceGrant($sourced) => $with_metadata,
            Object::Secret($secret) => $for_secret,
            Object::Service($sourced) => $with_metadata,
            Object::EndpointSlice($sourced) => $with_metadata,
            Object::Namespace($sourced) => $with_metadata,
            Object::ConfigMap($sourced) => $with_metadata,
            Object::Backend($sourced) => $with_metadata,
            Object::Model($sourced) => $with_metadata,
            Object::Policy($sourced) => $with_metadata,
            Object::EnterprisePolicy($sourced) => $with_metadata,
            Object::Parameters($sourced) => $with_metadata,
            Object::EnterpriseParameters($sourced) => $with_metadata,
        }
    };
}

impl Object {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Route(route) => route.object.kind(),
            Self::Gateway(_) => Kind::Gateway,
            Self::GatewayClass(_) => Kind::GatewayClass,
            Self::ListenerSet(_) => Kind::ListenerSet,
            Self::BackendTlsPolicy(_) => Kind::BackendTlsPolicy,
            Self::ReferenceGrant(_) => Kind::ReferenceGrant,
            Self::Secret(_) => Kind::Secret,
            Self::Service(_) => Kind::Service,
            Self::EndpointSlice(_) => Kind::EndpointSlice,
            Self::Namespace(_) => Kind::Namespace,
            Self::ConfigMap(_) => Kind::ConfigMap,
            Self::Backend(_) => Kind::Backend,
            Self::Model(_) => Kind::Model,
            Self::Policy(_) => Kind::Policy,
            Self::EnterprisePolicy(_) => Kind::EnterprisePolicy,
            Self::Parameters(_) => Kind::Parameters,
            Self::EnterpriseParameters(_) => Kind::EnterpriseParameters,
        }
    }

    /// Where the object is written.
    pub fn origin(&self) -> &Origin {
        each!(self, s => &s.origin, s => &s.origin)
    }

    /// What findings call the object.
    pub fn reference(&self) -> ObjectRef {
        let (namespace, name) = each!(
            self,
            s => (s.object.metadata.namespace.as_deref(), s.object.metadata.name.as_deref()),
            s => (Some(s.object.namespace.as_str()), Some(s.object.name.as_str()))
        );
        let kind = self.kind();
        let namespace = namespace.filter(|_| kind.scope() == Scope::Namespaced);
        ObjectRef::new(kind.name(), namespace, name.unwrap_or_default())
    }
}
