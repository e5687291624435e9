//! What requests to a target need and its configuration only implies: worked out once a snapshot.

use std::sync::Arc;

use agw_core::backend::{AiProvider, ProviderKind};
use agw_core::snapshot::{Target, TargetKind};
use http::uri::Authority;

use crate::error::Error;
use crate::upstream::{Authorization, authority};

/// Of one target.
#[derive(Debug)]
pub(crate) struct Wiring {
    /// `host:port` of each endpoint, in the target's order.
    endpoints: Vec<Arc<str>>,
    /// How a provider is addressed. Plain backends are addressed as the client did.
    host: Option<Authority>,
    pub(crate) authorization: Authorization,
}

impl Wiring {
    pub(crate) fn new(target: &Target) -> Self {
        match &target.kind {
            TargetKind::Ai { provider, .. } => Self {
                endpoints: vec![authority(&provider.endpoint).into()],
                host: Authority::try_from(host(provider)).ok(),
                authorization: Authorization::new(provider.kind, provider.policy.auth.as_ref()),
            },
            TargetKind::Endpoints(plain) => Self {
                endpoints: plain
                    .endpoints
                    .iter()
                    .map(|e| authority(e).into())
                    .collect(),
                host: None,
                // Plain backends take keys the way most of the world does.
                authorization: Authorization::new(ProviderKind::OpenAi, plain.policy.auth.as_ref()),
            },
        }
    }

    /// `host:port` of the endpoint at `index`.
    pub(crate) fn endpoint(&self, index: usize) -> Arc<str> {
        self.endpoints.get(index).cloned().unwrap_or_default()
    }

    /// What goes into `Host` for a provider.
    pub(crate) fn host(&self) -> Result<Authority, Error> {
        let invalid = || Error::NoBackend("the provider's host is not valid".to_owned());
        self.host.clone().ok_or_else(invalid)
    }
}

/// `Host` for the provider: without the scheme's own port.
fn host(provider: &AiProvider) -> String {
    let endpoint = &provider.endpoint;
    let own = if endpoint.tls.is_some() { 443 } else { 80 };
    let full = authority(endpoint);
    match full.strip_suffix(&format!(":{own}")) {
        Some(host) if endpoint.port == own => host.to_owned(),
        _ => full,
    }
}
