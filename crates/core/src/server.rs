//! Servers that policies have asked.

use std::sync::Arc;

use serde::Serialize;

use crate::backend::{Endpoint, UpstreamTls, Verify};
use crate::filter::RedirectScheme;
use crate::id::BackendKey;

/// A server that is asked on behalf of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Server {
    pub at: Place,
    /// What it is called in requests to it.
    pub authority: Arc<str>,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Place {
    /// Any endpoint of a backend that is part of the configuration.
    Backend(BackendKey),
    /// At a URL.
    Url {
        scheme: RedirectScheme,
        /// DNS name or IP address, without brackets.
        host: Arc<str>,
        port: u16,
    },
}

impl Server {
    /// The backend that has to be part of the configuration.
    pub fn backend(&self) -> Option<&BackendKey> {
        match &self.at {
            Place::Backend(key) => Some(key),
            Place::Url { .. } => None,
        }
    }

    /// The one endpoint of a server that is no backend.
    pub fn endpoint(&self) -> Option<Endpoint> {
        match &self.at {
            Place::Backend(_) => None,
            Place::Url { scheme, host, port } => Some(Endpoint {
                host: host.clone(),
                port: *port,
                tls: match scheme {
                    RedirectScheme::Http => None,
                    RedirectScheme::Https => Some(UpstreamTls::new(Verify::Full)),
                },
            }),
        }
    }
}
