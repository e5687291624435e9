//! Which certificates of clients are accepted.

use std::sync::Arc;

use agw_core::listener::{ClientValidation, ClientValidationMode};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DistinguishedName, Error, RootCertStore};

use crate::signatures::signatures;

/// Asks for a certificate and takes whatever comes, nothing included.
#[derive(Debug)]
struct AnyClient(Arc<CryptoProvider>);

/// What `clients` asks for.
pub(super) fn verifier(
    clients: &ClientValidation,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    match clients.mode {
        ClientValidationMode::InsecureFallback => Ok(Arc::new(AnyClient(provider.clone()))),
        ClientValidationMode::ValidOnly => {
            let mut roots = RootCertStore::empty();
            for authority in &clients.authorities {
                roots.add(CertificateDer::from(authority.to_vec()))?;
            }
            let roots = Arc::new(roots);
            WebPkiClientVerifier::builder_with_provider(roots, provider.clone())
                .build()
                .map_err(|error| Error::General(error.to_string()))
        }
    }
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    signatures!(self => self.0);
}
