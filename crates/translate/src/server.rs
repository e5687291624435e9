//! Servers that the gateway itself asks on behalf of a policy.

use std::sync::Arc;

use agw_api::access::BackendObjectRef;
use agw_api::names::{ENTERPRISE_GROUP, GROUP};
use agw_core::access::KeySource;
use agw_core::backend::Backend;
use agw_core::filter::RedirectScheme;
use agw_core::id::{BackendKey, BackendKind, ObjectKey};
use agw_core::policy::TrafficPolicy;
use agw_core::server::{Place, Server};

use crate::backend::Outcome;
use crate::expression::Rejected;
use crate::finding::Code;
use crate::reference::{From, permitted};
use crate::report::{Report, Subject};
use crate::route::Context;
use crate::service::{self, Transport};
use crate::state::ClusterState;

/// A reference to a server, and where it is written.
pub(crate) struct Reference<'a, 'r> {
    pub(crate) state: &'a ClusterState,
    pub(crate) subject: Subject<'a>,
    /// Path of the reference.
    pub(crate) field: String,
    pub(crate) report: &'r mut Report,
}

impl Reference<'_, '_> {
    /// What the reference leads to: a port of a Service, or a plain backend.
    pub(crate) fn find(mut self, to: &BackendObjectRef) -> Result<BackendKey, Rejected> {
        let kind = to.kind.as_deref().unwrap_or("Service");
        let group = to.group.as_deref().unwrap_or_default();
        let own = &self.subject.key.namespace;
        let namespace = to.namespace.as_deref().unwrap_or(own);
        let key = ObjectKey::new(namespace, to.name.as_str());
        let from = From {
            group: match self.subject.kind {
                "EnterpriseAgentgatewayPolicy" => ENTERPRISE_GROUP,
                _ => GROUP,
            },
            kind: self.subject.kind,
            namespace: own,
        };
        if !permitted(self.state, from, group, kind, &key) {
            let message = format!(
                "no ReferenceGrant in namespace {namespace} allows the reference to {kind} {key}"
            );
            let remedy = "create a ReferenceGrant in that namespace";
            return Err(self.refuse(Code::RefNotPermitted, "name", message, remedy));
        }
        match (group, kind) {
            ("", "Service") => self.service(to, key),
            (GROUP, "AgentgatewayBackend") => self.plain(key),
            _ => {
                let message = format!("a server of kind `{group}/{kind}` cannot be asked");
                Err(self.refuse(Code::UnsupportedRefKind, "kind", message, PLAIN))
            }
        }
    }

    fn refuse(&mut self, code: Code, at: &str, message: String, remedy: &str) -> Rejected {
        let field = format!("{}.{at}", self.field);
        self.report.add(self.subject, code, &field, message, remedy);
        Rejected
    }

    fn service(&mut self, to: &BackendObjectRef, key: ObjectKey) -> Result<BackendKey, Rejected> {
        let Some(found) = self.state.services.get(&key) else {
            let message = format!("Service {key} does not exist");
            return Err(self.refuse(Code::BackendNotFound, "name", message, CREATE));
        };
        let port = to.port;
        let known = port.and_then(|port| service::port(&found.object, port, Transport::Streams));
        if known.is_none() {
            let message = match port {
                Some(port) => format!("Service {key} has no port {port}"),
                None => format!("the reference to Service {key} names no port"),
            };
            let remedy = "set `port` to one of the Service's ports";
            return Err(self.refuse(Code::ServicePortNotFound, "port", message, remedy));
        }
        Ok(BackendKey {
            kind: BackendKind::Service,
            object: key,
            port,
        })
    }

    fn plain(&mut self, key: ObjectKey) -> Result<BackendKey, Rejected> {
        let Some(found) = self.state.backends.get(&key) else {
            let message = format!("AgentgatewayBackend {key} does not exist");
            return Err(self.refuse(Code::BackendNotFound, "name", message, CREATE));
        };
        if found.object.spec.static_.is_none() || found.object.spec.ai.is_some() {
            let message = format!("AgentgatewayBackend {key} is no plain server");
            return Err(self.refuse(Code::UnsupportedRefKind, "name", message, PLAIN));
        }
        Ok(BackendKey {
            kind: BackendKind::AgentgatewayBackend,
            object: key,
            port: None,
        })
    }
}

const CREATE: &str = "create it, or correct the name or namespace";
const PLAIN: &str = "refer to a Service, or to an AgentgatewayBackend of kind `static`";

/// The servers that a policy has asked.
pub(crate) fn asked(policy: &TrafficPolicy) -> impl Iterator<Item = &BackendKey> {
    let accesses = [&policy.pre_access, &policy.access];
    let tokens = accesses
        .into_iter()
        .filter_map(|access| access.jwt.as_ref());
    let issuers = tokens.flat_map(|jwt| &jwt.issuers);
    let issuers = issuers.filter_map(|issuer| match &issuer.keys {
        KeySource::Remote { backend, .. } => Some(backend),
        KeySource::Inline(_) => None,
    });
    let accesses = [&policy.pre_access, &policy.access];
    let external = accesses.into_iter().filter_map(|a| a.external.as_ref());
    let external = external.flat_map(|cases| cases.all());
    let authorizers = external.filter_map(|case| case.then.server.backend());
    let limits = policy.rate_limit.iter().flat_map(|limits| limits.all());
    let global = limits.filter_map(|case| case.then.global.as_ref());
    let counters = global.filter_map(|global| global.server.backend());
    issuers.chain(authorizers).chain(counters)
}

/// The server at a URL, and the path there if it has one.
pub(crate) fn at(url: &str) -> Option<(Server, Option<String>)> {
    let uri = http::Uri::try_from(url).ok()?;
    let host = uri.host().filter(|host| !host.is_empty())?;
    let authority = uri.authority()?;
    if uri.query().is_some() || authority.as_str().contains('@') {
        return None;
    }
    let (scheme, usual) = match uri.scheme_str()? {
        "http" => (RedirectScheme::Http, 80),
        "https" => (RedirectScheme::Https, 443),
        "redis" => (RedirectScheme::Http, 6379),
        "rediss" => (RedirectScheme::Https, 6379),
        _ => return None,
    };
    let server = Server {
        at: Place::Url {
            scheme,
            host: host.trim_matches(['[', ']']).into(),
            port: uri.port_u16().unwrap_or(usual),
        },
        authority: authority.as_str().into(),
    };
    // `Uri` says `/` where nothing is written.
    let written = url.split_once("://")?.1.contains('/');
    let path = written.then(|| uri.path().to_owned());
    Some((server, path))
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
