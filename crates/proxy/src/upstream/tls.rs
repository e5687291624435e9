//! TLS towards upstreams.

use std::sync::Arc;

use agw_core::backend::Verify;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// Client configurations, made once and shared by the workers.
#[derive(Debug, Clone)]
pub(crate) struct TlsClients {
    verified: Arc<ClientConfig>,
    unverified: Arc<ClientConfig>,
}

impl TlsClients {
    /// Trusts the system's roots. A root that does not parse is left out and logged.
    pub(crate) fn from_system_roots() -> Result<Self, rustls::Error> {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "a system root certificate cannot be read");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = || {
            ClientConfig::builder_with_provider(provider.clone())
                .with_safe_default_protocol_versions()
        };
        let verified = builder()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let any = Arc::new(AnyCertificate(provider.clone()));
        let unverified = builder()?
            .dangerous()
            .with_custom_certificate_verifier(any)
            .with_no_client_auth();
        let shared = |mut config: ClientConfig| {
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            Arc::new(config)
        };
        Ok(Self {
            verified: shared(verified),
            unverified: shared(unverified),
        })
    }

    pub(crate) fn config(&self, verify: Verify) -> Arc<ClientConfig> {
        match verify {
            Verify::Full => self.verified.clone(),
            Verify::Off => self.unverified.clone(),
        }
    }
}

/// `insecureSkipVerify`: any certificate, but a real handshake.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
