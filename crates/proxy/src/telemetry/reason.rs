//! The one word that says why a request ended as it did.

use serde::Serialize;

/// `reason` in the access log and in metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Answered by the upstream, whatever its status; absent from the log.
    Ok,
    /// Answered by a redirect filter.
    Redirect,
    /// A browser's preflight request, answered by a CORS filter.
    Preflight,
    /// Answered by a policy's direct response.
    DirectResponse,
    /// The credential that a policy asks for is missing or not good.
    Unauthenticated,
    /// Whether a credential is good could not be told.
    Unverified,
    /// A policy's expressions refuse the request.
    Forbidden,
    /// A server that was asked refuses the request.
    ExtAuth,
    /// A server that was to be asked did not answer.
    ExtAuthFailed,
    RateLimited,
    /// A server that was to count did not answer.
    RateLimitFailed,
    /// A page of another site made a request that changes something.
    CrossSite,
    NoRoute,
    InvalidRequest,
    BodyTooLarge,
    /// The client stopped sending its body.
    ClientTimeout,
    /// The TLS connection was opened for another listener's host.
    Misdirected,
    /// The rule cannot be served as its manifest stands; its object's status says why.
    BrokenRoute,
    /// The rule matched and none of its backends resolves.
    NoBackend,
    NoEndpoint,
    /// A token for the backend was to be fetched and could not be.
    NoCredential,
    ConnectFailure,
    UpstreamReset,
    UpstreamGarbage,
    /// An error object inside a 200, before or within a stream.
    UpstreamError,
    /// The upstream answered 5xx or 429 and nothing else was left to try.
    UpstreamStatus,
    Timeout,
    /// A stream ended before it was complete.
    StreamCut,
    /// A stream stood still for longer than the idle bound.
    StreamIdle,
    ClientDisconnect,
    /// The client did not take what it was sent.
    ClientStall,
    /// It was still under way when the time to drain was over.
    Drained,
    /// What was said, or answered, may not be.
    Guardrail,
    /// A copy for a mirror was not sent, for too many were under way.
    MirrorsBusy,
}

impl Reason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Redirect => "redirect",
            Self::Preflight => "preflight",
            Self::DirectResponse => "direct_response",
            Self::Unauthenticated => "unauthenticated",
            Self::Unverified => "unverified",
            Self::Forbidden => "forbidden",
            Self::ExtAuth => "ext_auth",
            Self::ExtAuthFailed => "ext_auth_failed",
            Self::RateLimited => "rate_limited",
            Self::RateLimitFailed => "rate_limit_failed",
            Self::CrossSite => "cross_site",
            Self::NoRoute => "no_route",
            Self::InvalidRequest => "invalid_request",
            Self::BodyTooLarge => "body_too_large",
            Self::ClientTimeout => "client_timeout",
            Self::Misdirected => "misdirected",
            Self::BrokenRoute => "broken_route",
            Self::NoBackend => "no_backend",
            Self::NoEndpoint => "no_endpoint",
            Self::NoCredential => "no_credential",
            Self::ConnectFailure => "connect_failure",
            Self::UpstreamReset => "upstream_reset",
            Self::UpstreamGarbage => "upstream_garbage",
            Self::UpstreamError => "upstream_error",
            Self::UpstreamStatus => "upstream_status",
            Self::Timeout => "timeout",
            Self::StreamCut => "stream_cut",
            Self::StreamIdle => "stream_idle",
            Self::ClientDisconnect => "client_disconnect",
            Self::ClientStall => "client_stall",
            Self::Drained => "drained",
            Self::Guardrail => "guardrail",
            Self::MirrorsBusy => "mirrors_busy",
        }
    }
}
