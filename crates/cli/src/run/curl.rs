//! A request to try, made from the routes that are served.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use agw_core::backend::{Backend, BackendTarget};
use agw_core::config::GatewayConfig;
use agw_core::filter::{Filter, RedirectScheme};
use agw_core::listener::Protocol;
use agw_core::matcher::{Match, PathMatch, ValueMatch};
use agw_core::route::{Destination, Route, Rule};

/// What may follow a route's own path, in the order in which it is tried.
const TAILS: [&str; 3] = ["", "/chat/completions", "/v1/chat/completions"];

/// Upstream paths that are chat completions beyond doubt.
const CHAT: [&str; 2] = ["/v1/chat/completions", "/chat/completions"];

/// A literal `curl` command for the simplest route to an AI backend: nothing in it is left for the
/// shell to fill in. `None` when there is no such route.
pub(crate) fn example(gateways: &[Arc<GatewayConfig>], bind: IpAddr) -> Option<String> {
    gateways.iter().find_map(|gateway| {
        gateway
            .routes
            .iter()
            .flat_map(|route| route.rules.iter().map(move |rule| (route, rule)))
            .filter(|(_, rule)| leads_to_ai(rule, &gateway.backends))
            .flat_map(|(route, rule)| rule.matches.iter().map(move |m| (route, rule, m)))
            .filter_map(|(route, rule, m)| Example::of(gateway, route, rule, m))
            .min_by_key(Example::size)
            .map(|example| example.command(bind))
    })
}

fn leads_to_ai(rule: &Rule, backends: &[Arc<Backend>]) -> bool {
    rule.backends.iter().any(|reference| match &reference.to {
        Destination::Backend(key) => backends
            .iter()
            .any(|b| b.key == *key && matches!(b.target, BackendTarget::Ai(_))),
        Destination::Invalid(_) => false,
    })
}

struct Example {
    port: u16,
    scheme: RedirectScheme,
    /// Name that the listener or route asks for.
    host: Option<String>,
    path: String,
    /// `name: value`.
    headers: Vec<String>,
    /// `name=value`.
    query: Vec<String>,
    model: String,
    /// What is to be typed of the model's name beyond what is written in a manifest.
    made_up: usize,
}

/// A model that any mock answers for.
const MODEL: &str = "gpt-4o-mini";

impl Example {
    fn of(gateway: &GatewayConfig, route: &Route, rule: &Rule, m: &Match) -> Option<Self> {
        let listeners = gateway.listeners.iter();
        let listener = listeners
            .filter(|l| route.listeners.contains(&l.name))
            .min_by_key(|l| l.protocol != Protocol::Http)?;
        let path = path(rule, &m.path)?;
        let mut headers = Vec::new();
        let hostname = route
            .hostnames
            .first()
            .unwrap_or(&listener.hostname)
            .to_string();
        let named = hostname != "*" && !hostname.is_empty();
        let host = named.then(|| hostname.replacen('*', "example", 1));
        for header in &m.headers {
            headers.push(format!(
                "{}: {}",
                header.name.written(),
                exact(&header.value)?
            ));
        }
        let mut query = Vec::new();
        for parameter in &m.query {
            let value = exact(&parameter.value)?;
            if !(is_plain(&parameter.name) && is_plain(value)) {
                return None;
            }
            query.push(format!("{}={value}", parameter.name));
        }
        Some(Self {
            port: listener.port,
            scheme: listener.protocol.scheme()?,
            host,
            path,
            headers,
            query,
            model: m.model.as_ref().map_or_else(
                || MODEL.to_owned(),
                |pattern| pattern.as_str().replacen('*', MODEL, 1),
            ),
            made_up: usize::from(m.model.as_ref().is_some_and(|pattern| !pattern.is_exact())),
        })
    }

    /// How much there is to type.
    fn size(&self) -> usize {
        let host = usize::from(self.host.is_some() || self.scheme == RedirectScheme::Https);
        host + self.headers.len() + self.query.len() + self.made_up
    }

    fn command(&self, bind: IpAddr) -> String {
        let host = match bind {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            other => other,
        };
        let address = SocketAddr::new(host, self.port);
        let (mut url, option) = match (self.scheme, &self.host) {
            (RedirectScheme::Http, None) => (address.to_string(), String::new()),
            (RedirectScheme::Http, Some(host)) => (
                address.to_string(),
                format!(" -H {}", quoted(&format!("Host: {host}"))),
            ),
            (RedirectScheme::Https, None) => (format!("https://{address}"), " -k".to_owned()),
            (RedirectScheme::Https, Some(host)) => {
                let port = self.port;
                let resolve = format!(" -k --resolve {host}:{port}:{}", address.ip());
                (format!("https://{host}:{port}"), resolve)
            }
        };
        url.push_str(&self.path);
        if !self.query.is_empty() {
            let _ = write!(url, "?{}", self.query.join("&"));
        }
        if url.contains(['?', '[']) {
            url = quoted(&url);
        }
        let mut command = format!("curl {url}{option} -H 'content-type: application/json'");
        for header in &self.headers {
            let _ = write!(command, " -H {}", quoted(header));
        }
        let model = serde_json::Value::from(self.model.as_str());
        let body = format!(
            r#"{{"model":{model},"messages":[{{"role":"user","content":"What model are you?"}}]}}"#
        );
        let _ = write!(command, " -d {}", quoted(&body));
        command
    }
}

/// A path that the match takes and that arrives as a chat completion.
fn path(rule: &Rule, matched: &PathMatch) -> Option<String> {
    let base = match matched {
        PathMatch::Exact(path) | PathMatch::Prefix(path) => path.trim_end_matches('/'),
        PathMatch::Regex(_) => return None,
    };
    let rewrite = rule.filters.iter().find_map(|filter| match filter {
        Filter::UrlRewrite(rewrite) => rewrite.path.as_ref(),
        _ => None,
    });
    TAILS
        .iter()
        .map(|tail| format!("{base}{tail}"))
        .find(|path| {
            let upstream = match rewrite {
                Some(rewrite) => rewrite.apply(path, matched),
                None => path.into(),
            };
            matched.matches(path) && is_plain(path) && CHAT.contains(&&*upstream)
        })
}

fn exact(value: &ValueMatch) -> Option<&str> {
    match value {
        ValueMatch::Exact(text) => Some(text),
        ValueMatch::Regex(_) => None,
    }
}

/// Whether a URL and a shell take the text as it is.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.' | b'~'))
}

/// As one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use agw_core::filter::{PathRewrite, UrlRewrite};

    use super::*;

    fn rule(rewrite: Option<PathRewrite>) -> Rule {
        let rewrite = UrlRewrite {
            hostname: None,
            path: rewrite,
        };
        Rule {
            name: None,
            matches: Vec::new(),
            filters: vec![Filter::UrlRewrite(rewrite)],
            request_timeout: None,
            backend_request_timeout: None,
            retry: None,
            session: None,
            backends: Vec::new(),
            policy: agw_core::policy::TrafficPolicy::default(),
            broken: None,
        }
    }

    #[test]
    fn finds_a_path_that_arrives_as_a_chat_completion() {
        let prefix = |to: &str| Some(PathRewrite::Prefix(to.into()));
        for (matched, rewrite, expected) in [
            (
                PathMatch::prefix("/ai/fast"),
                prefix("/v1/chat/completions"),
                Some("/ai/fast"),
            ),
            (
                PathMatch::prefix("/openai"),
                prefix("/v1"),
                Some("/openai/chat/completions"),
            ),
            (PathMatch::prefix("/"), None, Some("/chat/completions")),
            (PathMatch::prefix("/v1"), None, Some("/v1/chat/completions")),
            (PathMatch::prefix("/e"), prefix("/v1/embeddings"), None),
            (PathMatch::Exact("/v1/embeddings".into()), None, None),
            (
                PathMatch::prefix("/a b"),
                prefix("/v1/chat/completions"),
                None,
            ),
        ] {
            assert_eq!(
                path(&rule(rewrite), &matched).as_deref(),
                expected,
                "{matched:?}"
            );
        }
    }

    #[test]
    fn quotes_for_a_shell() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
