//! Certificates from Secrets: of listeners, and what the Gateway shows to backends.

use std::sync::Arc;

use agw_api::conditions::{gateway as reasons, types};
use agw_api::external::gateways::{
    GatewayListeners, GatewayListenersTlsCertificateRefs as CertificateRef, GatewaySpec,
};
use agw_api::names::GATEWAY_GROUP;
use agw_core::id::ObjectKey;
use agw_core::listener::{Certificate, ClientValidation, ListenerTls, PrivateKey};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::finding::Code;
use crate::reference::{From, permitted};
use crate::report::{Report, Subject};
use crate::state::ClusterState;
use crate::status::Condition;

/// Reads the certificates of listeners of one Gateway.
#[derive(Clone, Copy)]
pub(super) struct TlsReader<'a> {
    pub(super) state: &'a ClusterState,
    pub(super) subject: Subject<'a>,
}

/// Why a reference gives no certificate.
struct Unusable {
    reason: &'static str,
    code: Code,
    message: String,
    remedy: &'static str,
}

impl TlsReader<'_> {
    /// The certificates that can be used, and the condition when some or all cannot. Without any
    /// the listener cannot be served.
    pub(super) fn read(
        self,
        spec: &GatewayListeners,
        clients: Option<Arc<ClientValidation>>,
        field: &str,
        report: &mut Report,
    ) -> (Option<Arc<ListenerTls>>, Option<Condition>) {
        let tls = spec.tls.as_ref();
        let refs = tls.and_then(|t| t.certificate_refs.as_deref());
        let refs = refs.unwrap_or_default();
        if tls.is_some_and(|t| t.options.as_ref().is_some_and(|o| !o.is_empty())) {
            report.add(
                self.subject,
                Code::UnsupportedValue,
                &format!("{field}.tls.options"),
                "no TLS option is served by this release",
                "remove it",
            );
        }
        let mut certificates = Vec::new();
        let mut problem = None;
        let mut note = |at: &str, unusable: Unusable| {
            let Unusable {
                reason,
                code,
                message,
                remedy,
            } = unusable;
            report.add(self.subject, code, at, message.clone(), remedy);
            problem.get_or_insert_with(|| Condition::no(types::RESOLVED_REFS, reason, message));
        };
        if refs.is_empty() {
            note(
                &format!("{field}.tls"),
                invalid(
                    "the listener names no certificate".to_owned(),
                    "name a Secret of type kubernetes.io/tls in `tls.certificateRefs`",
                ),
            );
        }
        for (index, reference) in refs.iter().enumerate() {
            match self.certificate(reference) {
                Ok(certificate) => certificates.push(certificate),
                Err(unusable) => note(
                    &format!("{field}.tls.certificateRefs[{index}].name"),
                    unusable,
                ),
            }
        }
        let usable = !certificates.is_empty();
        (
            usable.then(|| {
                Arc::new(ListenerTls {
                    certificates,
                    clients,
                })
            }),
            problem,
        )
    }

    /// What `spec.tls.backend` names, which backends are shown.
    pub(super) fn client(
        self,
        spec: &GatewaySpec,
        report: &mut Report,
    ) -> Option<Result<Arc<Certificate>, Condition>> {
        let backend = spec.tls.as_ref()?.backend.as_ref()?;
        let reference = backend.client_certificate_ref.as_ref()?;
        let reference = CertificateRef {
            group: reference.group.clone(),
            kind: reference.kind.clone(),
            name: reference.name.clone(),
            namespace: reference.namespace.clone(),
        };
        let made = self.certificate(&reference).map(Arc::new);
        Some(made.map_err(|unusable| {
            let reason = match unusable.reason {
                reasons::INVALID_CERTIFICATE_REF => reasons::INVALID_CLIENT_CERTIFICATE_REF,
                other => other,
            };
            let field = "spec.tls.backend.clientCertificateRef";
            let (message, remedy) = (unusable.message, unusable.remedy);
            report.add(self.subject, unusable.code, field, message.clone(), remedy);
            Condition::no(types::RESOLVED_REFS, reason, message)
        }))
    }

    fn certificate(self, reference: &CertificateRef) -> Result<Certificate, Unusable> {
        let group = reference.group.as_deref().unwrap_or_default();
        let kind = reference.kind.as_deref().unwrap_or("Secret");
        if (group, kind) != ("", "Secret") {
            return Err(Unusable {
                code: Code::UnsupportedRefKind,
                ..invalid(
                    format!("a certificate of kind `{group}/{kind}` cannot be used"),
                    "refer to a Secret",
                )
            });
        }
        let own = &self.subject.key.namespace;
        let namespace = reference.namespace.as_deref().unwrap_or(own);
        let key = ObjectKey::new(namespace, reference.name.as_str());
        let from = From {
            group: GATEWAY_GROUP,
            kind: self.subject.kind,
            namespace: own,
        };
        if !permitted(self.state, from, "", "Secret", &key) {
            return Err(Unusable {
                reason: reasons::REF_NOT_PERMITTED,
                code: Code::RefNotPermitted,
                message: format!(
                    "no ReferenceGrant in namespace {namespace} allows the reference to Secret {key}"
                ),
                remedy: "create a ReferenceGrant in that namespace",
            });
        }
        let Some(secret) = self.state.secrets.get(&key) else {
            return Err(Unusable {
                code: Code::SecretNotFound,
                ..invalid(
                    format!("Secret {key} does not exist"),
                    "create it with `kubectl create secret tls`",
                )
            });
        };
        let part = |name: &str| {
            let data = secret.object.data.get(name);
            data.ok_or_else(|| Unusable {
                code: Code::SecretKeyNotFound,
                ..invalid(
                    format!("Secret {key} has no key `{name}`"),
                    "a TLS Secret has `tls.crt` and `tls.key`",
                )
            })
        };
        let (chain, private) = (part("tls.crt")?, part("tls.key")?);
        parse(&key, chain.expose(), private.expose())
    }
}

/// The pair in PEM as DER, after checking that it is one.
fn parse(secret: &ObjectKey, chain: &[u8], key: &[u8]) -> Result<Certificate, Unusable> {
    let bad = |what: String| invalid(what, "correct the Secret: a PEM chain and its PEM key");
    let chain: Result<Vec<CertificateDer<'static>>, _> =
        CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain.map_err(|error| {
        bad(format!(
            "`tls.crt` of Secret {secret} is not valid PEM: {error}"
        ))
    })?;
    if chain.is_empty() {
        return Err(bad(format!(
            "`tls.crt` of Secret {secret} holds no certificate"
        )));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| {
        bad(format!(
            "`tls.key` of Secret {secret} holds no private key: {error}"
        ))
    })?;
    let certificate = Certificate {
        secret: secret.clone(),
        chain: chain.iter().map(|der| Arc::from(der.as_ref())).collect(),
        key: PrivateKey::new(key.secret_der()),
    };
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map_err(|error| bad(format!("Secret {secret} is not a usable pair: {error}")))?;
    Ok(certificate)
}

fn invalid(message: String, remedy: &'static str) -> Unusable {
    Unusable {
        reason: reasons::INVALID_CERTIFICATE_REF,
        code: Code::InvalidCertificate,
        message,
        remedy,
    }
}
