//! `RequestRedirect`.

use std::fmt::Write as _;
use std::sync::Arc;

use http::StatusCode;
use serde::{Serialize, Serializer};

use super::PathRewrite;
use crate::matcher::PathMatch;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Redirect {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<RedirectScheme>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathRewrite>,
    #[serde(serialize_with = "status_number")]
    pub status: StatusCode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum RedirectScheme {
    Http,
    Https,
}

/// The request that is redirected.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    pub scheme: RedirectScheme,
    /// Without port.
    pub host: &'a str,
    /// Port of the listener.
    pub listener_port: u16,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub matched: &'a PathMatch,
}

impl RedirectScheme {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Redirect {
    /// The `Location` for a request. Port rules of `HTTPRequestRedirectFilter.port`: the filter's
    /// own; else the scheme's well-known port when a scheme is given; else the listener's. A
    /// well-known port is not written.
    pub fn location(&self, request: &Target<'_>) -> String {
        let scheme = self.scheme.unwrap_or(request.scheme);
        let host = self.hostname.as_deref().unwrap_or(request.host);
        let port = self.port.unwrap_or_else(|| match self.scheme {
            Some(scheme) => scheme.default_port(),
            None => request.listener_port,
        });
        let path = match &self.path {
            Some(rewrite) => rewrite.apply(request.path, request.matched),
            None => request.path.into(),
        };
        let mut location = format!("{}://{host}", scheme.as_str());
        if port != scheme.default_port() {
            let _ = write!(location, ":{port}");
        }
        location.push_str(&path);
        if let Some(query) = request.query {
            location.push('?');
            location.push_str(query);
        }
        location
    }
}

fn status_number<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_the_location_by_the_api_port_rules() {
        let base = Redirect {
            scheme: None,
            hostname: None,
            port: None,
            path: None,
            status: StatusCode::FOUND,
        };
        let matched = PathMatch::Prefix("/old".into());
        let request = Target {
            scheme: RedirectScheme::Http,
            host: "a.example",
            listener_port: 8080,
            path: "/old/x",
            query: Some("q=1"),
            matched: &matched,
        };
        let cases = [
            (base.clone(), "http://a.example:8080/old/x?q=1"),
            (
                Redirect {
                    scheme: Some(RedirectScheme::Https),
                    ..base.clone()
                },
                "https://a.example/old/x?q=1",
            ),
            (
                Redirect {
                    hostname: Some("b.example".into()),
                    ..base.clone()
                },
                "http://b.example:8080/old/x?q=1",
            ),
            (
                Redirect {
                    port: Some(80),
                    ..base.clone()
                },
                "http://a.example/old/x?q=1",
            ),
            (
                Redirect {
                    path: Some(PathRewrite::Prefix("/new".into())),
                    port: Some(9),
                    ..base.clone()
                },
                "http://a.example:9/new/x?q=1",
            ),
            (
                Redirect {
                    path: Some(PathRewrite::Full("/full".into())),
                    ..base
                },
                "http://a.example:8080/full?q=1",
            ),
        ];
        for (redirect, want) in cases {
            assert_eq!(redirect.location(&request), want);
        }
    }
}
