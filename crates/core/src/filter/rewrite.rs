//! `URLRewrite`.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use crate::matcher::PathMatch;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UrlRewrite {
    /// Replaces the `Host` that the backend sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathRewrite>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum PathRewrite {
    Full(Arc<str>),
    /// Replaces the prefix that the rule matched.
    Prefix(Arc<str>),
}

impl PathRewrite {
    /// The new path (without query) of a request on `path` that `matched`.
    pub fn apply<'a>(&'a self, path: &'a str, matched: &PathMatch) -> Cow<'a, str> {
        match (self, matched) {
            (Self::Full(full), _) => Cow::Borrowed(full),
            (Self::Prefix(to), PathMatch::Prefix(from)) => prefix_replaced(path, from, to),
            // The API only allows ReplacePrefixMatch beside a prefix match; translate refuses
            // the rest, so this leaves the path alone.
            (Self::Prefix(_), _) => Cow::Borrowed(path),
        }
    }
}

/// `path` with the matched prefix `from` replaced by `to`, by path element, as the table in
/// Gateway API `HTTPPathModifier.replacePrefixMatch` has it.
pub fn prefix_replaced<'a>(path: &'a str, from: &str, to: &'a str) -> Cow<'a, str> {
    let rest = path.get(from.trim_end_matches('/').len()..).unwrap_or("");
    let rest = rest.trim_start_matches('/');
    let base = to.trim_end_matches('/');
    match (base.is_empty(), rest.is_empty()) {
        (true, true) => Cow::Borrowed("/"),
        (false, true) if to.ends_with('/') || !path.ends_with('/') => Cow::Borrowed(to),
        (_, true) => Cow::Owned(format!("{base}/")),
        _ => Cow::Owned(format!("{base}/{rest}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of `HTTPPathModifier.replacePrefixMatch`, and the seed's own rewrite.
    #[test]
    fn replaces_the_matched_prefix() {
        for (path, from, to, want) in [
            ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
            ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
            ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"),
            ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
            ("/foo", "/foo", "/xyz", "/xyz"),
            ("/foo/", "/foo", "/xyz", "/xyz/"),
            ("/foo/bar", "/foo", "", "/bar"),
            ("/foo/", "/foo", "", "/"),
            ("/foo", "/foo", "", "/"),
            ("/foo/", "/foo", "/", "/"),
            ("/foo", "/foo", "/", "/"),
            ("/a", "/", "/x", "/x/a"),
            (
                "/ai/fast/completions",
                "/ai/fast",
                "/v1/chat/completions",
                "/v1/chat/completions/completions",
            ),
        ] {
            assert_eq!(
                prefix_replaced(path, from, to),
                want,
                "{path} {from} -> {to}"
            );
        }
    }
}
