//! Hostnames of listeners and routes, and how specific they are.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A hostname pattern, lower case and without a trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Hostname {
    /// No hostname given: matches every host.
    Any,
    Exact(Arc<str>),
    /// `*.example.com`, held as `.example.com`; matches one or more labels before it
    /// (Gateway API: "a wildcard label matches one or more DNS labels").
    Wildcard(Arc<str>),
}

/// Why a text is not a hostname.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a hostname: lower-case labels of letters, digits and '-', with an optional leading '*.'"
)]
pub struct InvalidHostname(pub String);

impl Hostname {
    /// Parses `example.com`, `*.example.com`; an empty text is [`Hostname::Any`].
    pub fn parse(text: &str) -> Result<Self, InvalidHostname> {
        let lower = text.to_ascii_lowercase();
        let (rest, wildcard) = match lower.strip_prefix("*.") {
            Some(rest) => (rest, true),
            None => (lower.as_str(), false),
        };
        if lower.is_empty() {
            return Ok(Self::Any);
        }
        let valid = rest.len() <= 253
            && rest.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            });
        if !valid {
            return Err(InvalidHostname(text.to_owned()));
        }
        Ok(if wildcard {
            Self::Wildcard(format!(".{rest}").into())
        } else {
            Self::Exact(rest.into())
        })
    }

    /// Whether a lower-case host without port falls under this pattern.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(name) => **name == *host,
            Self::Wildcard(suffix) => host.len() > suffix.len() && host.ends_with(&**suffix),
        }
    }

    /// The hostnames that fall under both patterns, or `None` when there are none.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Any, x) | (x, Self::Any) => Some(x.clone()),
            (Self::Exact(name), pattern) | (pattern, Self::Exact(name)) => {
                pattern.matches(name).then(|| Self::Exact(name.clone()))
            }
            (Self::Wildcard(a), Self::Wildcard(b)) => {
                if a.ends_with(&**b) {
                    Some(self.clone())
                } else if b.ends_with(&**a) {
                    Some(other.clone())
                } else {
                    None
                }
            }
        }
    }

    fn rank(&self) -> (u8, usize) {
        match self {
            Self::Any => (0, 0),
            Self::Wildcard(suffix) => (1, suffix.len()),
            Self::Exact(name) => (2, name.len()),
        }
    }
}

/// The more specific pattern is the greater one: exact over wildcard over any, then the longer
/// (Gateway API, `HTTPRouteSpec.hostnames`).
impl PartialOrd for Hostname {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Hostname {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank()
            .cmp(&other.rank())
            .then_with(|| self.to_string().cmp(&other.to_string()))
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exact(name) => f.write_str(name),
            Self::Wildcard(suffix) => write!(f, "*{suffix}"),
        }
    }
}

impl Serialize for Hostname {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Hostname {
        Hostname::parse(text).unwrap()
    }

    #[test]
    fn matches_by_label() {
        for (pattern, name, want) in [
            ("", "a.example", true),
            ("a.example", "a.example", true),
            ("a.example", "b.example", false),
            ("*.example", "a.example", true),
            ("*.example", "b.a.example", true),
            ("*.example", "example", false),
            ("*.example", "aexample", false),
        ] {
            assert_eq!(host(pattern).matches(name), want, "{pattern} {name}");
        }
    }

    #[test]
    fn intersects_to_the_narrower() {
        for (a, b, want) in [
            ("", "*.example", Some("*.example")),
            ("*.example", "a.example", Some("a.example")),
            ("*.example", "*.a.example", Some("*.a.example")),
            ("*.a.example", "*.b.example", None),
            ("a.example", "b.example", None),
            ("example", "*.example", None),
        ] {
            let want = want.map(host);
            assert_eq!(host(a).intersect(&host(b)), want, "{a} {b}");
            assert_eq!(host(b).intersect(&host(a)), want, "{b} {a}");
        }
    }

    #[test]
    fn orders_by_specificity() {
        let mut all = [
            host("*.example"),
            host(""),
            host("a.example"),
            host("*.a.example"),
        ];
        all.sort_by(|a, b| b.cmp(a));
        let shown: Vec<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["a.example", "*.a.example", "*.example", "*"]);
    }

    #[test]
    fn rejects_what_is_no_hostname() {
        for text in ["a..b", "-a.b", "a_b", "*", "a.*.b", "http://a", "a:80"] {
            assert!(Hostname::parse(text).is_err(), "{text}");
        }
    }
}
