//! Where a Gateway listens.

use std::fmt;
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

/// What is spoken on a listener's connections: HTTP/1.1 and HTTP/2, in the clear (the latter by
/// prior knowledge) or under TLS (by ALPN).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Protocol {
    Http,
    Https(Arc<ListenerTls>),
}

/// TLS that ends at a listener. Serialises without keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListenerTls {
    /// Never empty. The first whose key fits what the client can verify is shown.
    pub certificates: Vec<Certificate>,
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

impl Protocol {
    /// The scheme of the URLs that clients use.
    pub fn scheme(&self) -> RedirectScheme {
        match self {
            Self::Http => RedirectScheme::Http,
            Self::Https(_) => RedirectScheme::Https,
        }
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

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("secret", &self.secret)
            .finish_non_exhaustive()
    }
}
