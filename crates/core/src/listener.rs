//! Where a Gateway listens.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::Serialize;

use crate::filter::RedirectScheme;
use crate::hostname::Hostname;
use crate::id::ObjectKey;
use crate::policy::TrafficPolicy;

/// One listener of a Gateway. Several may share a port when their hostnames differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listener {
    /// `spec.listeners[].name`, unique within the Gateway.
    pub name: Arc<str>,
    pub port: u16,
    pub protocol: Protocol,
    pub hostname: Hostname,
    #[serde(skip_serializing_if = "TrafficPolicy::is_empty")]
    pub policy: TrafficPolicy,
}

/// What is spoken on a listener's connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Protocol {
    /// HTTP/1.1, and HTTP/2 by prior knowledge.
    Http,
    /// HTTP/1.1 and HTTP/2 by ALPN, under TLS.
    Https(Arc<ListenerTls>),
    /// TLS that ends at the backend: only the name that it asks for is read.
    TlsPassthrough,
    /// Anything, under TLS that ends here.
    Tls(Arc<ListenerTls>),
    /// Anything, over TCP.
    Tcp,
    /// Datagrams.
    Udp,
}

/// What a port's connections begin with. Listeners that share a port agree on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum Transport {
    Http,
    Tls,
    Tcp,
    Udp,
}

/// TLS that ends at a listener. Serialises without keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListenerTls {
    /// Never empty. The first whose key fits what the client can verify is shown.
    pub certificates: Vec<Certificate>,
    /// How clients show who they are; `None` asks for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients: Option<Arc<ClientValidation>>,
}

/// What is asked of the certificates of clients.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct ClientValidation {
    pub mode: ClientValidationMode,
    /// Certificates of the authorities that vouch for clients, in DER. Never empty.
    #[serde(skip)]
    pub authorities: Vec<Arc<[u8]>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ClientValidationMode {
    /// A client without a valid certificate gets no connection.
    ValidOnly,
    /// Any client does, also with a certificate that is not valid.
    InsecureFallback,
}

/// A certificate chain with its key, in DER; translation has checked that they belong together.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// The Secret it comes from.
    pub secret: ObjectKey,
    /// The end entity's certificate first.
    #[serde(skip)]
    pub chain: Vec<Arc<[u8]>>,
    /// PKCS #8, PKCS #1 or SEC 1.
    #[serde(skip)]
    pub key: PrivateKey,
}

/// The DER of a private key. Its `Debug` is redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(Arc<[u8]>);

impl Transport {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tls => "tls",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl Protocol {
    pub fn transport(&self) -> Transport {
        match self {
            Self::Http => Transport::Http,
            Self::Https(_) | Self::TlsPassthrough | Self::Tls(_) => Transport::Tls,
            Self::Tcp => Transport::Tcp,
            Self::Udp => Transport::Udp,
        }
    }

    /// TLS that ends here.
    pub fn tls(&self) -> Option<&Arc<ListenerTls>> {
        match self {
            Self::Https(tls) | Self::Tls(tls) => Some(tls),
            Self::Http | Self::TlsPassthrough | Self::Tcp | Self::Udp => None,
        }
    }

    /// The scheme of the URLs that clients use; `None` where there are no requests.
    pub fn scheme(&self) -> Option<RedirectScheme> {
        match self {
            Self::Http => Some(RedirectScheme::Http),
            Self::Https(_) => Some(RedirectScheme::Https),
            Self::TlsPassthrough | Self::Tls(_) | Self::Tcp | Self::Udp => None,
        }
    }

    /// Whether its connections carry requests.
    pub fn has_requests(&self) -> bool {
        matches!(self, Self::Http | Self::Https(_))
    }
}

impl PrivateKey {
    pub fn new(der: impl Into<Arc<[u8]>>) -> Self {
        Self(der.into())
    }

    /// The key itself, for the one place that signs with it.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

impl fmt::Debug for ClientValidation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientValidation")
            .field("mode", &self.mode)
            .field("authorities", &self.authorities.len())
            .finish()
    }
}

/// By the Secret: equality looks at the rest.
impl Hash for Certificate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.secret.hash(state);
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("secret", &self.secret)
            .finish_non_exhaustive()
    }
}
