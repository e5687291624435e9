//! Limits that all proxies count together.

use agw_core::rate_limit::{Counting, Descriptor, GlobalLimit, Login, Window};
use agw_core::secret::Secret;

use super::common::{compiled, enumeration, expressions, list, named, one, optional, source};
use super::invalid::Invalid;
use crate::proto;

impl From<&GlobalLimit> for proto::GlobalLimit {
    fn from(limit: &GlobalLimit) -> Self {
        let GlobalLimit {
            server,
            by,
            domain,
            descriptors,
            failure_mode,
        } = limit;
        Self {
            server: Some(server.into()),
            domain: domain.to_string(),
            descriptors: descriptors.iter().map(Into::into).collect(),
            failure_mode: proto::GuardFailureMode::from(*failure_mode).into(),
            redis: match by {
                Counting::Service => None,
                Counting::Redis(login) => Some(login.into()),
            },
        }
    }
}

impl TryFrom<proto::GlobalLimit> for GlobalLimit {
    type Error = Invalid;

    fn try_from(message: proto::GlobalLimit) -> Result<Self, Invalid> {
        let proto::GlobalLimit {
            server,
            domain,
            descriptors,
            failure_mode,
            redis,
        } = message;
        Ok(Self {
            server: one(server, "server")?,
            by: redis.map_or(Counting::Service, |login| Counting::Redis(login.into())),
            domain: domain.into(),
            descriptors: list(descriptors, "descriptors")?,
            failure_mode: enumeration::<proto::GuardFailureMode, _>(failure_mode, "failure_mode")?,
        })
    }
}

impl From<&Descriptor> for proto::Descriptor {
    fn from(descriptor: &Descriptor) -> Self {
        let Descriptor {
            entries,
            unit,
            cost,
            limit,
            window,
        } = descriptor;
        Self {
            entries: named(entries),
            unit: proto::LimitUnit::from(*unit).into(),
            cost: source(cost.as_ref()),
            limit: source(limit.as_ref()),
            window: window.map(|Window { amount, per }| proto::LimitWindow {
                amount,
                per: proto::Span::from(per).into(),
            }),
        }
    }
}

impl TryFrom<proto::Descriptor> for Descriptor {
    type Error = Invalid;

    fn try_from(message: proto::Descriptor) -> Result<Self, Invalid> {
        let proto::Descriptor {
            entries,
            unit,
            cost,
            limit,
            window,
        } = message;
        Ok(Self {
            entries: expressions(entries, "entries")?,
            unit: enumeration::<proto::LimitUnit, _>(unit, "unit")?,
            cost: compiled(cost, "cost")?,
            limit: compiled(limit, "limit")?,
            window: optional(window, "window")?,
        })
    }
}

impl From<&Login> for proto::RedisLogin {
    fn from(login: &Login) -> Self {
        let Login {
            username,
            password,
            database,
        } = login;
        Self {
            username: username.as_deref().map(str::to_owned),
            password: password.as_ref().map(|p| p.expose().to_owned()),
            database: *database,
        }
    }
}

impl From<proto::RedisLogin> for Login {
    fn from(message: proto::RedisLogin) -> Self {
        let proto::RedisLogin {
            username,
            password,
            database,
        } = message;
        Self {
            username: username.map(Into::into),
            password: password.map(Secret::new),
            database,
        }
    }
}

impl TryFrom<proto::LimitWindow> for Window {
    type Error = Invalid;

    fn try_from(message: proto::LimitWindow) -> Result<Self, Invalid> {
        let proto::LimitWindow { amount, per } = message;
        Ok(Self {
            amount,
            per: enumeration::<proto::Span, _>(per, "per")?,
        })
    }
}
