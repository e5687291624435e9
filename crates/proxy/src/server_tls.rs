//! TLS towards clients: which certificate a connection is shown.

use std::fmt;
use std::sync::Arc;

use agw_core::hostname::Hostname;
use agw_core::listener::{Certificate, Transport};
use agw_core::snapshot::Snapshot;
use rustc_hash::FxHashMap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// One configuration per HTTPS port.
pub(crate) type ServerConfigs = FxHashMap<u16, Arc<ServerConfig>>;

/// What all configurations share: sessions resume across workers and across reloads.
#[derive(Clone)]
pub(crate) struct TlsServers {
    provider: Arc<CryptoProvider>,
    tickets: Arc<dyn ProducesTickets>,
}

/// Chooses by the name that the client asks for, as requests are matched by host: the most
/// specific listener first.
struct ByName {
    listeners: Vec<(Hostname, Vec<Arc<CertifiedKey>>)>,
}

impl TlsServers {
    pub(crate) fn new() -> Result<Self, rustls::Error> {
        Ok(Self {
            provider: Arc::new(aws_lc_rs::default_provider()),
            tickets: aws_lc_rs::Ticketer::new()?,
        })
    }

    /// Configurations for the HTTPS ports of `snapshot`. A certificate that rustls does not take
    /// is left out and logged; translation has tried it before.
    pub(crate) fn configs(&self, snapshot: &Snapshot) -> ServerConfigs {
        let mut configs = ServerConfigs::default();
        for bind in snapshot
            .binds
            .iter()
            .filter(|b| b.transport == Transport::Tls)
        {
            let listeners = bind.listeners().iter().map(|listener| {
                let certificates = listener
                    .protocol
                    .tls()
                    .into_iter()
                    .flat_map(|tls| &tls.certificates);
                let keys = certificates.filter_map(|c| self.key(c));
                (listener.hostname.clone(), keys.collect())
            });
            let by_name = ByName {
                listeners: listeners.collect(),
            };
            match self.config(by_name) {
                Ok(config) => drop(configs.insert(bind.port, Arc::new(config))),
                Err(error) => tracing::error!(port = bind.port, %error, "TLS cannot be served"),
            }
        }
        configs
    }

    fn config(&self, by_name: ByName) -> Result<ServerConfig, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(by_name));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = self.tickets.clone();
        config.send_tls13_tickets = 1;
        Ok(config)
    }

    fn key(&self, certificate: &Certificate) -> Option<Arc<CertifiedKey>> {
        let chain = certificate.chain.iter();
        let chain = chain
            .map(|der| CertificateDer::from(der.to_vec()))
            .collect();
        let made = PrivateKeyDer::try_from(certificate.key.expose().to_vec())
            .map_err(|error| error.to_owned())
            .and_then(|key| {
                CertifiedKey::from_der(chain, key, &self.provider).map_err(|e| e.to_string())
            });
        match made {
            Ok(key) => Some(Arc::new(key)),
            Err(error) => {
                tracing::error!(secret = %certificate.secret, %error, "a certificate cannot be used");
                None
            }
        }
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or_default().to_ascii_lowercase();
        let mut listeners = self.listeners.iter();
        let (_, keys) = listeners.find(|(hostname, _)| hostname.matches(&name))?;
        let schemes = hello.signature_schemes();
        let fits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        keys.iter().find(fits).or_else(|| keys.first()).cloned()
    }
}

impl fmt::Debug for ByName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByName")
            .field("listeners", &self.listeners.len())
            .finish()
    }
}
