//! Which certificates of upstreams are accepted.

use std::sync::Arc;

use agw_core::backend::SubjectName;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use webpki::EndEntityCert;

use crate::signatures::signatures;

/// One for the server name.
pub(super) fn named(
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    if roots.is_empty() {
        // A machine without roots trusts nobody, which is no reason not to start.
        return Ok(Arc::new(Unnamed {
            provider,
            roots,
            names: Vec::new(),
        }));
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
    let verifier = verifier.map_err(|error| Error::General(error.to_string()))?;
    Ok(verifier)
}

/// One for any of certain names, whatever the server name.
#[derive(Debug)]
pub(super) struct Unnamed {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) roots: Arc<RootCertStore>,
    pub(super) names: Vec<SubjectName>,
}

/// `insecureSkipVerify`: any certificate, but a real handshake.
#[derive(Debug)]
pub(super) struct AnyCertificate(pub(super) Arc<CryptoProvider>);

impl Unnamed {
    fn is_for(&self, certificate: &CertificateDer<'_>) -> Result<bool, Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        let entity = EndEntityCert::try_from(certificate)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        Ok(self.names.iter().any(|name| match name {
            SubjectName::Uri(uri) => entity.valid_uri_names().any(|own| own == &**uri),
            SubjectName::Dns(name) if name.starts_with("*.") => entity
                .valid_dns_names()
                .any(|own| own.eq_ignore_ascii_case(name)),
            SubjectName::Dns(name) => ServerName::try_from(&**name)
                .is_ok_and(|name| verify_server_name(&parsed, &name).is_ok()),
        }))
    }
}

impl ServerCertVerifier for Unnamed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots,
            intermediates,
            now,
            algorithms,
        )?;
        if self.is_for(end_entity)? {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::NotValidForName))
        }
    }

    signatures!(self => self.provider);
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    signatures!(self => self.0);
}
