//! Certificates for tests, and connections that use them.

use std::net::SocketAddr;
use std::sync::Arc;

use agw_core::backend::{Backend, BackendTarget, Roots, Trust, UpstreamTls, Verify};
use agw_core::id::ObjectKey;
use agw_core::listener::{Certificate, PrivateKey};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Vouches for clients and servers.
pub(crate) struct Authority {
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self {
            der,
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn der(&self) -> Arc<[u8]> {
        self.der.clone().into()
    }

    /// A certificate for `name`, with its key.
    pub(crate) fn issue(&self, name: &str) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Certificate {
            secret: ObjectKey::new("ns", name),
            chain: vec![certificate.der().to_vec().into()],
            key: PrivateKey::new(key.serialize_der()),
        }
    }

    /// The backend, with its endpoints asked for a certificate for `name`.
    pub(crate) fn behind(&self, name: &str, backend: Arc<Backend>) -> Arc<Backend> {
        let mut backend = Arc::unwrap_or_clone(backend);
        if let BackendTarget::Endpoints(plain) = &mut backend.target {
            for endpoint in &mut plain.endpoints {
                let mut tls = UpstreamTls::new(Verify::Trust(Arc::new(Trust {
                    roots: Roots::Only(vec![self.der()]),
                    names: vec![],
                })));
                tls.sni = Some(name.into());
                endpoint.tls = Some(tls);
            }
        }
        Arc::new(backend)
    }

    /// A connection under `name` that trusts this authority alone, and shows `own`.
    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
        name: &str,
        protocols: &[&[u8]],
        own: Option<&Certificate>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        connect(self.client(protocols, own), address, name).await
    }

    /// What a client's connections have in common, its sessions included.
    pub(crate) fn client(
        &self,
        protocols: &[&[u8]],
        own: Option<&Certificate>,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.der.clone())).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let chain = own.chain.iter();
                let chain = chain
                    .map(|der| CertificateDer::from(der.to_vec()))
                    .collect();
                let key = PrivatePkcs8KeyDer::from(own.key.expose().to_vec());
                builder.with_client_auth_cert(chain, key.into()).unwrap()
            }
        };
        config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
        Arc::new(config)
    }
}

/// A server that shows `certificate` and speaks one of `protocols`.
pub(crate) fn acceptor(certificate: &Certificate, protocols: &[&[u8]]) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = vec![CertificateDer::from(certificate.chain[0].to_vec())];
    let key = PrivatePkcs8KeyDer::from(certificate.key.expose().to_vec());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key.into())
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

pub(crate) async fn connect(
    client: Arc<ClientConfig>,
    address: SocketAddr,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(client).connect(name, stream).await
}
