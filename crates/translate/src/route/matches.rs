//! Matches of a rule.

use agw_api::external::httproutes::{
    HttpRouteRules, HttpRouteRulesMatches, HttpRouteRulesMatchesHeadersType as HeaderType,
    HttpRouteRulesMatchesPath, HttpRouteRulesMatchesPathType as PathType,
    HttpRouteRulesMatchesQueryParamsType as QueryType,
};
use agw_core::header::FieldName;
use agw_core::id::RouteKind;
use agw_core::matcher::{HeaderMatch, Match, PathMatch, Pattern, QueryMatch, ValueMatch};
use http::Method;

use super::RuleMaker;
use crate::expression::{Rejected, collect};
use crate::finding::Code;

impl RuleMaker<'_, '_> {
    /// Never empty: a rule without matches takes every path.
    pub(super) fn matches(&mut self, spec: &HttpRouteRules) -> Result<Vec<Match>, Rejected> {
        let specs = spec.matches.as_deref().unwrap_or_default();
        if specs.is_empty() {
            let path = PathMatch::prefix("/");
            return Ok(vec![Match {
                path,
                method: None,
                headers: vec![],
                query: vec![],
                model: None,
            }]);
        }
        let made: Vec<_> = specs
            .iter()
            .enumerate()
            .map(|(index, spec)| {
                let field = format!("{}.matches[{index}]", self.field);
                self.one(spec, &field)
            })
            .collect();
        collect(made.into_iter())
    }

    fn one(&mut self, spec: &HttpRouteRulesMatches, field: &str) -> Result<Match, Rejected> {
        let path = self.path(spec.path.as_ref(), field);
        let method = spec
            .method
            .as_ref()
            .map(|method| self.method(method, field))
            .transpose();
        let headers = spec
            .headers
            .iter()
            .flatten()
            .enumerate()
            .map(|(index, header)| {
                let field = format!("{field}.headers[{index}]");
                let name = FieldName::parse(&header.name).map_err(|error| {
                    self.refuse(
                        Code::InvalidMatch,
                        &format!("{field}.name"),
                        &error.to_string(),
                        "write a valid header name",
                    )
                });
                let regex = header.r#type == Some(HeaderType::RegularExpression);
                let value = self.value(regex, &header.value, &format!("{field}.value"));
                Ok(HeaderMatch {
                    name: name?,
                    value: value?,
                })
            });
        let headers: Vec<_> = headers.collect();
        let query = spec
            .query_params
            .iter()
            .flatten()
            .enumerate()
            .map(|(index, param)| {
                let field = format!("{field}.queryParams[{index}].value");
                let regex = param.r#type == Some(QueryType::RegularExpression);
                let value = self.value(regex, &param.value, &field)?;
                Ok(QueryMatch {
                    name: param.name.as_str().into(),
                    value,
                })
            });
        let query: Vec<_> = query.collect();
        Ok(Match {
            path: path?,
            method: method?,
            headers: first_of_each(collect(headers.into_iter())?, |a, b| {
                a.name.name() == b.name.name()
            }),
            query: first_of_each(collect(query.into_iter())?, |a, b| a.name == b.name),
            model: None,
        })
    }

    fn path(
        &mut self,
        spec: Option<&HttpRouteRulesMatchesPath>,
        field: &str,
    ) -> Result<PathMatch, Rejected> {
        let value = spec.and_then(|p| p.value.as_deref()).unwrap_or("/");
        // As the manifest has it: a GRPCRoute's methods are paths here alone.
        let field = match self.kind {
            RouteKind::Grpc => format!("{field}.method"),
            _ => format!("{field}.path.value"),
        };
        match spec
            .and_then(|p| p.r#type.as_ref())
            .unwrap_or(&PathType::PathPrefix)
        {
            PathType::RegularExpression => self.pattern(value, &field).map(PathMatch::Regex),
            kind => {
                if !value.starts_with('/') || value.contains("//") || value.contains(['#', '?']) {
                    let message = format!("{value:?} is not a path to match on");
                    let remedy = "start it with `/`, without `//`, `?` or `#`";
                    return Err(self.refuse(Code::InvalidMatch, &field, &message, remedy));
                }
                Ok(match kind {
                    PathType::Exact => PathMatch::Exact(value.into()),
                    _ => PathMatch::prefix(value),
                })
            }
        }
    }

    fn method(&mut self, method: &impl serde::Serialize, field: &str) -> Result<Method, Rejected> {
        let name = serde_json::to_value(method).ok();
        let name = name
            .as_ref()
            .and_then(|v| v.as_str())
            .and_then(|v| v.parse().ok());
        name.ok_or_else(|| {
            let field = format!("{field}.method");
            self.refuse(
                Code::InvalidMatch,
                &field,
                "the method is not valid",
                "use an HTTP method such as `GET`",
            )
        })
    }

    fn value(&mut self, regex: bool, text: &str, field: &str) -> Result<ValueMatch, Rejected> {
        if regex {
            self.pattern(text, field).map(ValueMatch::Regex)
        } else {
            Ok(ValueMatch::Exact(text.into()))
        }
    }

    fn pattern(&mut self, source: &str, field: &str) -> Result<Pattern, Rejected> {
        Pattern::compile(source).map_err(|error| {
            let text = error.to_string();
            let reason = text
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ");
            let message = format!("the regular expression does not compile: {reason}");
            self.refuse(
                Code::InvalidMatch,
                field,
                &message,
                "write it in RE2 syntax",
            )
        })
    }
}

/// Of entries with equivalent names the first counts (`HTTPRouteMatch.headers`, `.queryParams`).
fn first_of_each<T>(all: Vec<T>, same: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut kept: Vec<T> = Vec::with_capacity(all.len());
    for entry in all {
        if !kept.iter().any(|known| same(known, &entry)) {
            kept.push(entry);
        }
    }
    kept
}
