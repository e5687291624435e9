//! Backend references of a rule.

use std::sync::Arc;

use agw_api::conditions::route as reasons;
use agw_api::external::httproutes::{HttpRouteRules, HttpRouteRulesBackendRefs};
use agw_api::names::{GATEWAY_GROUP, GROUP};
use agw_core::backend::{Backend, BackendTarget};
use agw_core::id::{BackendKey, ObjectKey, RouteKind};
use agw_core::matcher::Match;
use agw_core::route::{BackendRef, Destination};

use super::{RuleMaker, filters};
use crate::backend::{Outcome, services_of};
use crate::finding::Code;
use crate::reference::{From, permitted};
use crate::service::{self, Transport};

/// Largest weight (`HTTPBackendRef.weight`).
const MAX_WEIGHT: u32 = 1_000_000;

/// A reference that leads nowhere: the reason for the condition, the finding, and the text.
struct Unresolved {
    /// `None` where it is another object's fault, which says so itself.
    reason: Option<&'static str>,
    code: Code,
    message: String,
    remedy: &'static str,
}

impl RuleMaker<'_, '_> {
    pub(super) fn backend_refs(
        &mut self,
        spec: &HttpRouteRules,
        matches: &[Match],
        broken: &mut Option<Arc<str>>,
    ) -> Vec<BackendRef> {
        let mut refs = Vec::new();
        for (index, reference) in spec.backend_refs.iter().flatten().enumerate() {
            let field = format!("{}.backendRefs[{index}]", self.field);
            let to = match self.reference(reference, &field) {
                Ok(key) => Destination::Backend(key),
                Err(why) => Destination::Invalid(why),
            };
            let specs = filters::read(reference.filters.as_deref());
            let made = self.part(broken, |maker| {
                maker.filters(&specs, &format!("{field}.filters"), matches)
            });
            let weight = self.weight(reference.weight, &field);
            refs.push(BackendRef {
                weight,
                to,
                filters: made.unwrap_or_default(),
                model: None,
                when: None,
            });
        }
        self.remark(spec, &refs);
        refs
    }

    /// Where a reference leads. One that leads nowhere is reported; the error says why.
    pub(super) fn reference(
        &mut self,
        reference: &HttpRouteRulesBackendRefs,
        field: &str,
    ) -> Result<BackendKey, Arc<str>> {
        match self.resolve(reference) {
            Ok(backend) => {
                let key = backend.key.clone();
                self.backends.insert(key.clone(), backend);
                Ok(key)
            }
            Err(unresolved) => {
                if let Some(reason) = unresolved.reason {
                    self.problems
                        .not_resolved(reason, unresolved.message.clone());
                    self.report.add(
                        self.subject,
                        unresolved.code,
                        &format!("{field}.name"),
                        unresolved.message.clone(),
                        unresolved.remedy,
                    );
                }
                Err(unresolved.message.into())
            }
        }
    }

    /// A weight, 1 by default. One that the API server would refuse takes no request.
    fn weight(&mut self, written: Option<i32>, field: &str) -> u32 {
        let weight = written.unwrap_or(1);
        match u32::try_from(weight) {
            Ok(weight) if weight <= MAX_WEIGHT => weight,
            _ => {
                self.report.add(
                    self.subject,
                    Code::InvalidValue,
                    &format!("{field}.weight"),
                    format!("{weight} is not a weight"),
                    format!("write 0 to {MAX_WEIGHT}"),
                );
                0
            }
        }
    }

    fn resolve(
        &mut self,
        reference: &HttpRouteRulesBackendRefs,
    ) -> Result<Arc<Backend>, Unresolved> {
        let kind = reference.kind.as_deref().unwrap_or("Service");
        let group = reference.group.as_deref().unwrap_or_default();
        let namespace = reference
            .namespace
            .as_deref()
            .unwrap_or(&self.subject.key.namespace);
        let key = ObjectKey::new(namespace, reference.name.as_str());
        if !matches!(
            (group, kind),
            (GROUP, "AgentgatewayBackend") | ("", "Service")
        ) {
            return Err(Unresolved {
                reason: Some(reasons::INVALID_KIND),
                code: Code::UnsupportedRefKind,
                message: format!("a backend of kind `{group}/{kind}` cannot be used"),
                remedy: "refer to an AgentgatewayBackend of group `agentgateway.dev`, or to a Service",
            });
        }
        let from = From {
            group: GATEWAY_GROUP,
            kind: self.kind.as_str(),
            namespace: &self.subject.key.namespace,
        };
        if !permitted(self.context.state, from, group, kind, &key) {
            return Err(Unresolved {
                reason: Some(reasons::REF_NOT_PERMITTED),
                code: Code::RefNotPermitted,
                message: format!(
                    "no ReferenceGrant in namespace {namespace} allows the reference to {kind} {key}"
                ),
                remedy: "create a ReferenceGrant in that namespace",
            });
        }
        if kind == "Service" {
            self.service(reference, &key)
        } else {
            self.backend(&key)
        }
    }

    fn backend(&mut self, key: &ObjectKey) -> Result<Arc<Backend>, Unresolved> {
        if let Some(written) = self.context.state.backends.get(key) {
            let behind = services_of(&written.object.spec, &key.namespace);
            self.services.extend(behind);
        }
        let unresolved = |message, remedy| Unresolved {
            reason: Some(reasons::BACKEND_NOT_FOUND),
            code: Code::BackendNotFound,
            message,
            remedy,
        };
        let correct = "correct the backend; its share of the requests gets 500 until then";
        match self.context.backends.get(key) {
            Some(Outcome::Usable(backend)) if self.carries(backend) => Ok(backend.clone()),
            Some(Outcome::Usable(_)) => Err(Unresolved {
                reason: Some(reasons::INVALID_KIND),
                code: Code::UnsupportedRefKind,
                message: format!(
                    "a {} cannot use AgentgatewayBackend {key}: it takes requests",
                    self.kind
                ),
                remedy: "refer to a Service, or use an HTTPRoute",
            }),
            Some(Outcome::Unusable(why)) => Err(unresolved(
                format!("AgentgatewayBackend {key} cannot be used: {why}"),
                correct,
            )),
            None if self.context.state.is_broken("AgentgatewayBackend", key) => Err(unresolved(
                format!("AgentgatewayBackend {key} is not valid"),
                correct,
            )),
            None => Err(unresolved(
                format!("AgentgatewayBackend {key} does not exist"),
                "create it, or correct the name or namespace",
            )),
        }
    }

    /// Whether a backend can take what the route carries.
    fn carries(&self, backend: &Backend) -> bool {
        match backend.target {
            BackendTarget::Ai(_) => self.kind.has_requests(),
            BackendTarget::Endpoints(_) => self.kind != RouteKind::Udp,
        }
    }

    fn service(
        &mut self,
        reference: &HttpRouteRulesBackendRefs,
        key: &ObjectKey,
    ) -> Result<Arc<Backend>, Unresolved> {
        self.services.insert(key.clone());
        let Some(found) = self.context.state.services.get(key) else {
            return Err(Unresolved {
                reason: Some(reasons::BACKEND_NOT_FOUND),
                code: Code::BackendNotFound,
                message: format!("Service {key} does not exist"),
                remedy: "create it, or correct the name or namespace",
            });
        };
        let port = reference.port.and_then(|port| u16::try_from(port).ok());
        let transport = match self.kind {
            RouteKind::Udp => Transport::Datagrams,
            _ => Transport::Streams,
        };
        let wanted = port.and_then(|port| service::port(&found.object, port, transport));
        let Some(wanted) = wanted else {
            return Err(Unresolved {
                reason: Some(reasons::BACKEND_NOT_FOUND),
                code: Code::ServicePortNotFound,
                message: match port {
                    Some(port) => format!("Service {key} has no port {port}"),
                    None => format!("the reference to Service {key} names no port"),
                },
                remedy: "set `port` to one of the Service's ports",
            });
        };
        let tls = match self.context.tls_policies.of(key, wanted.name.as_deref()) {
            Some(Err(why)) => {
                return Err(Unresolved {
                    reason: None,
                    code: Code::InvalidPolicy,
                    message: format!("the BackendTLSPolicy of Service {key} cannot be used: {why}"),
                    remedy: "",
                });
            }
            Some(Ok(tls)) if transport == Transport::Streams => Some(tls),
            Some(Ok(_)) | None => None,
        };
        let backend = service::backend(self.context.endpoints, key, wanted, transport, tls);
        Ok(Arc::new(backend))
    }

    /// What is worth saying of the references as a whole.
    fn remark(&mut self, spec: &HttpRouteRules, refs: &[BackendRef]) {
        let redirects = spec
            .filters
            .iter()
            .flatten()
            .any(|f| f.request_redirect.is_some());
        let active = refs.iter().any(|r| r.weight > 0);
        let field = format!("{}.backendRefs", self.field);
        if !active && !redirects {
            let message = "the rule has no backend with a weight; its requests get 500";
            self.report.add(
                self.subject,
                Code::NoBackends,
                &field,
                message,
                "name a backend",
            );
        }
        for (index, reference) in refs
            .iter()
            .enumerate()
            .filter(|(_, r)| r.weight == 0 && active)
        {
            let Destination::Backend(key) = &reference.to else {
                continue;
            };
            if self.is_ai(key) {
                self.report.add(
                    self.subject,
                    Code::DialectStandby,
                    &format!("{field}[{index}].weight"),
                    format!("{key} is a standby: it gets no request while an active backend is healthy, and takes over within the same request when that fails"),
                    "the standard form is `ai.groups` of one AgentgatewayBackend",
                );
            }
        }
    }

    fn is_ai(&self, key: &BackendKey) -> bool {
        self.backends
            .get(key)
            .is_some_and(|b| matches!(b.target, BackendTarget::Ai(_)))
    }
}
