//! What can go wrong with a request, whose fault it is, and whether another try may help.

use std::sync::Arc;
use std::time::Duration;

use agw_ai::Operation;
use agw_core::access::Denial;
use agw_core::guard::Refusal;
use http::{HeaderValue, StatusCode};

use crate::telemetry::Reason;

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Client,
    Configuration,
    Upstream,
}

/// A request that did not get the answer it asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    BadRequest(String),
    #[error("{0}")]
    BadBody(agw_ai::Error),
    #[error("a guard could not be asked: {0}")]
    Unasked(String),
    #[error("{}", .0.message)]
    Refused(Arc<Refusal>),
    #[error(
        "the request names no model and the backend forces none: send a `model`, or set one in the \
         AgentgatewayBackend"
    )]
    NoModel,
    #[error("{provider} does not offer {}: route such requests to a backend that does", operation.otel_name())]
    NotOffered {
        provider: &'static str,
        operation: Operation,
    },
    #[error("the request body is larger than {limit} bytes")]
    BodyTooLarge { limit: usize },
    #[error("the client went away before its request was complete: {0}")]
    ClientBody(String),
    #[error("the client stopped sending its request body")]
    ClientTimeout,
    #[error("this connection was opened for another host name; open a new one for this host")]
    Misdirected,
    #[error("{why}")]
    Unauthenticated {
        why: String,
        /// What the client is asked for (RFC 9110 §11.6.1).
        challenge: HeaderValue,
    },
    #[error("{0}")]
    Unverified(String),
    #[error("authorization failed")]
    Forbidden,
    #[error("the authorization server refuses the request with {}", .0.status.as_u16())]
    Denied(Arc<Denial>),
    #[error("no authorization server could be asked: {0}")]
    NoDecision(String),
    #[error("rate limit exceeded")]
    RateLimited { limit: u32, wait: Duration },
    #[error("rate limit exceeded")]
    OverLimit(Arc<Denial>),
    #[error("no rate limit could be asked for: {0}")]
    Uncounted(String),
    #[error("a page of another site may not make this request")]
    CrossSite,
    #[error("no listener or route matches this host, path and headers")]
    NoRoute,
    #[error("the model `{0}` does not exist, or is not offered here")]
    NoSuchModel(Arc<str>),
    #[error("{0}")]
    BrokenRule(String),
    #[error("no valid backend: {0}")]
    NoBackend(String),
    #[error("the backend has no ready endpoint")]
    NoEndpoint,
    #[error("no credential for the backend: {0}")]
    Credential(String),
    #[error("cannot connect to {endpoint}: {cause}")]
    Connect { endpoint: String, cause: String },
    #[error("the upstream closed or broke the connection before its response: {0}")]
    Reset(String),
    #[error("no response within {0:?}")]
    Timeout(Duration),
    #[error("the upstream's response makes no sense: {0}")]
    Garbage(String),
    #[error("the provider answered with an error inside a success: {0}")]
    FailedInside(String),
    #[error("the upstream's stream ended before any content: {0}")]
    CutBeforeContent(String),
}

impl From<agw_ai::Error> for Error {
    fn from(error: agw_ai::Error) -> Self {
        match error {
            agw_ai::Error::Refused(refusal) => Self::Refused(refusal),
            other => Self::BadBody(other),
        }
    }
}

impl Error {
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::BadRequest(_)
            | Self::BadBody(_)
            | Self::Refused(_)
            | Self::NoModel
            | Self::NotOffered { .. }
            | Self::BodyTooLarge { .. }
            | Self::ClientBody(_)
            | Self::ClientTimeout
            | Self::Misdirected
            | Self::Unauthenticated { .. }
            | Self::Forbidden
            | Self::Denied(_)
            | Self::RateLimited { .. }
            | Self::OverLimit(_)
            | Self::CrossSite
            | Self::NoRoute
            | Self::NoSuchModel(_) => Fault::Client,
            Self::BrokenRule(_) | Self::NoBackend(_) | Self::Unasked(_) => Fault::Configuration,
            _ => Fault::Upstream,
        }
    }

    /// Whether another target may answer the same request.
    pub(crate) fn retryable(&self) -> bool {
        self.fault() == Fault::Upstream
    }

    /// Whether it is in what this target can be asked, so that another may do.
    pub(crate) fn is_of_target(&self) -> bool {
        matches!(
            self,
            Self::NotOffered { .. } | Self::BadBody(agw_ai::Error::Untranslatable { .. })
        )
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_)
            | Self::BadBody(_)
            | Self::NoModel
            | Self::NotOffered { .. }
            | Self::ClientBody(_) => StatusCode::BAD_REQUEST,
            Self::Refused(refusal) => refusal.status,
            Self::Denied(denial) => denial.status,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ClientTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::CrossSite => StatusCode::FORBIDDEN,
            Self::RateLimited { .. } | Self::OverLimit(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NoRoute | Self::NoSuchModel(_) => StatusCode::NOT_FOUND,
            Self::BrokenRule(_) | Self::NoBackend(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NoEndpoint
            | Self::Unverified(_)
            | Self::NoDecision(_)
            | Self::Uncounted(_)
            | Self::Unasked(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Credential(_)
            | Self::Connect { .. }
            | Self::Reset(_)
            | Self::Garbage(_)
            | Self::FailedInside(_)
            | Self::CutBeforeContent(_) => StatusCode::BAD_GATEWAY,
        }
    }

    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::BadRequest(_) | Self::BadBody(_) | Self::NoModel | Self::NotOffered { .. } => {
                Reason::InvalidRequest
            }
            Self::Refused(_) | Self::Unasked(_) => Reason::Guardrail,
            Self::BodyTooLarge { .. } => Reason::BodyTooLarge,
            Self::ClientBody(_) => Reason::ClientDisconnect,
            Self::ClientTimeout => Reason::ClientTimeout,
            Self::Misdirected => Reason::Misdirected,
            Self::Unauthenticated { .. } => Reason::Unauthenticated,
            Self::Unverified(_) => Reason::Unverified,
            Self::Forbidden => Reason::Forbidden,
            Self::Denied(_) => Reason::ExtAuth,
            Self::NoDecision(_) => Reason::ExtAuthFailed,
            Self::RateLimited { .. } | Self::OverLimit(_) => Reason::RateLimited,
            Self::Uncounted(_) => Reason::RateLimitFailed,
            Self::CrossSite => Reason::CrossSite,
            Self::NoRoute | Self::NoSuchModel(_) => Reason::NoRoute,
            Self::BrokenRule(_) => Reason::BrokenRoute,
            Self::NoBackend(_) => Reason::NoBackend,
            Self::NoEndpoint => Reason::NoEndpoint,
            Self::Timeout(_) => Reason::Timeout,
            Self::Credential(_) => Reason::NoCredential,
            Self::Connect { .. } => Reason::ConnectFailure,
            Self::Reset(_) => Reason::UpstreamReset,
            Self::Garbage(_) => Reason::UpstreamGarbage,
            Self::FailedInside(_) => Reason::UpstreamError,
            Self::CutBeforeContent(_) => Reason::StreamCut,
        }
    }
}
