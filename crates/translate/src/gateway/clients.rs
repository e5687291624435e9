//! What is asked of the certificates of clients (`spec.tls.frontend`), by port.

use std::collections::BTreeMap;
use std::sync::Arc;

use agw_api::conditions::{gateway as reasons, types};
use agw_api::external::gateways::{GatewaySpec, GatewayTlsFrontendDefaultValidation as Spec};
use agw_api::names::GATEWAY_GROUP;
use agw_core::listener::{ClientValidation, ClientValidationMode};
use serde::Serialize;

use crate::authority::{self, BundleRef, Why};
use crate::finding::Code;
use crate::reference::From;
use crate::report::{Report, Subject};
use crate::state::ClusterState;
use crate::status::Condition;

/// A port's validation, and what is wrong with its references.
#[derive(Debug, Clone, Default)]
pub(super) struct PortClients {
    /// `None` where nothing is asked.
    pub(super) asked: Option<Asked>,
    /// When some reference is not usable.
    pub(super) problem: Option<Condition>,
}

#[derive(Debug, Clone)]
pub(super) enum Asked {
    Valid(Arc<ClientValidation>),
    /// No authority is usable: connections cannot be taken.
    NoAuthority,
}

/// All ports of a Gateway.
#[derive(Debug, Default)]
pub(super) struct Clients {
    default: PortClients,
    ports: BTreeMap<i32, PortClients>,
}

impl Clients {
    pub(super) fn read(
        state: &ClusterState,
        subject: Subject<'_>,
        spec: &GatewaySpec,
        report: &mut Report,
    ) -> Self {
        let Some(frontend) = spec.tls.as_ref().and_then(|tls| tls.frontend.as_ref()) else {
            return Self::default();
        };
        let reader = Reader { state, subject };
        let field = "spec.tls.frontend";
        let default = frontend.default.validation.as_ref();
        let default = reader.port(default, &format!("{field}.default.validation"), report);
        let ports = frontend.per_port.iter().flatten().enumerate();
        let ports = ports.map(|(index, port)| {
            let at = format!("{field}.perPort[{index}].tls.validation");
            (
                port.port,
                reader.port(port.tls.validation.as_ref(), &at, report),
            )
        });
        Self {
            ports: ports.collect(),
            default,
        }
    }

    pub(super) fn of(&self, port: i32) -> &PortClients {
        self.ports.get(&port).unwrap_or(&self.default)
    }

    /// The condition that warns of a validation which lets anybody in.
    pub(super) fn warning(&self) -> Option<Condition> {
        let all = self.ports.values().chain([&self.default]);
        let lenient = |port: &PortClients| matches!(&port.asked, Some(Asked::Valid(v)) if v.mode == ClientValidationMode::InsecureFallback);
        let why = "clients without a valid certificate are let in";
        all.into_iter().any(lenient).then(|| {
            Condition::yes(
                types::INSECURE_FRONTEND_VALIDATION_MODE,
                reasons::CONFIGURATION_CHANGED,
            )
            .with_message(why)
        })
    }
}

struct Reader<'a> {
    state: &'a ClusterState,
    subject: Subject<'a>,
}

impl Reader<'_> {
    /// The generated types of the default and of a port are alike, and unrelated.
    fn port<T: Serialize>(
        &self,
        spec: Option<&T>,
        field: &str,
        report: &mut Report,
    ) -> PortClients {
        let spec = spec.and_then(|spec| serde_json::to_value(spec).ok());
        let spec: Option<Spec> = spec.and_then(|spec| serde_json::from_value(spec).ok());
        match spec {
            None => PortClients::default(),
            Some(spec) => self.validation(&spec, field, report),
        }
    }

    fn validation(&self, spec: &Spec, field: &str, report: &mut Report) -> PortClients {
        use agw_api::external::gateways::GatewayTlsFrontendDefaultValidationMode as Mode;
        let from = From {
            group: GATEWAY_GROUP,
            kind: "Gateway",
            namespace: &self.subject.key.namespace,
        };
        let mut authorities = Vec::new();
        let mut problem = None;
        for (index, reference) in spec.ca_certificate_refs.iter().enumerate() {
            let bundle = BundleRef {
                group: &reference.group,
                kind: &reference.kind,
                namespace: reference.namespace.as_deref(),
                name: &reference.name,
            };
            let unusable = match authority::read(self.state, from, &bundle) {
                Ok(found) => {
                    authorities.extend(found);
                    continue;
                }
                Err(unusable) => unusable,
            };
            let (reason, code) = match unusable.why {
                Why::Kind => (
                    reasons::INVALID_CA_CERTIFICATE_KIND,
                    Code::UnsupportedRefKind,
                ),
                Why::NotPermitted => (reasons::REF_NOT_PERMITTED, Code::RefNotPermitted),
                Why::Content => (
                    reasons::INVALID_CA_CERTIFICATE_REF,
                    Code::InvalidCertificate,
                ),
            };
            let at = format!("{field}.caCertificateRefs[{index}]");
            let remedy = "refer to a ConfigMap with the authorities' certificates under `ca.crt`";
            report.add(self.subject, code, &at, unusable.message.clone(), remedy);
            problem.get_or_insert_with(|| {
                Condition::no(types::RESOLVED_REFS, reason, unusable.message)
            });
        }
        let mode = match spec.mode {
            Some(Mode::AllowInsecureFallback) => ClientValidationMode::InsecureFallback,
            Some(Mode::AllowValidOnly) | None => ClientValidationMode::ValidOnly,
        };
        let asked = if authorities.is_empty() {
            Asked::NoAuthority
        } else {
            Asked::Valid(Arc::new(ClientValidation { mode, authorities }))
        };
        PortClients {
            asked: Some(asked),
            problem,
        }
    }
}
