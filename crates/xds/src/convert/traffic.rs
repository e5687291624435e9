//! Limits, and what is done with requests beside routing them.

use std::sync::Arc;

use agw_core::answer::{AnswerBody, Csrf, Delay, DirectResponse, FixedAnswer, HeaderModifiers};
use agw_core::condition::Case;
use agw_core::rate_limit::{Limit, Limits, RateLimit};
use http::StatusCode;

use super::common::{
    compiled, each, enumeration, expression, field_name, list, one, optional, port, required,
    source,
};
use super::invalid::{At, Invalid, OrInvalid};
use crate::proto;
use crate::proto::answer_case::Body as BodyMessage;
use crate::proto::delay::Delay as DelayMessage;

impl From<&RateLimit> for proto::RateLimit {
    fn from(limit: &RateLimit) -> Self {
        let cases = limit
            .all()
            .iter()
            .map(|Case { when, then }| proto::LimitCase {
                when: source(when.as_ref()),
                limits: then.local.iter().map(Into::into).collect(),
                global: then.global.as_deref().map(Into::into),
            });
        Self {
            cases: cases.collect(),
        }
    }
}

impl TryFrom<proto::RateLimit> for RateLimit {
    type Error = Invalid;

    fn try_from(message: proto::RateLimit) -> Result<Self, Invalid> {
        let cases = each(message.cases, "cases", |case| {
            let proto::LimitCase {
                when,
                limits,
                global,
            } = case;
            Ok(Case {
                when: compiled(when, "when")?,
                then: Limits {
                    local: list::<_, Limit>(limits, "limits")?.into(),
                    global: optional(global, "global")?.map(Arc::new),
                },
            })
        })?;
        Ok(Self::new(cases))
    }
}

impl From<&Limit> for proto::Limit {
    fn from(limit: &Limit) -> Self {
        let Limit {
            id,
            unit,
            amount,
            per,
            burst,
            key,
        } = limit;
        Self {
            id: id.to_string(),
            unit: proto::LimitUnit::from(*unit).into(),
            amount: *amount,
            per: Some((*per).into()),
            burst: *burst,
            key: source(key.as_ref()),
        }
    }
}

impl TryFrom<proto::Limit> for Limit {
    type Error = Invalid;

    fn try_from(message: proto::Limit) -> Result<Self, Invalid> {
        let proto::Limit {
            id,
            unit,
            amount,
            per,
            burst,
            key,
        } = message;
        Ok(Self {
            id: id.into(),
            unit: enumeration::<proto::LimitUnit, _>(unit, "unit")?,
            amount,
            per: one(per, "per")?,
            burst,
            key: compiled(key, "key")?,
        })
    }
}

impl From<&Csrf> for proto::Csrf {
    fn from(csrf: &Csrf) -> Self {
        let Csrf { origins } = csrf;
        Self {
            origins: origins.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<proto::Csrf> for Csrf {
    type Error = Invalid;

    fn try_from(message: proto::Csrf) -> Result<Self, Invalid> {
        Ok(Self {
            origins: list(message.origins, "origins")?,
        })
    }
}

impl From<&HeaderModifiers> for proto::HeaderModifiers {
    fn from(headers: &HeaderModifiers) -> Self {
        let HeaderModifiers { request, response } = headers;
        Self {
            request: Some(request.into()),
            response: Some(response.into()),
        }
    }
}

impl TryFrom<proto::HeaderModifiers> for HeaderModifiers {
    type Error = Invalid;

    fn try_from(message: proto::HeaderModifiers) -> Result<Self, Invalid> {
        let proto::HeaderModifiers { request, response } = message;
        Ok(Self {
            request: one(request, "request")?,
            response: one(response, "response")?,
        })
    }
}

impl From<&Delay> for proto::Delay {
    fn from(delay: &Delay) -> Self {
        let delay = match delay {
            Delay::Fixed(duration) => DelayMessage::Fixed((*duration).into()),
            Delay::Computed(e) => DelayMessage::Computed(e.source().to_owned()),
        };
        Self { delay: Some(delay) }
    }
}

impl TryFrom<proto::Delay> for Delay {
    type Error = Invalid;

    fn try_from(message: proto::Delay) -> Result<Self, Invalid> {
        Ok(match required(message.delay, "delay")? {
            DelayMessage::Fixed(duration) => Self::Fixed(duration.try_into().at("fixed")?),
            DelayMessage::Computed(source) => Self::Computed(expression(&source).at("computed")?),
        })
    }
}

impl From<&DirectResponse> for proto::DirectResponse {
    fn from(response: &DirectResponse) -> Self {
        let cases = response.all().iter().map(|Case { when, then }| {
            let FixedAnswer {
                status,
                headers,
                body,
            } = &**then;
            let headers = headers.iter().map(|(name, value)| proto::NamedExpression {
                name: name.written().to_owned(),
                expression: value.source().to_owned(),
            });
            proto::AnswerCase {
                when: source(when.as_ref()),
                status: status.as_u16().into(),
                headers: headers.collect(),
                body: match body {
                    AnswerBody::Empty => None,
                    AnswerBody::Text(text) => Some(BodyMessage::Text(text.to_string())),
                    AnswerBody::Computed(e) => Some(BodyMessage::Computed(e.source().to_owned())),
                },
            }
        });
        Self {
            cases: cases.collect(),
        }
    }
}

impl TryFrom<proto::DirectResponse> for DirectResponse {
    type Error = Invalid;

    fn try_from(message: proto::DirectResponse) -> Result<Self, Invalid> {
        let cases = each(message.cases, "cases", |case| {
            let proto::AnswerCase {
                when,
                status,
                headers,
                body,
            } = case;
            let status = StatusCode::from_u16(port(status, "status")?);
            let headers = each(headers, "headers", |header| {
                Ok((
                    field_name(&header.name).at("name")?,
                    expression(&header.expression).at("expression")?,
                ))
            })?;
            let answer = FixedAnswer {
                status: status.or_invalid("status")?,
                headers,
                body: match body {
                    None => AnswerBody::Empty,
                    Some(BodyMessage::Text(text)) => AnswerBody::Text(text.into()),
                    Some(BodyMessage::Computed(source)) => {
                        AnswerBody::Computed(expression(&source).at("computed")?)
                    }
                },
            };
            Ok(Case {
                when: compiled(when, "when")?,
                then: Arc::new(answer),
            })
        })?;
        Ok(Self::new(cases))
    }
}
