//! What requests to a target need and its configuration only implies: worked out once a snapshot.

use std::sync::Arc;

use agw_ai::dialect::{self, compatible_at};
use agw_core::backend::{AiProvider, Auth, ProviderKind};
use agw_core::snapshot::{Target, TargetKind};
use http::uri::Authority;

use crate::credentials::Sources;
use crate::error::Error;
use crate::upstream::{Authorization, authority, host_header};

/// Of one target.
#[derive(Debug)]
pub(crate) struct Wiring {
    /// `host:port` of each endpoint, in the target's order.
    endpoints: Vec<Arc<str>>,
    /// How a provider is addressed. Plain backends are addressed as the client did.
    host: Option<Authority>,
    pub(crate) authorization: Authorization,
    /// Whose models these are, as far as the address or the manifest tells.
    pub(crate) vendor: Option<&'static str>,
}

impl Wiring {
    /// Credentials that `before` has are taken over into `sources`.
    pub(crate) fn new(target: &Target, sources: &mut Sources, before: Option<&Sources>) -> Self {
        let auth = target.policy().auth.as_ref();
        match &target.kind {
            TargetKind::Ai { provider, .. } => Self {
                endpoints: vec![authority(&provider.endpoint).into()],
                host: Authority::try_from(host_header(&provider.endpoint)).ok(),
                authorization: Authorization::new(
                    provider.kind,
                    auth,
                    &provider.endpoint.host,
                    sources,
                    before,
                ),
                vendor: vendor(provider),
            },
            TargetKind::Endpoints(plain) => Self {
                endpoints: plain
                    .endpoints
                    .iter()
                    .map(|e| authority(e).into())
                    .collect(),
                host: None,
                // Plain backends take keys the way most of the world does.
                authorization: Authorization::new(
                    ProviderKind::OpenAi,
                    // What says nothing else is forwarded as it comes.
                    auth.or(Some(&Auth::Passthrough)),
                    plain.endpoints.first().map_or("", |first| &*first.host),
                    sources,
                    before,
                ),
                vendor: None,
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

/// `None` where the dialect of a request tells it.
fn vendor(provider: &AiProvider) -> Option<&'static str> {
    let host = &provider.endpoint.host;
    match provider.kind {
        ProviderKind::OpenAi => compatible_at(host).map(|known| known.name),
        ProviderKind::Custom => {
            let custom = dialect::of(provider.kind).provider();
            Some(compatible_at(host).unwrap_or(custom).name)
        }
        _ => None,
    }
}
