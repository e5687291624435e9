//! `agw explain`.

use std::net::IpAddr;
use std::path::PathBuf;

use agw_core::filter::RedirectScheme;
use clap::{Args, ValueEnum};
use http::{HeaderName, HeaderValue, Method};

use super::{Files, Output};

/// Tell what would become of a request, and why.
///
/// Nothing is sent anywhere. Prints the rule that takes the request and why each other does not,
/// what every policy and filter does to it and which object says so, and what the backends would be
/// asked.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) files: Files,

    /// Path of the request, with its query
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = path)]
    pub(crate) path: String,

    /// Method [default: GET, or POST with a body]
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub(crate) method: Option<Method>,

    /// A header; `Host: …` says the host. May be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,

    /// The body, or @FILE
    #[arg(short = 'd', long = "data", value_name = "BODY")]
    pub(crate) data: Option<Data>,

    /// Port that the request comes to [default: the first with a listener for its host]
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,

    /// Whether it comes under TLS
    #[arg(long, value_enum, default_value_t = Scheme::Http)]
    pub(crate) scheme: Scheme,

    /// Who sends it
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub(crate) source: IpAddr,

    /// Claims of its token, as JSON, as if the token had been found good
    #[arg(long, value_name = "JSON", value_parser = claims)]
    pub(crate) claims: Option<serde_json::Value>,

    /// The Gateway, as NAMESPACE/NAME [default: the first that takes the request]
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pub(crate) gateway: Option<String>,

    /// Show every rule that does not take the request, however many there are
    #[arg(long)]
    pub(crate) all: bool,

    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// Where a body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data {
    Text(String),
    File(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl From<Scheme> for RedirectScheme {
    fn from(scheme: Scheme) -> Self {
        match scheme {
            Scheme::Http => Self::Http,
            Scheme::Https => Self::Https,
        }
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        match text.strip_prefix('@') {
            Some(file) => Self::File(file.into()),
            None => Self::Text(text.to_owned()),
        }
    }
}

fn path(text: &str) -> Result<String, String> {
    match text.starts_with('/') {
        true => Ok(text.to_owned()),
        false => Err("a path starts with `/`, such as /v1/chat/completions".to_owned()),
    }
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let expected = || "expected `Name: value`".to_owned();
    let (name, value) = text.split_once(':').ok_or_else(expected)?;
    let name = HeaderName::try_from(name.trim()).map_err(|error| error.to_string())?;
    let value = HeaderValue::try_from(value.trim()).map_err(|error| error.to_string())?;
    Ok((name, value))
}

fn claims(text: &str) -> Result<serde_json::Value, String> {
    let claims: serde_json::Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    match claims.is_object() {
        true => Ok(claims),
        false => Err("claims are a JSON object".to_owned()),
    }
}

const EXAMPLES: &str = "\
Examples:
  agw explain -f examples/routing-patterns --path /ai/ab
  agw explain -f manifests/ --path /ai/chat -H 'X-Environment: dev'
  agw explain -f manifests/ --path /v1/chat/completions -d @request.json
  agw explain -f policies/ --path /admin --claims '{\"sub\":\"ann\",\"role\":\"admin\"}'
  kubectl get gateway,httproute,agentgatewaybackend,agentgatewaypolicy -A -o yaml | agw explain -f - --path /";
