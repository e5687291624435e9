//! Why there is no credential. No text of these quotes what an endpoint said but for the code that
//! its error has, nor anything that was sent to it.

use std::time::Duration;

use http::StatusCode;

#[derive(Debug, thiserror::Error)]
pub(crate) enum MintError {
    #[error("{0} is not set where the gateway runs")]
    Unset(&'static str),
    #[error("the file that {name} names cannot be read: {cause}")]
    File {
        name: &'static str,
        cause: std::io::Error,
    },
    #[error("{0} is no address that can be asked")]
    Address(String),
    #[error("{host} cannot be asked: {cause}")]
    Unreachable { host: String, cause: String },
    #[error("{host} gave no answer within {within:?}")]
    Slow { host: String, within: Duration },
    #[error("{host} answered {}{}", status.as_u16(), code.as_ref().map(|code| format!(" {code}")).unwrap_or_default())]
    Refused {
        host: String,
        status: StatusCode,
        code: Option<String>,
    },
    #[error("{host} gave nothing of use: {why}")]
    NoToken { host: String, why: &'static str },
    #[error("{0}")]
    Unusable(&'static str),
}
