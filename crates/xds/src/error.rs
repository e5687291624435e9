//! What can go wrong on the wire, and whose fault it is.

use std::path::PathBuf;

use tonic::Code;

/// Whose fault an error is. Another try may help with all of them but [`Fault::Bug`]: files and
/// controllers come and go, and the client keeps trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The installation's: a file that is not there, a name that is not the server's.
    Setup,
    /// The controller refuses or ends it.
    Controller,
    /// Something between.
    Network,
    /// A peer that does not follow the protocol, or this program.
    Bug,
}

/// Why a stream could not be had, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read {}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{} holds no usable {what}: {problem}", path.display())]
    Content {
        path: PathBuf,
        what: &'static str,
        problem: String,
    },
    #[error("the certificates to trust cannot be used: {0}")]
    Trust(String),
    #[error("{0:?} is not a server name")]
    ServerName(String),
    #[error("cannot connect to {address}: {problem}")]
    Connect { address: String, problem: String },
    #[error("the controller says {code:?}: {message}")]
    Refused { code: Code, message: String },
    #[error("the controller ended the stream")]
    Ended,
    #[error("the controller does not follow the protocol: {0}")]
    Protocol(String),
    #[error("gRPC transport: {0}")]
    Transport(#[from] tonic::transport::Error),
    #[error("a task of this program failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl Error {
    pub fn fault(&self) -> Fault {
        match self {
            Self::File { .. } | Self::Content { .. } | Self::Trust(_) | Self::ServerName(_) => {
                Fault::Setup
            }
            Self::Refused { code, .. } => match code {
                Code::Unknown | Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => {
                    Fault::Network
                }
                _ => Fault::Controller,
            },
            Self::Ended => Fault::Controller,
            Self::Connect { .. } | Self::Transport(_) => Fault::Network,
            Self::Protocol(_) | Self::Task(_) => Fault::Bug,
        }
    }
}

impl From<tonic::Status> for Error {
    fn from(status: tonic::Status) -> Self {
        Self::Refused {
            code: status.code(),
            message: status.message().to_owned(),
        }
    }
}
