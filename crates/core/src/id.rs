//! Names of the objects that configuration is made of.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// Namespace and name of a Kubernetes object whose kind is known from context.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

/// What kind of object a route comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum RouteKind {
    #[default]
    Http,
    Grpc,
    Tls,
    Tcp,
    Udp,
    /// A model, which requests name.
    Model,
}

/// What kind of object a backend comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum BackendKind {
    AgentgatewayBackend,
    AgentgatewayModel,
    Service,
    /// A Service's port for datagrams: the same number may be another port for streams.
    UdpService,
}

/// Identity of a backend within one Gateway's configuration: stable across configuration changes,
/// so that health and connection pools survive a reload.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BackendKey {
    pub kind: BackendKind,
    pub object: ObjectKey,
    /// The Service's port; `None` for our own kinds.
    pub port: Option<u16>,
}

impl ObjectKey {
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

/// `namespace/name`.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl Serialize for ObjectKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl RouteKind {
    pub const ALL: [Self; 6] = [
        Self::Http,
        Self::Grpc,
        Self::Tls,
        Self::Tcp,
        Self::Udp,
        Self::Model,
    ];

    /// The kind as manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTPRoute",
            Self::Grpc => "GRPCRoute",
            Self::Tls => "TLSRoute",
            Self::Tcp => "TCPRoute",
            Self::Udp => "UDPRoute",
            Self::Model => "AgentgatewayModel",
        }
    }

    /// Whether its requests are HTTP's, which have paths and headers.
    pub fn has_requests(self) -> bool {
        matches!(self, Self::Http | Self::Grpc | Self::Model)
    }

    pub(crate) fn is_http(&self) -> bool {
        *self == Self::Http
    }
}

impl fmt::Display for RouteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl BackendKey {
    pub fn agentgateway(object: ObjectKey) -> Self {
        Self {
            kind: BackendKind::AgentgatewayBackend,
            object,
            port: None,
        }
    }

    pub fn model(object: ObjectKey) -> Self {
        Self {
            kind: BackendKind::AgentgatewayModel,
            object,
            port: None,
        }
    }

    pub fn service(object: ObjectKey, port: u16) -> Self {
        Self {
            kind: BackendKind::Service,
            object,
            port: Some(port),
        }
    }

    pub fn udp_service(object: ObjectKey, port: u16) -> Self {
        Self {
            kind: BackendKind::UdpService,
            ..Self::service(object, port)
        }
    }
}

/// `namespace/name`, with `:port` for a Service.
impl fmt::Display for BackendKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.object),
            None => write!(f, "{}", self.object),
        }
    }
}

impl Serialize for BackendKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:?} {self}", self.kind))
    }
}
