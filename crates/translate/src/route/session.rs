//! `sessionPersistence` of a rule.

use std::sync::Arc;

use agw_api::external::httproutes::{
    HttpRouteRulesSessionPersistence as Spec,
    HttpRouteRulesSessionPersistenceCookieConfigLifetimeType as LifetimeType,
    HttpRouteRulesSessionPersistenceType as Type,
};
use agw_core::header::FieldName;
use agw_core::session::{Carrier, Lifetime, Persistence};

use super::RuleMaker;
use crate::expression::Rejected;
use crate::finding::Code;

/// The name of sessions that a manifest gives none.
pub(crate) const UNNAMED: &str = "agw-session";

impl RuleMaker<'_, '_> {
    pub(super) fn session(&mut self, spec: &Spec) -> Result<Arc<Persistence>, Rejected> {
        let absolute = self.duration(
            spec.absolute_timeout.as_deref(),
            "sessionPersistence.absoluteTimeout",
        );
        let idle = self.duration(
            spec.idle_timeout.as_deref(),
            "sessionPersistence.idleTimeout",
        );
        let name = spec.session_name.as_deref().unwrap_or(UNNAMED);
        // Names of cookies are such tokens too (RFC 6265 §4.1.1).
        let name = FieldName::parse(name).map_err(|error| {
            let remedy = "write a token of letters, digits and `-`";
            self.wrong("sessionName", &error.to_string(), remedy)
        });
        let config = spec.cookie_config.as_ref();
        let lifetime = match config.and_then(|config| config.lifetime_type.as_ref()) {
            Some(LifetimeType::Permanent) => Lifetime::Permanent,
            Some(LifetimeType::Session) | None => Lifetime::Session,
        };
        let (absolute, idle, name) = (absolute?, idle?, name?);
        let carrier = match spec.r#type {
            Some(Type::Header) if config.is_some() => {
                let message = "`cookieConfig` is of cookies, and this session is a header's";
                return Err(self.wrong("cookieConfig", message, "remove it"));
            }
            Some(Type::Header) => Carrier::Header(name),
            Some(Type::Cookie) | None => Carrier::Cookie {
                name: name.written().into(),
                lifetime,
            },
        };
        if lifetime == Lifetime::Permanent && absolute.is_none() {
            let message = "a permanent cookie has an end: there is no `absoluteTimeout`";
            let remedy = "write `absoluteTimeout`, or `lifetimeType: Session`";
            return Err(self.wrong("cookieConfig.lifetimeType", message, remedy));
        }
        Ok(Arc::new(Persistence {
            carrier,
            absolute,
            idle,
        }))
    }

    fn wrong(&mut self, at: &str, message: &str, remedy: &str) -> Rejected {
        let field = format!("{}.sessionPersistence.{at}", self.field);
        self.refuse(Code::UnsupportedValue, &field, message, remedy)
    }
}
