//! `ai.routes`: the API stated per path suffix.

use std::borrow::Cow;
use std::str::FromStr;

use agw_core::backend::ApiRoute;

use super::{Detected, Operation, detect};
use crate::error::Error;

/// What a path suffix of `ai.routes` is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteType {
    Fixed(Operation),
    /// As without `ai.routes`: inferred from the path.
    Detect,
}

/// Route types that manifests may name and that have no dialect yet.
const NOT_SERVED: [&str; 1] = ["Realtime"];

impl FromStr for RouteType {
    type Err = Error;

    /// Names are those of `ai.routes`, in either case of their first letter: `Completions` means
    /// chat completions there.
    fn from_str(name: &str) -> Result<Self, Error> {
        let is = |known: &str| {
            name.split_at_checked(1)
                .zip(known.split_at_checked(1))
                .is_some_and(|((first, rest), (known_first, known_rest))| {
                    first.eq_ignore_ascii_case(known_first) && rest == known_rest
                })
        };
        let served = [
            ("Completions", Self::Fixed(Operation::Chat)),
            ("Responses", Self::Fixed(Operation::Responses)),
            ("Messages", Self::Fixed(Operation::Messages)),
            ("AnthropicTokenCount", Self::Fixed(Operation::CountTokens)),
            ("GenerateContent", Self::Fixed(Operation::GenerateContent)),
            (
                "GeminiCountTokens",
                Self::Fixed(Operation::GeminiCountTokens),
            ),
            ("Embeddings", Self::Fixed(Operation::Embeddings)),
            ("Rerank", Self::Fixed(Operation::Rerank)),
            ("Models", Self::Fixed(Operation::Models)),
            ("Passthrough", Self::Fixed(Operation::Passthrough)),
            ("Detect", Self::Detect),
        ];
        if let Some((_, kind)) = served.into_iter().find(|(known, _)| is(known)) {
            return Ok(kind);
        }
        match NOT_SERVED.into_iter().find(|known| is(known)) {
            Some(name) => Err(Error::RouteTypeNotServed { name }),
            None => Err(Error::UnknownRouteType {
                name: name.to_owned(),
            }),
        }
    }
}

/// The routes of one backend, ready for lookup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteTable {
    /// Longest suffix first; without the wildcard.
    suffixes: Vec<(Box<str>, RouteType)>,
    wildcard: Option<RouteType>,
}

impl RouteTable {
    /// Of a suffix given twice the later counts.
    pub fn new(routes: impl IntoIterator<Item = (Box<str>, RouteType)>) -> Self {
        let mut table = Self::default();
        for (suffix, kind) in routes {
            if &*suffix == "*" {
                table.wildcard = Some(kind);
                continue;
            }
            table.suffixes.retain(|(known, _)| *known != suffix);
            table.suffixes.push((suffix, kind));
        }
        table
            .suffixes
            .sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        table
    }

    /// The operation of a request to `path` (without query): the longest suffix that ends it at a
    /// segment boundary, tried again on the canonical path so that an odd tail does not matter;
    /// then `*`; then what [`detect`] says; and [`Operation::Passthrough`] when nothing knows it.
    pub fn resolve<'p>(&self, path: &'p str) -> Detected<'p> {
        let detected = detect(path);
        let stated = self
            .suffix(path)
            .or_else(|| self.suffix(detected.as_ref()?.path.as_ref()))
            .or(self.wildcard)
            .unwrap_or(RouteType::Detect);
        match (stated, detected) {
            (RouteType::Detect, Some(detected)) => detected,
            (RouteType::Fixed(operation), Some(detected)) if detected.operation == operation => {
                detected
            }
            (RouteType::Detect, None) => passthrough(path),
            (RouteType::Fixed(operation), _) => match operation.canonical_path() {
                Some(canonical) => Detected {
                    operation,
                    path: Cow::Borrowed(canonical),
                },
                None => passthrough(path),
            },
        }
    }

    fn suffix(&self, path: &str) -> Option<RouteType> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let found = self.suffixes.iter().find(|(suffix, _)| {
            path.strip_suffix(&**suffix).is_some_and(|head| {
                suffix.starts_with('/') || head.is_empty() || head.ends_with('/')
            })
        });
        found.map(|(_, kind)| *kind)
    }
}

impl From<&[ApiRoute]> for RouteTable {
    fn from(routes: &[ApiRoute]) -> Self {
        Self::new(
            routes
                .iter()
                .map(|route| (route.suffix.clone(), RouteType::Fixed(route.api.into()))),
        )
    }
}

fn passthrough(path: &str) -> Detected<'_> {
    Detected {
        operation: Operation::Passthrough,
        path: Cow::Borrowed(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(routes: &[(&str, &str)]) -> RouteTable {
        RouteTable::new(
            routes
                .iter()
                .map(|(suffix, kind)| (Box::from(*suffix), kind.parse().unwrap())),
        )
    }

    #[test]
    fn longest_suffix_wins_then_wildcard_then_inference() {
        use Operation::{Chat, Embeddings, Models, Passthrough, Responses};
        let stated: &[(&str, &str)] = &[
            ("/v1/chat/completions", "Completions"),
            ("/special/completions", "Responses"),
            ("completions", "embeddings"),
            ("/v1/embeddings", "Passthrough"),
            ("/auto", "Detect"),
        ];
        let with_rest = [stated, &[("*", "Passthrough")]].concat();
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, Operation, &'a str);
        let cases: &[Case<'_>] = &[
            (
                stated,
                "/x/v1/chat/completions",
                Chat,
                "/v1/chat/completions",
            ),
            (
                stated,
                "/v1/chat/completions/",
                Chat,
                "/v1/chat/completions",
            ),
            (stated, "/special/completions", Responses, "/v1/responses"),
            (stated, "/other/completions", Embeddings, "/v1/embeddings"),
            (stated, "/precompletions", Passthrough, "/precompletions"),
            (stated, "/v1/embeddings", Passthrough, "/v1/embeddings"),
            (stated, "/v1/models/gpt-4o", Models, "/v1/models/gpt-4o"),
            (stated, "/auto", Passthrough, "/auto"),
            (&with_rest, "/v1/models", Passthrough, "/v1/models"),
            (
                &[("*", "Completions")],
                "/anything",
                Chat,
                "/v1/chat/completions",
            ),
            (
                &[("/v1/chat/completions", "Responses"), ("*", "Passthrough")],
                "/v1/chat/completions/chat/completions",
                Responses,
                "/v1/responses",
            ),
            (
                &[],
                "/v1/chat/completions/completions",
                Chat,
                "/v1/chat/completions",
            ),
            (&[], "/v1/files", Passthrough, "/v1/files"),
        ];
        for (routes, path, operation, canonical) in cases {
            let found = table(routes).resolve(path);
            assert_eq!(
                (found.operation, &*found.path),
                (*operation, *canonical),
                "{path}"
            );
        }
    }

    #[test]
    fn tells_unserved_route_types_from_unknown_ones() {
        assert_eq!("completions".parse(), Ok(RouteType::Fixed(Operation::Chat)));
        assert_eq!(
            "anthropicTokenCount".parse(),
            Ok(RouteType::Fixed(Operation::CountTokens))
        );
        assert_eq!(
            "generateContent".parse(),
            Ok(RouteType::Fixed(Operation::GenerateContent))
        );
        assert_eq!("Rerank".parse(), Ok(RouteType::Fixed(Operation::Rerank)));
        assert_eq!(
            "realtime".parse::<RouteType>(),
            Err(Error::RouteTypeNotServed { name: "Realtime" })
        );
        let unknown = Error::UnknownRouteType {
            name: "chat".into(),
        };
        assert_eq!("chat".parse::<RouteType>(), Err(unknown));
        assert!("".parse::<RouteType>().is_err());
    }
}
