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

/// What kind of object a backend comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum BackendKind {
    AgentgatewayBackend,
    Service,
}

/// Identity of a backend within one Gateway's configuration: stable across configuration changes,
/// so that health and connection pools survive a reload.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BackendKey {
    pub kind: BackendKind,
    pub object: ObjectKey,
    /// Service port; `None` for an `AgentgatewayBackend`.
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

impl BackendKey {
    pub fn agentgateway(object: ObjectKey) -> Self {
        Self {
            kind: BackendKind::AgentgatewayBackend,
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
