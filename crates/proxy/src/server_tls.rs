//! TLS towards clients: which certificate a connection is shown, and which it has to show.

mod clients;

use std::fmt;
use std::sync::Arc;

use agw_core::hostname::Hostname;
use agw_core::listener::{Certificate, ClientValidation, Transport};
use agw_core::snapshot::{Bind, ListenerTable, Snapshot};
use rustc_hash::FxHashMap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// By port.
pub(crate) type ServerConfigs = FxHashMap<u16, PortTls>;

/// TLS that ends at the listeners of one port. What cannot be served is absent.
#[derive(Debug)]
pub(crate) struct PortTls {
    /// For listeners whose connections carry requests.
    pub(crate) requests: Option<Arc<ServerConfig>>,
    /// For listeners whose connections carry anything.
    pub(crate) streams: Option<Arc<ServerConfig>>,
    /// Whether all listeners take requests.
    uniform: bool,
}

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

    /// Configurations for the ports of `snapshot` that begin with TLS. A certificate that rustls
    /// does not take is left out and logged; translation has tried it before.
    pub(crate) fn configs(&self, snapshot: &Snapshot) -> ServerConfigs {
        let with_tls = |bind: &&Bind| bind.transport == Transport::Tls;
        let binds = snapshot.binds.iter().filter(with_tls);
        binds.map(|bind| (bind.port, self.port(bind))).collect()
    }

    fn port(&self, bind: &Bind) -> PortTls {
        let listeners = bind.listeners();
        let requests = |listener: &&ListenerTable| listener.protocol.has_requests();
        let (requests, streams): (Vec<_>, Vec<_>) = listeners.iter().partition(requests);
        PortTls {
            uniform: streams.is_empty(),
            requests: self.config(bind.port, &requests, &[b"h2", b"http/1.1"]),
            streams: self.config(bind.port, &streams, &[]),
        }
    }

    /// Configuration for those of `listeners` whose TLS ends here.
    fn config(
        &self,
        port: u16,
        listeners: &[&ListenerTable],
        protocols: &[&[u8]],
    ) -> Option<Arc<ServerConfig>> {
        let ending = listeners.iter().filter_map(|listener| {
            let tls = listener.protocol.tls()?;
            Some((&listener.hostname, tls))
        });
        let ending: Vec<_> = ending.collect();
        if ending.is_empty() {
            return None;
        }
        // The listeners of a port agree on what they ask of clients.
        let clients = ending.iter().find_map(|(_, tls)| tls.clients.as_deref());
        let by_name = ending.iter().map(|(hostname, tls)| {
            let keys = tls.certificates.iter().filter_map(|c| self.key(c));
            ((*hostname).clone(), keys.collect())
        });
        let by_name = ByName {
            listeners: by_name.collect(),
        };
        match self.make(by_name, clients, protocols) {
            Ok(config) => Some(Arc::new(config)),
            Err(error) => {
                tracing::error!(port, %error, "TLS cannot be served");
                None
            }
        }
    }

    fn make(
        &self,
        by_name: ByName,
        clients: Option<&ClientValidation>,
        protocols: &[&[u8]],
    ) -> Result<ServerConfig, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?;
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                builder.with_client_cert_verifier(clients::verifier(clients, &self.provider)?)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(by_name));
        config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
        if clients.is_none() {
            config.ticketer = self.tickets.clone();
            config.send_tls13_tickets = 1;
        } else {
            // A session that is resumed shows no certificate again: one that was begun at another
            // port, or before the authorities changed, would get past what is asked here.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
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

impl PortTls {
    /// The one configuration there is when the name that a client asks for need not be known
    /// before its handshake.
    pub(crate) fn only_requests(&self) -> Option<Arc<ServerConfig>> {
        self.requests.clone().filter(|_| self.uniform)
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
