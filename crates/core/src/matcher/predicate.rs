//! Header and query parameter matches.

use std::borrow::Cow;

use http::HeaderMap;
use serde::Serialize;

use super::Pattern;
use crate::header::FieldName;

/// How a header's or parameter's value is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum ValueMatch {
    Exact(Box<str>),
    Regex(Pattern),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeaderMatch {
    pub name: FieldName,
    pub value: ValueMatch,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueryMatch {
    pub name: Box<str>,
    pub value: ValueMatch,
}

impl ValueMatch {
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *text,
            Self::Regex(pattern) => pattern.matches(text),
        }
    }
}

impl HeaderMatch {
    /// Holds when any value sent under the name matches.
    pub fn matches(&self, headers: &HeaderMap) -> bool {
        headers
            .get_all(self.name.name())
            .iter()
            .any(|value| std::str::from_utf8(value.as_bytes()).is_ok_and(|v| self.value.matches(v)))
    }
}

impl QueryMatch {
    /// Compares the first parameter of that name, percent-decoded (`HTTPQueryParamMatch`: of a
    /// repeated parameter the first counts).
    pub fn matches(&self, query: Option<&str>) -> bool {
        query
            .into_iter()
            .flat_map(|q| q.split('&'))
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .find(|(name, _)| decoded(name) == *self.name)
            .is_some_and(|(_, value)| self.value.matches(&decoded(value)))
    }
}

/// `application/x-www-form-urlencoded` decoding; malformed escapes stay as they are.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|b| matches!(b, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        rest = match escape {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                &tail[2..]
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                tail
            }
        };
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_the_first_decoded_parameter() {
        let speed = QueryMatch {
            name: "speed".into(),
            value: ValueMatch::Exact("very fast".into()),
        };
        for (query, want) in [
            (None, false),
            (Some(""), false),
            (Some("speed=very+fast"), true),
            (Some("a=b&speed=very%20fast"), true),
            (Some("sp%65ed=very%20fast"), true),
            (Some("speed=slow&speed=very+fast"), false),
            (Some("speed=very%2fast"), false),
            (Some("speed=%"), false),
            (Some("Speed=very+fast"), false),
        ] {
            assert_eq!(speed.matches(query), want, "{query:?}");
        }
    }

    #[test]
    fn any_value_of_a_header_may_match() {
        let m = HeaderMatch {
            name: FieldName::parse("X-Env").unwrap(),
            value: ValueMatch::Regex(Pattern::compile("dev.*").unwrap()),
        };
        let mut headers = HeaderMap::new();
        assert!(!m.matches(&headers));
        headers.append("x-env", "prod".parse().unwrap());
        assert!(!m.matches(&headers));
        headers.append("x-env", "development".parse().unwrap());
        assert!(m.matches(&headers));
    }
}
