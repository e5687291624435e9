//! Whole resources: what travels under a name and a hash.

use std::sync::Arc;

use agw_core::backend::Backend;
use agw_core::id::RouteKind;
use agw_core::listener::Listener;
use agw_core::route::Route;
use bytes::Bytes;
use prost::Message;

use super::invalid::Invalid;
use super::policy::GatewayPolicy;
use super::secret::{Content, Outgoing, Secrets};
use crate::proto;
use crate::resource::{Hash, Kind, ResourceId, ResourceKey};

/// A resource as it travels. Its `Debug` does not show the body.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Encoded {
    pub(crate) id: ResourceId,
    pub(crate) hash: Hash,
    pub(crate) body: Bytes,
}

/// A resource as it is used.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    /// With its position.
    Listener(u32, Listener),
    Route(Arc<Route>),
    Backend(Arc<Backend>),
    Policy(GatewayPolicy),
    Secret(Content),
}

impl Encoded {
    fn new(kind: Kind, name: impl Into<Arc<str>>, message: &impl Message) -> Self {
        let body = Bytes::from(message.encode_to_vec());
        Self {
            id: ResourceId::new(kind, name),
            hash: Hash::of(&body),
            body,
        }
    }
}

impl std::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.id, self.hash)
    }
}

impl From<&Encoded> for proto::Resource {
    fn from(encoded: &Encoded) -> Self {
        let Encoded { id, hash, body } = encoded;
        Self {
            id: Some(id.into()),
            hash: hash.bytes(),
            body: body.clone(),
        }
    }
}

pub(crate) fn listener(listener: &Listener, position: usize, secrets: &mut Outgoing) -> Encoded {
    let position = u32::try_from(position).unwrap_or(u32::MAX);
    let message = super::listener::encode(listener, position, secrets);
    Encoded::new(Kind::Listener, listener.name.clone(), &message)
}

pub(crate) fn route(route: &Route) -> Encoded {
    let name = match route.kind {
        RouteKind::Http => route.key.to_string(),
        kind => format!("{kind} {}", route.key),
    };
    Encoded::new(Kind::Route, name, &proto::Route::from(route))
}

pub(crate) fn backend(backend: &Backend, secrets: &mut Outgoing) -> Encoded {
    let name = format!("{:?} {}", backend.key.kind, backend.key);
    let message = super::backend::encode(backend, &name, secrets);
    Encoded::new(Kind::Backend, name, &message)
}

/// `None` for a policy that says nothing.
pub(crate) fn policy(policy: &GatewayPolicy) -> Option<Encoded> {
    let said = *policy != GatewayPolicy::default();
    said.then(|| Encoded::new(Kind::Policy, "gateway", &proto::GatewayPolicy::from(policy)))
}

impl Outgoing {
    pub(crate) fn encoded(self) -> impl Iterator<Item = (ResourceKey, Encoded)> {
        let secrets = self.0.into_iter();
        secrets.map(|(name, (key, secret))| (key, Encoded::new(Kind::Secret, name, &secret)))
    }
}

/// Reads the body of a resource of this kind.
pub(crate) fn decode(kind: Kind, body: &[u8], secrets: &mut Secrets<'_>) -> Result<Part, Invalid> {
    Ok(match kind {
        Kind::Listener => {
            let (position, listener) = super::listener::decode(read(body)?, secrets)?;
            Part::Listener(position, listener)
        }
        Kind::Route => Part::Route(Arc::new(read::<proto::Route>(body)?.try_into()?)),
        Kind::Backend => Part::Backend(Arc::new(super::backend::decode(read(body)?, secrets)?)),
        Kind::Policy => Part::Policy(read::<proto::GatewayPolicy>(body)?.try_into()?),
        Kind::Secret => Part::Secret(read::<proto::Secret>(body)?.try_into()?),
    })
}

/// A message that uses a field which this program does not know does not come out of it as it went
/// in. It must not be taken: what would be left out may be what protects a route.
fn read<M: Message + Default>(body: &[u8]) -> Result<M, Invalid> {
    let broken = |_| Invalid::new("is no message of its kind");
    let message = M::decode(body).map_err(broken)?;
    if message.encoded_len() != body.len() || message.encode_to_vec() != body {
        let problem = "uses fields that this proxy does not know; it is older than its controller";
        return Err(Invalid::new(problem));
    }
    Ok(message)
}
