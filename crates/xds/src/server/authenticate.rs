//! Who a proxy is.

use std::future::Future;

use agw_core::id::ObjectKey;
use tonic::Status;

/// Tells which Gateway's proxies a bearer token is for.
pub trait Authenticate: Send + Sync + 'static {
    /// The Gateway, or why not. Called for every request; the token must not be logged.
    fn authenticate(&self, token: &str) -> impl Future<Output = Result<ObjectKey, Refusal>> + Send;
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is expired, for another audience, or nobody's.
    #[error("the token is not valid")]
    Invalid,
    /// It is somebody's who is no proxy of a Gateway.
    #[error("the token is not one of a proxy")]
    Forbidden,
    /// Nobody can tell at the moment.
    #[error("the token cannot be verified at the moment")]
    Unavailable,
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::Invalid => Self::unauthenticated(message),
            Refusal::Forbidden => Self::permission_denied(message),
            Refusal::Unavailable => Self::unavailable(message),
        }
    }
}
