//! Which build this is.

use serde::Serialize;

/// Identity of the running program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BuildInfo {
    pub version: &'static str,
    /// Commit it was built from: the value of `AGW_GIT_SHA` at build time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<&'static str>,
    pub os: &'static str,
    pub arch: &'static str,
}

/// The running build.
pub const BUILD: BuildInfo = BuildInfo {
    version: env!("CARGO_PKG_VERSION"),
    commit: option_env!("AGW_GIT_SHA"),
    os: std::env::consts::OS,
    arch: std::env::consts::ARCH,
};
