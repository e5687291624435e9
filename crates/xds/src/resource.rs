//! The parts that a Gateway's configuration travels in.

use std::fmt;
use std::sync::Arc;

use agw_core::id::{BackendKey, ObjectKey, RouteKind};
use sha2::{Digest, Sha256};

use crate::convert::Invalid;
use crate::proto;

/// What a resource is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Listener,
    Route,
    Backend,
    Policy,
    Secret,
}

/// Names a resource within one Gateway's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId {
    pub kind: Kind,
    pub name: Arc<str>,
}

/// What a resource comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceKey {
    /// The listener's name.
    Listener(Arc<str>),
    Route(RouteKind, ObjectKey),
    Backend(BackendKey),
    /// The Gateway's own policy.
    Policy,
    /// A credential of this backend.
    Credential(BackendKey),
    /// The Kubernetes Secret of a listener's certificate.
    Certificate(ObjectKey),
}

/// What a resource's content is told apart by.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Hash([u8; 16]);

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listener => "listener",
            Self::Route => "route",
            Self::Backend => "backend",
            Self::Policy => "policy",
            Self::Secret => "secret",
        }
    }
}

impl ResourceId {
    pub fn new(kind: Kind, name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        Self { kind, name }
    }
}

/// `route shop/checkout`.
impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}

impl From<&ResourceId> for proto::ResourceId {
    fn from(id: &ResourceId) -> Self {
        let ResourceId { kind, name } = id;
        Self {
            kind: proto::Kind::from(*kind).into(),
            name: name.to_string(),
        }
    }
}

impl TryFrom<proto::ResourceId> for ResourceId {
    type Error = Invalid;

    fn try_from(id: proto::ResourceId) -> Result<Self, Invalid> {
        let proto::ResourceId { kind, name } = id;
        let kind = crate::convert::enumeration::<proto::Kind, Kind>(kind, "kind")?;
        Ok(Self::new(kind, name))
    }
}

impl Hash {
    pub(crate) fn of(body: &[u8]) -> Self {
        Self::first(&Sha256::digest(body))
    }

    /// Of resources by their names and hashes, in this order.
    pub(crate) fn of_all<'a>(resources: impl Iterator<Item = (&'a ResourceId, Self)>) -> Self {
        let mut digest = Sha256::new();
        for (id, hash) in resources {
            digest.update(id.kind.as_str());
            digest.update([0]);
            digest.update(&*id.name);
            digest.update([0]);
            digest.update(hash.0);
        }
        Self::first(&digest.finalize())
    }

    fn first(digest: &[u8]) -> Self {
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest[..16]);
        Self(hash)
    }

    pub(crate) fn bytes(self) -> bytes::Bytes {
        bytes::Bytes::copy_from_slice(&self.0)
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
