//! Who it is that asks.

use std::future::Future;

use agw_core::id::ObjectKey;
use tonic::Status;

/// Tells whose a bearer token is.
pub trait Authenticate: Send + Sync + 'static {
    /// Its bearer, or why there is none. Called for every request; the token must not be logged.
    fn authenticate(&self, token: &str) -> impl Future<Output = Result<Identity, Refusal>> + Send;
}

/// Whose a token is. Each method is for one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A proxy of this Gateway.
    Proxy(ObjectKey),
    /// Another replica of the controller.
    Replica,
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is expired, for another audience, or nobody's.
    #[error("the token is not valid")]
    Invalid,
    /// It is somebody's who has no business here.
    #[error("the token is not one of a proxy or a controller")]
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
