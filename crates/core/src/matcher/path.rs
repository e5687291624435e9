//! Path matches.

use std::fmt;
use std::sync::Arc;

use regex::Regex;
use serde::{Serialize, Serializer};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum PathMatch {
    Exact(Arc<str>),
    /// By path element: `/foo` matches `/foo`, `/foo/` and `/foo/bar`, never `/foobar`.
    /// Held without a trailing slash, except for `/` itself.
    Prefix(Arc<str>),
    /// Must match the whole path.
    Regex(Pattern),
}

/// A compiled regular expression that must match its whole subject.
#[derive(Clone)]
pub struct Pattern {
    source: Arc<str>,
    regex: Regex,
}

impl PathMatch {
    pub fn prefix(path: &str) -> Self {
        let trimmed = path.trim_end_matches('/');
        Self::Prefix(if trimmed.is_empty() { "/" } else { trimmed }.into())
    }

    pub fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *path,
            Self::Prefix(prefix) if **prefix == *"/" => true,
            Self::Prefix(prefix) => path
                .strip_prefix(&**prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            Self::Regex(pattern) => pattern.matches(path),
        }
    }

    /// Greater is more specific: exact, then regex, then prefix; within a kind the longer. The
    /// place of regexes is the implementation's to choose (`HTTPRouteRule.matches`).
    pub fn rank(&self) -> (u8, usize) {
        match self {
            Self::Exact(path) => (2, path.len()),
            Self::Regex(pattern) => (1, pattern.source.len()),
            Self::Prefix(path) => (0, path.len()),
        }
    }
}

impl Pattern {
    /// Compiles `source` in RE2's syntax, which is what the Gateway API's users write; linear
    /// time, and bounded in size.
    pub fn compile(source: &str) -> Result<Self, regex::Error> {
        // The pattern alone first: its error message then shows what the user wrote.
        Regex::new(source)?;
        let regex = regex::RegexBuilder::new(&format!("^(?:{source})$"))
            .size_limit(1 << 20)
            .dfa_size_limit(1 << 20)
            .build()?;
        Ok(Self {
            source: source.into(),
            regex,
        })
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.source)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_matches_by_path_element() {
        for (prefix, path, want) in [
            ("/", "/", true),
            ("/", "/anything", true),
            ("/foo", "/foo", true),
            ("/foo", "/foo/", true),
            ("/foo/", "/foo", true),
            ("/foo", "/foo/bar", true),
            ("/foo", "/foobar", false),
            ("/foo/bar", "/foo", false),
        ] {
            assert_eq!(
                PathMatch::prefix(prefix).matches(path),
                want,
                "{prefix} {path}"
            );
        }
    }

    #[test]
    fn regex_matches_the_whole_path() {
        let pattern = Pattern::compile("/v[0-9]+/.*|/x").unwrap();
        for (path, want) in [
            ("/v1/a", true),
            ("/x", true),
            ("/x/v1/a", false),
            ("/v/a", false),
        ] {
            assert_eq!(pattern.matches(path), want, "{path}");
        }
        assert!(Pattern::compile("(").is_err());
        assert!(Pattern::compile("a{1000}{1000}").is_err());
    }
}
