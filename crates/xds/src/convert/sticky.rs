//! Requests that belong together.

use std::sync::Arc;

use agw_core::session::{Carrier, Lifetime, Persistence};
use agw_core::sticky::Sticky;

use super::common::{expression, field_name, one, optional, required};
use super::invalid::{At, Invalid};
use crate::proto;
use crate::proto::persistence::Carrier as CarrierMessage;
use crate::proto::sticky::By;

impl From<&Persistence> for proto::Persistence {
    fn from(persistence: &Persistence) -> Self {
        let Persistence {
            carrier,
            absolute,
            idle,
        } = persistence;
        let carrier = match carrier {
            Carrier::Cookie {
                name,
                lifetime: Lifetime::Session,
            } => CarrierMessage::SessionCookie(name.to_string()),
            Carrier::Cookie {
                name,
                lifetime: Lifetime::Permanent,
            } => CarrierMessage::PermanentCookie(name.to_string()),
            Carrier::Header(name) => CarrierMessage::Header(name.written().to_owned()),
        };
        Self {
            carrier: Some(carrier),
            absolute: absolute.map(Into::into),
            idle: idle.map(Into::into),
        }
    }
}

impl TryFrom<proto::Persistence> for Persistence {
    type Error = Invalid;

    fn try_from(message: proto::Persistence) -> Result<Self, Invalid> {
        let proto::Persistence {
            carrier,
            absolute,
            idle,
        } = message;
        let cookie = |name: String, lifetime| {
            // Anything else could say more in the header than a name.
            let name = field_name(&name).at("cookie")?.written().into();
            Ok::<_, Invalid>(Carrier::Cookie { name, lifetime })
        };
        Ok(Self {
            carrier: match required(carrier, "carrier")? {
                CarrierMessage::SessionCookie(name) => cookie(name, Lifetime::Session)?,
                CarrierMessage::PermanentCookie(name) => cookie(name, Lifetime::Permanent)?,
                CarrierMessage::Header(name) => Carrier::Header(field_name(&name).at("header")?),
            },
            absolute: optional(absolute, "absolute")?,
            idle: optional(idle, "idle")?,
        })
    }
}

impl From<&Sticky> for proto::Sticky {
    fn from(sticky: &Sticky) -> Self {
        Self {
            by: Some(match sticky {
                Sticky::Header(name) => By::Header(name.written().to_owned()),
                Sticky::Session(persistence) => By::Session((&**persistence).into()),
                Sticky::Expression(e) => By::Expression(e.source().to_owned()),
            }),
        }
    }
}

impl TryFrom<proto::Sticky> for Sticky {
    type Error = Invalid;

    fn try_from(message: proto::Sticky) -> Result<Self, Invalid> {
        Ok(match required(message.by, "by")? {
            By::Header(name) => Self::Header(field_name(&name).at("header")?),
            By::Session(persistence) => Self::Session(Arc::new(one(Some(persistence), "session")?)),
            By::Expression(source) => Self::Expression(expression(&source).at("expression")?),
        })
    }
}
