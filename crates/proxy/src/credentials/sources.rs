//! The credentials that a configuration needs, each once, kept over configurations.

use std::sync::Arc;
use std::time::SystemTime;

use agw_ai::dialect::Credential;
use agw_core::cloud::{AwsRole, AzureAuth, GcpAuth};
use http::{HeaderValue, header};
use rustc_hash::FxHashMap;

use super::aws::Aws;
use super::azure::Azure;
use super::endpoint::TokenEndpoints;
use super::environment::Environment;
use super::error::MintError;
use super::gcp::Gcp;
use super::lifetime::Minted;
use super::refresher::{Mint, Refresher};

/// A token that goes into `Authorization`.
pub(crate) type BearerSource = Arc<Refresher<Bearer>>;
/// A key that signs.
pub(crate) type AwsSource = Arc<Refresher<Aws>>;

/// Whose token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    Gcp(GcpAuth),
    Azure(AzureAuth),
}

/// Whose key of AWS.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Signer {
    /// The gateway's own; its role may be given by this region's STS.
    Own(Arc<str>),
    /// That of a role which the gateway's own assumes.
    Role(Box<AwsRole>),
}

/// Mints tokens that prove who bears them.
pub(crate) enum Bearer {
    Gcp(Gcp),
    Azure(Azure),
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    environment: Arc<Environment>,
    bearers: FxHashMap<Holder, BearerSource>,
    aws: FxHashMap<Signer, AwsSource>,
}

impl Sources {
    pub(crate) fn new(environment: Arc<Environment>) -> Self {
        Self {
            environment,
            ..Self::default()
        }
    }

    /// The credential of `holder`; the one that `before` has, if it does.
    pub(crate) fn bearer(&mut self, holder: Holder, before: Option<&Self>) -> BearerSource {
        let kept = before.and_then(|before| before.bearers.get(&holder));
        let environment = &self.environment;
        let source = self.bearers.entry(holder).or_insert_with_key(|holder| {
            kept.cloned().unwrap_or_else(|| {
                let environment = environment.clone();
                Arc::new(Refresher::new(match holder.clone() {
                    Holder::Gcp(auth) => Bearer::Gcp(Gcp { auth, environment }),
                    Holder::Azure(auth) => Bearer::Azure(Azure { auth, environment }),
                }))
            })
        });
        source.clone()
    }

    /// The gateway's own key of AWS, from the region's STS where one is asked.
    pub(crate) fn aws(&mut self, region: &Arc<str>, before: Option<&Self>) -> AwsSource {
        self.signer(Signer::Own(region.clone()), before)
    }

    /// The key of a role that the gateway's own assumes.
    pub(crate) fn role(&mut self, role: &AwsRole, before: Option<&Self>) -> AwsSource {
        self.signer(Signer::Role(Box::new(role.clone())), before)
    }

    fn signer(&mut self, signer: Signer, before: Option<&Self>) -> AwsSource {
        let kept = before.and_then(|before| before.aws.get(&signer));
        let environment = &self.environment;
        let source = self.aws.entry(signer).or_insert_with_key(|signer| {
            kept.cloned().unwrap_or_else(|| {
                Arc::new(Refresher::new(Aws {
                    signer: signer.clone(),
                    environment: environment.clone(),
                }))
            })
        });
        source.clone()
    }
}

impl Mint for Bearer {
    type Token = Credential;

    fn name(&self) -> &'static str {
        match self {
            Self::Gcp(_) => "a token of Google's",
            Self::Azure(_) => "a token of Entra's",
        }
    }

    async fn mint(
        &self,
        endpoints: &TokenEndpoints,
        now: SystemTime,
    ) -> Result<Minted<Credential>, MintError> {
        match self {
            Self::Gcp(gcp) => gcp.mint(endpoints, now).await,
            Self::Azure(azure) => azure.mint(endpoints, now).await,
        }
    }
}

/// `token` in its header.
pub(super) fn bearer(token: &str) -> Result<Credential, MintError> {
    let unusable = || MintError::Unusable("the token is empty or no header can hold it");
    if token.is_empty() {
        return Err(unusable());
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| unusable())?;
    value.set_sensitive(true);
    Ok(Credential {
        name: header::AUTHORIZATION,
        value,
        companion: None,
    })
}
