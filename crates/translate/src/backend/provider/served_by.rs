//! Providers that are Services: each of their ready endpoints is asked by itself.

use std::sync::Arc;

use agw_api::backend::{Custom, ServiceRef};
use agw_api::conditions::backend as reasons;
use agw_core::backend::{AppProtocol, BackendTarget, Endpoint, UpstreamTls};
use agw_core::id::ObjectKey;

use super::{Context, Entry};
use crate::backend::Unresolved;
use crate::expression::Rejected;
use crate::finding::Code;
use crate::report::Report;
use crate::service::{self, Transport};

/// A Service that a provider is.
#[derive(Debug, Default)]
pub(super) struct ServedBy {
    /// The name that it has in the cluster; what certificates are for.
    pub(super) host: Arc<str>,
    endpoints: Vec<Endpoint>,
}

impl ServedBy {
    /// The endpoints that are ready. TLS that the backend asks for comes before that of the
    /// Service's own policy.
    pub(super) fn endpoints(
        &self,
        tls: Option<&UpstreamTls>,
    ) -> impl Iterator<Item = Endpoint> + use<> {
        let own = tls.cloned().map(|mut tls| {
            tls.sni.get_or_insert_with(|| self.host.clone());
            tls
        });
        self.endpoints
            .clone()
            .into_iter()
            .map(move |endpoint| Endpoint {
                tls: own.clone().or(endpoint.tls),
                ..endpoint
            })
    }
}

/// `host:port`, with brackets where the host has colons.
pub(super) fn authority(endpoint: &Endpoint) -> String {
    match endpoint.host.contains(':') {
        true => format!("[{}]:{}", endpoint.host, endpoint.port),
        false => format!("{}:{}", endpoint.host, endpoint.port),
    }
}

impl Context<'_> {
    /// The Service that a provider is; one that is not there leaves the backend unusable.
    pub(super) fn service(
        self,
        custom: &Custom,
        entry: &Entry<'_>,
        refs: &mut Result<(), Unresolved>,
        report: &mut Report,
    ) -> Result<Option<ServedBy>, Rejected> {
        let Some(reference) = &custom.backend_ref else {
            return Ok(None);
        };
        let field = format!("{}.custom.backendRef", entry.field);
        let port = self.service_port(reference, &field, report)?;
        let namespace = &self.subject.key.namespace;
        let key = ObjectKey::new(namespace.clone(), reference.name.as_str());
        let host = Arc::from(format!("{}.{namespace}.svc", key.name));
        let found = self.resolved_service(&key, port, &field, report);
        let endpoints = found.unwrap_or_else(|(code, field, message)| {
            if let Some(code) = code {
                let remedy = "create it, or correct the reference";
                report.add(self.subject, code, &field, message.clone(), remedy);
            }
            *refs = Err(Unresolved {
                reason: reasons::BACKEND_NOT_FOUND,
                message,
            });
            Vec::new()
        });
        Ok(Some(ServedBy { host, endpoints }))
    }

    fn service_port(
        self,
        reference: &ServiceRef,
        field: &str,
        report: &mut Report,
    ) -> Result<u16, Rejected> {
        let group = reference.group.as_deref().unwrap_or_default();
        let kind = reference.kind.as_deref().unwrap_or("Service");
        let (code, message, remedy) = match (group, kind, reference.port) {
            ("", "Service", Some(port)) => return Ok(port),
            ("", "Service", None) => (
                Code::InvalidBackend,
                "a Service is referred to with its `port`".to_owned(),
                "write `port`",
            ),
            _ => (
                Code::UnsupportedRefKind,
                format!("a `{group}/{kind}` cannot be a provider: it is a Service"),
                "refer to a Service; an InferencePool is not served",
            ),
        };
        report.add(self.subject, code, field, message, remedy);
        Err(Rejected)
    }

    /// The ready endpoints; else what is wrong, with the finding where nobody else tells it.
    fn resolved_service(
        self,
        key: &ObjectKey,
        number: u16,
        field: &str,
        report: &mut Report,
    ) -> Result<Vec<Endpoint>, (Option<Code>, String, String)> {
        let Some(found) = self.state.services.get(key) else {
            let message = format!("Service {key} does not exist");
            return Err((
                Some(Code::BackendNotFound),
                format!("{field}.name"),
                message,
            ));
        };
        let Some(port) = service::port(&found.object, number, Transport::Streams) else {
            let message = format!("Service {key} has no port {number}");
            let code = Code::ServicePortNotFound;
            return Err((Some(code), format!("{field}.port"), message));
        };
        let services = self.services;
        let tls = match services.tls_policies.of(key, port.name.as_deref()) {
            Some(Ok(tls)) => Some(tls),
            Some(Err(why)) => {
                let message =
                    format!("the BackendTLSPolicy of Service {key} cannot be used: {why}");
                return Err((None, String::new(), message));
            }
            None => None,
        };
        let made = service::backend(services.endpoints, key, port, Transport::Streams, tls);
        let BackendTarget::Endpoints(plain) = made.target else {
            return Ok(Vec::new());
        };
        if plain.protocol == AppProtocol::H2c {
            let message = format!("port {number} of Service {key} is asked by HTTP/1.1");
            let remedy = "`appProtocol: kubernetes.io/h2c` does nothing for providers";
            report.add(self.subject, Code::NoEffect, field, message, remedy);
        }
        Ok(plain.endpoints)
    }
}
