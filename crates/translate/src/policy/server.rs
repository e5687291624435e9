//! Servers that the gateway itself asks on behalf of a policy.

use std::sync::Arc;

use agw_api::access::BackendObjectRef;
use agw_api::names::{ENTERPRISE_GROUP, GROUP};
use agw_core::access::KeySource;
use agw_core::backend::Backend;
use agw_core::id::{BackendKey, BackendKind, ObjectKey};
use agw_core::policy::TrafficPolicy;

use super::place::Place;
use crate::backend::Outcome;
use crate::expression::Rejected;
use crate::finding::Code;
use crate::reference::{From, permitted};
use crate::route::Context;
use crate::service::{self, Transport};

/// What a reference leads to.
pub(super) fn server(
    reference: &BackendObjectRef,
    place: &mut Place<'_, '_>,
) -> Result<BackendKey, Rejected> {
    let kind = reference.kind.as_deref().unwrap_or("Service");
    let group = reference.group.as_deref().unwrap_or_default();
    let namespace = reference.namespace.as_deref();
    let namespace = namespace.unwrap_or(&place.subject.key.namespace);
    let key = ObjectKey::new(namespace, reference.name.as_str());
    let from = From {
        group: match place.subject.kind {
            "AgentgatewayPolicy" => GROUP,
            _ => ENTERPRISE_GROUP,
        },
        kind: place.subject.kind,
        namespace: &place.subject.key.namespace,
    };
    if !permitted(place.state, from, group, kind, &key) {
        let message = format!(
            "no ReferenceGrant in namespace {namespace} allows the reference to {kind} {key}"
        );
        let remedy = "create a ReferenceGrant in that namespace";
        place.say(Code::RefNotPermitted, "name", &message, remedy);
        return Err(Rejected);
    }
    match (group, kind) {
        ("", "Service") => of_service(reference, key, place),
        (GROUP, "AgentgatewayBackend") => of_backend(key, place),
        _ => {
            let message = format!("a server of kind `{group}/{kind}` cannot be asked");
            let remedy = "refer to a Service, or to an AgentgatewayBackend of kind `static`";
            place.say(Code::UnsupportedRefKind, "kind", &message, remedy);
            Err(Rejected)
        }
    }
}

fn of_service(
    reference: &BackendObjectRef,
    key: ObjectKey,
    place: &mut Place<'_, '_>,
) -> Result<BackendKey, Rejected> {
    let Some(found) = place.state.services.get(&key) else {
        let message = format!("Service {key} does not exist");
        let remedy = "create it, or correct the name or namespace";
        place.say(Code::BackendNotFound, "name", &message, remedy);
        return Err(Rejected);
    };
    let port = reference.port;
    let known = port.and_then(|port| service::port(&found.object, port, Transport::Streams));
    if known.is_none() {
        let message = match port {
            Some(port) => format!("Service {key} has no port {port}"),
            None => format!("the reference to Service {key} names no port"),
        };
        let remedy = "set `port` to one of the Service's ports";
        place.say(Code::ServicePortNotFound, "port", &message, remedy);
        return Err(Rejected);
    }
    Ok(BackendKey {
        kind: BackendKind::Service,
        object: key,
        port,
    })
}

fn of_backend(key: ObjectKey, place: &mut Place<'_, '_>) -> Result<BackendKey, Rejected> {
    let Some(found) = place.state.backends.get(&key) else {
        let message = format!("AgentgatewayBackend {key} does not exist");
        let remedy = "create it, or correct the name or namespace";
        place.say(Code::BackendNotFound, "name", &message, remedy);
        return Err(Rejected);
    };
    if found.object.spec.static_.is_none() {
        let message = format!("AgentgatewayBackend {key} is no plain server");
        let remedy = "refer to a Service, or to an AgentgatewayBackend of kind `static`";
        place.say(Code::UnsupportedRefKind, "name", &message, remedy);
        return Err(Rejected);
    }
    Ok(BackendKey {
        kind: BackendKind::AgentgatewayBackend,
        object: key,
        port: None,
    })
}

/// The servers that a policy has asked.
pub(crate) fn asked(policy: &TrafficPolicy) -> impl Iterator<Item = &BackendKey> {
    let accesses = [&policy.pre_access, &policy.access];
    let tokens = accesses
        .into_iter()
        .filter_map(|access| access.jwt.as_ref());
    let issuers = tokens.flat_map(|jwt| &jwt.issuers);
    issuers.filter_map(|issuer| match &issuer.keys {
        KeySource::Remote { backend, .. } => Some(backend),
        KeySource::Inline(_) => None,
    })
}

/// The backend that a key stands for; `None` where it cannot be used, and its object says why.
pub(crate) fn backend(context: Context<'_>, key: &BackendKey) -> Option<Arc<Backend>> {
    if key.kind == BackendKind::AgentgatewayBackend {
        return match context.backends.get(&key.object)? {
            Outcome::Usable(backend) => Some(backend.clone()),
            Outcome::Unusable(_) => None,
        };
    }
    let service = context.state.services.get(&key.object)?;
    let port = service::port(&service.object, key.port?, Transport::Streams)?;
    let tls = match context.tls_policies.of(&key.object, port.name.as_deref()) {
        Some(tls) => Some(tls.as_ref().ok()?),
        None => None,
    };
    let made = service::backend(
        context.endpoints,
        &key.object,
        port,
        Transport::Streams,
        tls,
    );
    Some(Arc::new(made))
}
