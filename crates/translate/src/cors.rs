//! CORS, of filters and of policies.

use std::time::Duration;

use agw_api::traffic::Cors as Spec;
use agw_core::filter::{Cors, Credentials, Names, OriginPattern};
use agw_core::header::{FieldName, FieldValue};
use http::Method;

use crate::expression::{Rejected, collect};

/// Seconds for which browsers may keep an answer (Gateway API's default).
const MAX_AGE: i32 = 5;

/// Reports what is wrong at a part of the specification: its place in it, the message, a remedy.
pub(crate) type Refuse<'a> = &'a mut dyn FnMut(&str, &str, &str) -> Rejected;

/// Compiles a specification.
pub(crate) fn cors(spec: &Spec, refuse: Refuse<'_>) -> Result<Cors, Rejected> {
    let origins = spec
        .allow_origins
        .iter()
        .enumerate()
        .map(|(index, origin)| {
            OriginPattern::parse(origin).map_err(|error| {
                refuse(
                    &format!("allowOrigins[{index}]"),
                    &error.to_string(),
                    "write an origin such as `https://app.example.com`",
                )
            })
        });
    let origins = collect(origins);
    let is_method = |name: &str| Method::from_bytes(name.as_bytes()).is_ok();
    let is_header = |name: &str| FieldName::parse(name).is_ok();
    let methods = names(&spec.allow_methods, "allowMethods", is_method, refuse);
    let headers = names(&spec.allow_headers, "allowHeaders", is_header, refuse);
    let expose = names(&spec.expose_headers, "exposeHeaders", is_header, refuse);
    let seconds = u64::try_from(spec.max_age.unwrap_or(MAX_AGE));
    let max_age =
        seconds.map_err(|_| refuse("maxAge", "a negative time", "write seconds, 1 or more"));
    Ok(Cors {
        origins: origins?,
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
    list: &[String],
    field: &str,
    valid: impl Fn(&str) -> bool,
    refuse: Refuse<'_>,
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
        return Err(refuse(&at, &message, "correct it, or use `*`"));
    }
    let joined = FieldValue::parse(&list.join(", "));
    joined
        .map(Names::Listed)
        .map_err(|error| refuse(field, &error.to_string(), "correct it"))
}
