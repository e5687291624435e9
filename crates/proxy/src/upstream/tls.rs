//! TLS towards upstreams.

mod verify;

use std::sync::Arc;

use agw_core::backend::{Roots, UpstreamTls, Verify};
use agw_core::listener::Certificate;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use verify::{AnyCertificate, Unnamed, named};

/// Configurations that are kept. More are made again when they are needed.
const KEPT: usize = 256;

/// Client configurations, made once and shared by the workers.
#[derive(Debug, Clone)]
pub(crate) struct TlsClients(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    provider: Arc<CryptoProvider>,
    system: Arc<RootCertStore>,
    made: Mutex<FxHashMap<Asked, Arc<ClientConfig>>>,
}

/// What goes over a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Carries {
    /// Requests, over HTTP/2 if the other side likes.
    Http,
    /// Requests, over HTTP/1.1: an upgrade leaves it.
    Http1,
    /// Anything.
    Stream,
}

/// What a configuration depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Asked {
    verify: Verify,
    client: Option<Arc<Certificate>>,
    carries: Carries,
}

impl Carries {
    fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            Self::Http => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Self::Http1 => vec![b"http/1.1".to_vec()],
            Self::Stream => Vec::new(),
        }
    }
}

impl TlsClients {
    /// Trusts the system's roots. A root that does not parse is left out and logged.
    pub(crate) fn from_system_roots() -> Self {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "a system root certificate cannot be read");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        Self(Arc::new(Shared {
            provider: Arc::new(aws_lc_rs::default_provider()),
            system: Arc::new(roots),
            made: Mutex::default(),
        }))
    }

    /// # Errors
    /// An authority or a certificate of the gateway that cannot be used.
    pub(crate) fn config(
        &self,
        tls: &UpstreamTls,
        carries: Carries,
    ) -> Result<Arc<ClientConfig>, rustls::Error> {
        let asked = Asked {
            verify: tls.verify.clone(),
            client: tls.client.clone(),
            carries,
        };
        if let Some(made) = self.0.made.lock().get(&asked) {
            return Ok(made.clone());
        }
        let config = Arc::new(self.0.make(&asked)?);
        let mut made = self.0.made.lock();
        if made.len() >= KEPT {
            made.clear();
        }
        made.insert(asked, config.clone());
        Ok(config)
    }
}

impl Shared {
    fn make(&self, asked: &Asked) -> Result<ClientConfig, rustls::Error> {
        let builder = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier(&asked.verify)?);
        let mut config = match &asked.client {
            None => builder.with_no_client_auth(),
            Some(certificate) => {
                let chain = certificate.chain.iter();
                let chain = chain.map(|der| CertificateDer::from(der.to_vec()));
                let key = PrivateKeyDer::try_from(certificate.key.expose().to_vec())
                    .map_err(|error| rustls::Error::General(error.to_owned()))?;
                builder.with_client_auth_cert(chain.collect(), key)?
            }
        };
        config.alpn_protocols = asked.carries.protocols();
        Ok(config)
    }

    fn verifier(&self, verify: &Verify) -> Result<Arc<dyn ServerCertVerifier>, rustls::Error> {
        let provider = self.provider.clone();
        let trust = match verify {
            Verify::Off => return Ok(Arc::new(AnyCertificate(provider))),
            Verify::Full => return named(self.system.clone(), provider),
            Verify::Trust(trust) => trust,
        };
        let roots = match &trust.roots {
            Roots::System => self.system.clone(),
            Roots::Only(authorities) => {
                let mut roots = RootCertStore::empty();
                for authority in authorities {
                    roots.add(CertificateDer::from(authority.to_vec()))?;
                }
                Arc::new(roots)
            }
        };
        if trust.names.is_empty() {
            return named(roots, provider);
        }
        Ok(Arc::new(Unnamed {
            provider,
            roots,
            names: trust.names.clone(),
        }))
    }
}
