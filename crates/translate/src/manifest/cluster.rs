//! Objects from an API server: they have no place in a file.

use agw_api::external::{
    BackendTlsPolicy, ConfigMap, EndpointSlice, Gateway, GatewayClass, HttpRoute, Namespace,
    ReferenceGrant, Secret, Service,
};
use agw_api::{
    AgentgatewayBackend, AgentgatewayModel, AgentgatewayParameters, AgentgatewayPolicy,
    EnterpriseAgentgatewayParameters, EnterpriseAgentgatewayPolicy,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::decode::decode;
use super::kind::{Kind, Scope};
use super::listener_set::ListenerSetObject;
use super::object::Object;
use super::origin::{Origin, Sourced};
use super::route::{FromGrpc, FromTcp, FromTls, FromUdp, RouteObject};
use super::secret::SecretObject;
use crate::finding::{Code, Finding, ObjectRef};

/// An object that the API server has and that cannot be read: it was let in by a definition that
/// is older, newer or more lenient than the types here.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable {
    pub kind: Kind,
    pub object: ObjectRef,
    pub generation: Option<i64>,
    /// What is wrong, with the field; at least one of them is an error.
    pub findings: Vec<Finding>,
    /// What refers to it or what it is attached to, as far as that can be read: the object without
    /// what a Secret holds.
    pub(crate) spec: Value,
}

impl<T> Sourced<T> {
    /// An object that an API server gave.
    pub const fn from_cluster(object: T) -> Self {
        Self {
            object,
            origin: Origin::cluster(),
        }
    }
}

/// Objects as clients of an API server have them.
macro_rules! from_typed {
    ($($type:ty => $variant:ident,)*) => {
        $(impl From<$type> for Object {
            fn from(object: $type) -> Self {
                Self::$variant(Sourced::from_cluster(object))
            }
        })*
    };
}

from_typed! {
    RouteObject => Route,
    Gateway => Gateway,
    GatewayClass => GatewayClass,
    ListenerSetObject => ListenerSet,
    BackendTlsPolicy => BackendTlsPolicy,
    ReferenceGrant => ReferenceGrant,
    SecretObject => Secret,
    Service => Service,
    EndpointSlice => EndpointSlice,
    Namespace => Namespace,
    ConfigMap => ConfigMap,
    AgentgatewayBackend => Backend,
    AgentgatewayModel => Model,
    AgentgatewayPolicy => Policy,
    EnterpriseAgentgatewayPolicy => EnterprisePolicy,
    AgentgatewayParameters => Parameters,
    EnterpriseAgentgatewayParameters => EnterpriseParameters,
}

/// Routes of the kinds that are read into the common shape.
macro_rules! from_routes {
    ($($type:ty)*) => {$(
        impl From<$type> for Object {
            fn from(route: $type) -> Self {
                RouteObject::from(route).into()
            }
        }
    )*};
}

from_routes! { HttpRoute FromGrpc FromTls FromTcp FromUdp }

impl From<Secret> for Object {
    fn from(secret: Secret) -> Self {
        SecretObject::from(secret).into()
    }
}

impl Object {
    /// Reads an object of a known kind as an API server writes it. One that does not fit its type
    /// is told apart from the others, whose watch goes on: typed watches end at such an object.
    ///
    /// # Errors
    /// What is wrong with it, at which field.
    pub fn from_cluster(kind: Kind, value: Value) -> Result<Self, Box<Unreadable>> {
        match kind {
            Kind::HttpRoute => read::<HttpRoute>(kind, value),
            Kind::GrpcRoute => read::<FromGrpc>(kind, value),
            Kind::TlsRoute => read::<FromTls>(kind, value),
            Kind::TcpRoute => read::<FromTcp>(kind, value),
            Kind::UdpRoute => read::<FromUdp>(kind, value),
            Kind::ListenerSet => read::<ListenerSetObject>(kind, value),
            Kind::BackendTlsPolicy => read::<BackendTlsPolicy>(kind, value),
            Kind::Gateway => read::<Gateway>(kind, value),
            Kind::GatewayClass => read::<GatewayClass>(kind, value),
            Kind::ReferenceGrant => read::<ReferenceGrant>(kind, value),
            Kind::Secret => read::<Secret>(kind, value),
            Kind::Service => read::<Service>(kind, value),
            Kind::EndpointSlice => read::<EndpointSlice>(kind, value),
            Kind::Namespace => read::<Namespace>(kind, value),
            Kind::ConfigMap => read::<ConfigMap>(kind, value),
            Kind::Backend => read::<AgentgatewayBackend>(kind, value),
            Kind::Model => read::<AgentgatewayModel>(kind, value),
            Kind::Policy => read::<AgentgatewayPolicy>(kind, value),
            Kind::EnterprisePolicy => read::<EnterpriseAgentgatewayPolicy>(kind, value),
            Kind::Parameters => read::<AgentgatewayParameters>(kind, value),
            Kind::EnterpriseParameters => read::<EnterpriseAgentgatewayParameters>(kind, value),
        }
    }
}

fn read<T: DeserializeOwned + Into<Object>>(
    kind: Kind,
    value: Value,
) -> Result<Object, Box<Unreadable>> {
    let text = |field: &str| value["metadata"][field].as_str().unwrap_or_default();
    let namespace = Some(text("namespace")).filter(|_| kind.scope() == Scope::Namespaced);
    let reference = ObjectRef::new(kind.name(), namespace, text("name"));
    let generation = value["metadata"]["generation"].as_i64();
    let spec = match kind {
        Kind::Secret => Value::Null,
        _ => value["spec"].clone(),
    };
    let (object, violations) = decode::<T>(value);
    if let Some(object) = object {
        return Ok(object.into());
    }
    let findings = violations.into_iter().map(|violation| {
        let message = match kind {
            // Even a decoder's own words may quote what it read.
            Kind::Secret => "the value cannot be decoded".to_owned(),
            _ => violation.message,
        };
        Finding::new(violation.code, message)
            .with_remedy(violation.remedy)
            .about(reference.clone())
            .at(&Origin::cluster(), &violation.path.to_string())
    });
    // What the type does not know is the definition's to prune.
    let findings = findings.filter(|finding| finding.code != Code::UnknownField);
    Err(Box::new(Unreadable {
        kind,
        generation,
        findings: findings.collect(),
        object: reference,
        spec,
    }))
}
