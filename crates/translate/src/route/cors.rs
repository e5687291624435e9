//! The `CORS` filter.

use std::time::Duration;

use agw_core::filter::{Cors, Credentials, Names, OriginPattern};
use agw_core::header::{FieldName, FieldValue};
use http::Method;
use serde::Deserialize;

use super::RuleMaker;
use crate::expression::{Rejected, collect};
use crate::finding::Code;

/// Seconds for which browsers may keep an answer (Gateway API's default).
const MAX_AGE: i32 = 5;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CorsSpec {
    allow_credentials: Option<bool>,
    #[serde(default)]
    allow_origins: Vec<String>,
    #[serde(default)]
    allow_methods: Vec<String>,
    #[serde(default)]
    allow_headers: Vec<String>,
    #[serde(default)]
    expose_headers: Vec<String>,
    max_age: Option<i32>,
}

impl RuleMaker<'_, '_> {
    pub(super) fn cors(&mut self, spec: &CorsSpec, field: &str) -> Result<Cors, Rejected> {
        let origins: Vec<_> = spec
            .allow_origins
            .iter()
            .enumerate()
            .map(|(index, origin)| {
                OriginPattern::parse(origin).map_err(|error| {
                    let at = format!("{field}.allowOrigins[{index}]");
                    self.refuse(
                        Code::InvalidFilter,
                        &at,
                        &error.to_string(),
                        "write an origin such as `https://app.example.com`",
                    )
                })
            })
            .collect();
        let is_method = |name: &str| Method::from_bytes(name.as_bytes()).is_ok();
        let is_header = |name: &str| FieldName::parse(name).is_ok();
        let mut names =
            |list, part: &str, valid| self.names(list, &format!("{field}.{part}"), valid);
        let methods = names(&spec.allow_methods, "allowMethods", &is_method);
        let headers = names(&spec.allow_headers, "allowHeaders", &is_header);
        let expose = names(&spec.expose_headers, "exposeHeaders", &is_header);
        let seconds = u64::try_from(spec.max_age.unwrap_or(MAX_AGE));
        let max_age = seconds.map_err(|_| {
            self.refuse(
                Code::InvalidFilter,
                &format!("{field}.maxAge"),
                "a negative time",
                "write seconds, 1 or more",
            )
        });
        Ok(Cors {
            origins: collect(origins.into_iter())?,
            credentials: if spec.allow_credentials == Some(true) {
                Credentials::Allowed
            } else {
                Credentials::Omitted
            },
            methods: methods?,
            headers: headers?,
            expose: expose?,
            max_age: Duration::from_secs(max_age?),
        })
    }

    fn names(
        &mut self,
        list: &[String],
        field: &str,
        valid: &dyn Fn(&str) -> bool,
    ) -> Result<Names, Rejected> {
        if list.is_empty() {
            return Ok(Names::None);
        }
        if list.iter().any(|name| name == "*") {
            return Ok(Names::Any);
        }
        if let Some(bad) = list.iter().position(|name| !valid(name)) {
            let message = format!("{:?} is not a valid name", list[bad]);
            let at = format!("{field}[{bad}]");
            return Err(self.refuse(Code::InvalidFilter, &at, &message, "correct it, or use `*`"));
        }
        let joined = FieldValue::parse(&list.join(", "));
        joined.map(Names::Listed).map_err(|error| {
            self.refuse(Code::InvalidFilter, field, &error.to_string(), "correct it")
        })
    }
}
