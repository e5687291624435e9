//! Where a request has a credential.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, header};
use serde::{Serialize, Serializer};

use crate::expr::{Expression, Input};
use crate::secret::Secret;

/// A credential's place in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A header, after `prefix` in any letter case.
    Header {
        name: HeaderName,
        prefix: Option<Arc<str>>,
    },
    /// A parameter of the query.
    Query(Arc<str>),
    Cookie(Arc<str>),
    Expression(Expression),
}

/// What a request has in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    Nothing,
    Credential(Secret),
    /// Two of them, or what is no text: which one counts would depend on the reader.
    Ambiguous,
}

impl Location {
    /// `Authorization: Bearer …`.
    pub fn bearer() -> Self {
        Self::Header {
            name: header::AUTHORIZATION,
            prefix: Some("Bearer ".into()),
        }
    }

    /// What the request has there.
    pub fn find(&self, input: &Input<'_>) -> Shown {
        let Some(request) = &input.request else {
            return Shown::Nothing;
        };
        match self {
            Self::Header { name, prefix } => header(request.headers, name, prefix.as_deref()),
            Self::Query(name) => {
                let pairs = form_urlencoded::parse(request.query.unwrap_or_default().as_bytes());
                let found = pairs.filter(|(n, _)| **n == **name);
                once(found.map(|(_, value)| value.into_owned()))
            }
            Self::Cookie(name) => once(cookies(request.headers, name)),
            Self::Expression(expression) => match expression.eval_header(input) {
                Ok(value) => match value.to_str() {
                    Ok("") => Shown::Nothing,
                    Ok(text) => Shown::Credential(Secret::new(text)),
                    Err(_) => Shown::Ambiguous,
                },
                Err(_) => Shown::Nothing,
            },
        }
    }
}

fn header(headers: &HeaderMap, name: &HeaderName, prefix: Option<&str>) -> Shown {
    let mut values = headers.get_all(name).iter();
    let (Some(value), more) = (values.next(), values.next()) else {
        return Shown::Nothing;
    };
    let (Ok(text), None) = (value.to_str(), more) else {
        return Shown::Ambiguous;
    };
    let credential = match prefix {
        None => text,
        Some(prefix) => match text.split_at_checked(prefix.len()) {
            Some((start, rest)) if start.eq_ignore_ascii_case(prefix) => rest,
            _ => return Shown::Nothing,
        },
    };
    match credential.trim() {
        "" => Shown::Nothing,
        credential => Shown::Credential(Secret::new(credential)),
    }
}

/// The values of cookies of this name.
pub(crate) fn cookies(headers: &HeaderMap, name: &str) -> impl Iterator<Item = String> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines.flat_map(|line| line.to_str().unwrap_or_default().split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(move |(found, _)| *found == name)
        .map(|(_, value)| value.trim_matches('"').to_owned())
}

fn once(mut found: impl Iterator<Item = String>) -> Shown {
    match (found.next(), found.next()) {
        (None, _) => Shown::Nothing,
        (Some(text), None) if text.is_empty() => Shown::Nothing,
        (Some(text), None) => Shown::Credential(Secret::new(text)),
        (Some(_), Some(_)) => Shown::Ambiguous,
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Header { name, prefix } => {
                let prefix = prefix.as_deref().unwrap_or_default();
                serializer.collect_str(&format_args!("header {name}: {prefix}"))
            }
            Self::Query(name) => serializer.collect_str(&format_args!("query {name}")),
            Self::Cookie(name) => serializer.collect_str(&format_args!("cookie {name}")),
            Self::Expression(e) => serializer.collect_str(&format_args!("= {}", e.source())),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::expr::RequestInput;

    fn find(location: &Location, headers: &[(&'static str, &'static str)], query: &str) -> Shown {
        let headers = headers.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        let headers: HeaderMap = headers.collect();
        let mut input = Input::new();
        input.request = Some(RequestInput {
            method: "GET",
            scheme: "http",
            host: "h",
            path: "/",
            query: Some(query),
            version: http::Version::HTTP_11,
            headers: &headers,
            body: None,
            start_time: None,
            end_time: None,
        });
        location.find(&input)
    }

    #[test]
    fn finds_one_credential_or_none() {
        let some = |text: &str| Shown::Credential(Secret::new(text));
        let bearer = Location::bearer();
        let plain = Location::Header {
            name: HeaderName::from_static("x-api-key"),
            prefix: None,
        };
        let query = Location::Query("key".into());
        let cookie = Location::Cookie("sid".into());
        let expression = Expression::compile(r#"request.headers["x-both"].split(":")[1]"#).unwrap();
        let expression = Location::Expression(expression);
        type Case<'a> = (
            &'a Location,
            &'a [(&'static str, &'static str)],
            &'a str,
            Shown,
        );
        let table: &[Case<'_>] = &[
            (&bearer, &[], "", Shown::Nothing),
            (&bearer, &[("authorization", "Bearer a")], "", some("a")),
            (&bearer, &[("authorization", "bearer a ")], "", some("a")),
            (&bearer, &[("authorization", "Bearer ")], "", Shown::Nothing),
            (&bearer, &[("authorization", "Basic a")], "", Shown::Nothing),
            (
                &bearer,
                &[("authorization", "Bearer a"), ("authorization", "Bearer b")],
                "",
                Shown::Ambiguous,
            ),
            (&plain, &[("x-api-key", "k")], "", some("k")),
            (&query, &[], "a=1&key=a%2Bb", some("a+b")),
            (&query, &[], "key=a&key=b", Shown::Ambiguous),
            (&query, &[], "key=", Shown::Nothing),
            (&cookie, &[("cookie", "a=1; sid=xyz")], "", some("xyz")),
            (
                &cookie,
                &[("cookie", "sid=1"), ("cookie", "sid=2")],
                "",
                Shown::Ambiguous,
            ),
            (&cookie, &[("cookie", "xsid=1")], "", Shown::Nothing),
            (&expression, &[("x-both", "u:s")], "", some("s")),
            (&expression, &[], "", Shown::Nothing),
        ];
        for (location, headers, query, want) in table {
            assert_eq!(find(location, headers, query), *want, "{headers:?} {query}");
        }
    }
}
