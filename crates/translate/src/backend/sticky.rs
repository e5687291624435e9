//! `loadBalancing.sticky`: by what the requests to a backend belong together.

use std::sync::Arc;

use agw_api::load_balancing::Sticky as Spec;
use agw_core::header::FieldName;
use agw_core::session::{Carrier, Lifetime, Persistence};
use agw_core::sticky::Sticky;

use super::policies::Layer;
use crate::expression::{self, Rejected};
use crate::finding::Code;
use crate::report::Report;

pub(super) fn sticky(
    spec: &Spec,
    layer: &Layer<'_>,
    report: &mut Report,
) -> Result<Sticky, Rejected> {
    let field = layer.at("loadBalancing.sticky");
    let mut refuse = |at: &str, message: &str, remedy: &str| {
        let field = format!("{field}{at}");
        report.add(layer.subject, Code::InvalidBackend, &field, message, remedy);
        Rejected
    };
    match (&spec.header, &spec.cookie, &spec.expression) {
        (Some(header), None, None) => {
            let name = FieldName::parse(&header.name);
            let remedy = "write a valid header name";
            let name = name.map_err(|e| refuse(".header.name", &e.to_string(), remedy))?;
            Ok(Sticky::Header(name))
        }
        (None, Some(cookie), None) => {
            // Names of cookies are such tokens too (RFC 6265 §4.1.1).
            if let Err(error) = FieldName::parse(&cookie.name) {
                let remedy = "write a token of letters, digits and `-`";
                return Err(refuse(".cookie.name", &error.to_string(), remedy));
            }
            let ttl = cookie.ttl.map(agw_api::Duration::get);
            let absolute = ttl.filter(|ttl| !ttl.is_zero());
            let lifetime = match absolute {
                Some(_) => Lifetime::Permanent,
                None => Lifetime::Session,
            };
            Ok(Sticky::Session(Arc::new(Persistence {
                carrier: Carrier::Cookie {
                    name: cookie.name.as_str().into(),
                    lifetime,
                },
                absolute,
                idle: None,
            })))
        }
        (None, None, Some(source)) => {
            let field = layer.at("loadBalancing.sticky.expression");
            let compiled = expression::compile(source, layer.subject, &field, report)?;
            Ok(Sticky::Expression(compiled))
        }
        _ => {
            let message = "requests belong together by one thing";
            let remedy = "write exactly one of `header`, `cookie` and `expression`";
            Err(refuse("", message, remedy))
        }
    }
}
