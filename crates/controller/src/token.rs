//! Whose a token is: asked of the API server, remembered for a moment.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use agw_core::id::ObjectKey;
use agw_translate::Translation;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::error::within;
use crate::metrics::{Metrics, Review};
use crate::reconcile::Publication;

/// A revoked token is taken this long at most.
const REMEMBERED: Duration = Duration::from_secs(60);
const REMEMBERED_TOKENS: usize = 1024;
/// Reviews that are asked for at a time; more wait.
const REVIEWS: usize = 16;
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A ServiceAccount's token is about a kilobyte.
const LONGEST: usize = 16 << 10;

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is expired, forged, or for another audience: its bearer is at fault.
    #[error("the token is not valid for this audience")]
    Invalid,
    /// It is good, and neither that of a Gateway's proxies nor that of a controller.
    #[error("the token is not one of a Gateway's proxies or of a controller")]
    Stranger,
    /// The API server does not answer; a retry may help.
    #[error("the token cannot be reviewed at the moment")]
    Unavailable,
}

/// Whose a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bearer {
    /// A proxy of this Gateway.
    Proxy(ObjectKey),
    /// A replica of this controller.
    Controller,
}

/// Tells whose a token is. Clones share what is remembered.
#[derive(Clone)]
pub struct TokenReviewer(Arc<Inner>);

struct Inner {
    api: Api<TokenReview>,
    audience: String,
    /// The ServiceAccount of this controller and of its other replicas.
    own: Option<ObjectKey>,
    published: Publication,
    metrics: Metrics,
    remembered: Mutex<HashMap<[u8; 32], Remembered>>,
    slots: Semaphore,
}

/// A ServiceAccount that had a token. The token itself is not kept.
struct Remembered {
    account: ObjectKey,
    until: Instant,
}

impl TokenReviewer {
    pub(crate) fn new(
        client: Client,
        audience: String,
        own: Option<ObjectKey>,
        published: Publication,
        metrics: Metrics,
    ) -> Self {
        Self(Arc::new(Inner {
            api: Api::all(client),
            audience,
            own,
            published,
            metrics,
            remembered: Mutex::default(),
            slots: Semaphore::new(REVIEWS),
        }))
    }

    /// Who has the token.
    ///
    /// # Errors
    /// When it is nobody's, or somebody else's, or the API server cannot be asked.
    pub async fn bearer_of(&self, token: &str) -> Result<Bearer, TokenError> {
        let account = self.account_of(token).await?;
        // Before the Gateways: one that is named like it does not get its ServiceAccount.
        if self.0.own.as_ref() == Some(&account) {
            return Ok(Bearer::Controller);
        }
        let published = self.0.published.borrow().clone();
        let translation = published.as_deref().map(|p| &*p.translation);
        let gateway = translation.and_then(|translation| gateway_of(translation, &account));
        gateway.map(Bearer::Proxy).ok_or(TokenError::Stranger)
    }

    async fn account_of(&self, token: &str) -> Result<ObjectKey, TokenError> {
        if token.is_empty() || token.len() > LONGEST {
            return Err(TokenError::Invalid);
        }
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(account) = self.0.remembered(&digest) {
            self.0.metrics.token(Review::Cached);
            return Ok(account);
        }
        let result = self.review(token).await;
        self.0.metrics.token(match result {
            Ok(_) => Review::Accepted,
            Err(TokenError::Unavailable) => Review::Failed,
            Err(TokenError::Invalid | TokenError::Stranger) => Review::Refused,
        });
        let account = result?;
        self.0.remember(digest, account.clone());
        Ok(account)
    }

    async fn review(&self, token: &str) -> Result<ObjectKey, TokenError> {
        let inner = &self.0;
        let _slot = inner
            .slots
            .acquire()
            .await
            .map_err(|_| TokenError::Unavailable)?;
        let review = TokenReview {
            spec: TokenReviewSpec {
                audiences: Some(vec![inner.audience.clone()]),
                token: Some(token.to_owned()),
            },
            ..TokenReview::default()
        };
        let parameters = PostParams::default();
        let create = inner.api.create(&parameters, &review);
        let review = within("a token cannot be reviewed", ANSWER_WITHIN, create).await;
        let review = review.map_err(|error| {
            tracing::warn!(%error, "a token is not reviewed");
            TokenError::Unavailable
        })?;
        let status = review.status.unwrap_or_default();
        // An API server that knows nothing of audiences would accept a token for any of them.
        let audiences = status.audiences.unwrap_or_default();
        if status.authenticated != Some(true) || !audiences.contains(&inner.audience) {
            return Err(TokenError::Invalid);
        }
        let user = status
            .user
            .and_then(|user| user.username)
            .unwrap_or_default();
        service_account(&user).ok_or(TokenError::Stranger)
    }
}

impl Inner {
    fn remembered(&self, digest: &[u8; 32]) -> Option<ObjectKey> {
        let remembered = self.remembered.lock();
        let known = remembered
            .get(digest)
            .filter(|known| Instant::now() < known.until)?;
        Some(known.account.clone())
    }

    fn remember(&self, digest: [u8; 32], account: ObjectKey) {
        let now = Instant::now();
        let mut remembered = self.remembered.lock();
        if remembered.len() >= REMEMBERED_TOKENS {
            remembered.retain(|_, known| now < known.until);
        }
        if remembered.len() < REMEMBERED_TOKENS {
            let until = now + REMEMBERED;
            remembered.insert(digest, Remembered { account, until });
        }
    }
}

/// `system:serviceaccount:NAMESPACE:NAME`.
fn service_account(user: &str) -> Option<ObjectKey> {
    let (namespace, name) = user
        .strip_prefix("system:serviceaccount:")?
        .split_once(':')?;
    (!namespace.is_empty() && !name.is_empty()).then(|| ObjectKey::new(namespace, name))
}

/// The Gateway whose proxies run as that ServiceAccount. One whose parameters are no longer valid
/// keeps its proxies; their ServiceAccount bears its name unless that is too long for one.
fn gateway_of(translation: &Translation, account: &ObjectKey) -> Option<ObjectKey> {
    let mut deployed = translation.infra.iter();
    let is_its = |gateway: &ObjectKey, name: &str| {
        gateway.namespace == account.namespace && *name == *account.name
    };
    if let Some(infra) = deployed.find(|infra| is_its(&infra.gateway, &infra.name)) {
        return Some(infra.gateway.clone());
    }
    let mut known = translation.gateways.iter();
    let config = known.find(|config| is_its(&config.gateway, &config.gateway.name))?;
    let elsewhere = translation
        .infra
        .iter()
        .any(|infra| infra.gateway == config.gateway);
    (!elsewhere).then(|| config.gateway.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_service_accounts_are_proxies() {
        let account = |user: &str| service_account(user).map(|key| key.to_string());
        assert_eq!(
            account("system:serviceaccount:ns:gw").as_deref(),
            Some("ns/gw")
        );
        for user in [
            "system:serviceaccount:ns",
            "system:serviceaccount::gw",
            "ns:gw",
            "admin",
            "",
        ] {
            assert_eq!(account(user), None, "{user}");
        }
    }
}
