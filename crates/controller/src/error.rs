//! What can go wrong at the edge to Kubernetes.

use std::time::Duration;

/// Why something did not happen in the cluster. Each says whose fault it is; [`Error::retry`] says
/// whether another try may help.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused, or could not be reached.
    #[error("{what}: {source}")]
    Api {
        what: &'static str,
        #[source]
        source: Box<kube::Error>,
    },
    /// The API server gave no answer in time.
    #[error("{what}: no answer within {within:?}")]
    Timeout {
        what: &'static str,
        within: Duration,
    },
    /// The CA's Secret holds something else than a CA: whoever wrote it is at fault.
    #[error(
        "the Secret {secret} holds no usable CA ({reason}); delete it, and a new one is created"
    )]
    BrokenCa { secret: String, reason: String },
    /// A certificate cannot be made: this program's or this machine's fault.
    #[error("a certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// An object of that name is there and is somebody else's.
    #[error("{object} exists and does not belong to Gateway {gateway}; rename one of the two")]
    Foreign { object: String, gateway: String },
    /// A token that does not prove what it should: its bearer is at fault.
    #[error("the token is not accepted: {0}")]
    Token(&'static str),
}

/// Whether the same thing may work later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The object has changed meanwhile: read it anew and decide again.
    Conflict,
    /// The object is gone; there is nothing left to do.
    Gone,
    /// Soon, by itself.
    Later,
    /// Only after somebody changed something.
    Never,
}

impl Error {
    pub(crate) fn api(what: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Api {
            what,
            source: Box::new(source),
        }
    }

    pub fn retry(&self) -> Retry {
        match self {
            Self::Api { source, .. } => of(source),
            Self::Timeout { .. } | Self::Foreign { .. } => Retry::Later,
            Self::BrokenCa { .. } | Self::Certificate(_) | Self::Tls(_) | Self::Token(_) => {
                Retry::Never
            }
        }
    }
}

fn of(error: &kube::Error) -> Retry {
    match error {
        kube::Error::Api(status) => match status.code {
            409 => Retry::Conflict,
            404 | 410 => Retry::Gone,
            400 | 422 => Retry::Never,
            // 403 too: permissions are granted while this runs.
            _ => Retry::Later,
        },
        _ => Retry::Later,
    }
}

/// Waits for an answer of the API server, but not for ever: a connection may be half open.
pub(crate) async fn within<T>(
    what: &'static str,
    within: Duration,
    call: impl Future<Output = kube::Result<T>>,
) -> Result<T, Error> {
    match tokio::time::timeout(within, call).await {
        Ok(answer) => answer.map_err(Error::api(what)),
        Err(_) => Err(Error::Timeout { what, within }),
    }
}
