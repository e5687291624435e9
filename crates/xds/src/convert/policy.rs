//! Policies, transformations and retries.

use std::sync::Arc;

use agw_core::condition::Case;
use agw_core::expr::Expression;
use agw_core::header::FieldName;
use agw_core::policy::TrafficPolicy;
use agw_core::price::{Price, Prices};
use agw_core::retry::{Retry, RetryOn};
use agw_core::transform::{Edits, Part, Transformation, Transformations};

use super::common::{each, enumeration, expression, field_name, list, one, optional, port};
use super::invalid::{At, Invalid};
use super::{access, shaping};
use crate::proto;

/// What holds for a whole Gateway.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct GatewayPolicy {
    pub(crate) traffic: TrafficPolicy,
    pub(crate) logged_headers: Vec<FieldName>,
    pub(crate) prices: Arc<Prices>,
}

/// A policy that says nothing does not travel.
pub(super) fn said(policy: &TrafficPolicy) -> Option<proto::TrafficPolicy> {
    (!policy.is_empty()).then(|| policy.into())
}

pub(super) fn policy(
    message: Option<proto::TrafficPolicy>,
    field: &str,
) -> Result<TrafficPolicy, Invalid> {
    Ok(optional(message, field)?.unwrap_or_default())
}

impl From<&GatewayPolicy> for proto::GatewayPolicy {
    fn from(policy: &GatewayPolicy) -> Self {
        let GatewayPolicy {
            traffic,
            logged_headers,
            prices,
        } = policy;
        let names = logged_headers.iter();
        let price = |(model, price): (&Arc<str>, &Price)| proto::ModelPrice {
            model: model.to_string(),
            input: price.input,
            output: price.output,
            cached: price.cached,
            cache_write: price.cache_write,
            search_unit: price.search_unit,
        };
        Self {
            traffic: said(traffic),
            logged_headers: names.map(|name| name.written().to_owned()).collect(),
            prices: prices.iter().map(price).collect(),
        }
    }
}

impl TryFrom<proto::GatewayPolicy> for GatewayPolicy {
    type Error = Invalid;

    fn try_from(message: proto::GatewayPolicy) -> Result<Self, Invalid> {
        let proto::GatewayPolicy {
            traffic,
            logged_headers,
            prices,
        } = message;
        let price = |message: proto::ModelPrice| {
            let price = Price {
                input: message.input,
                output: message.output,
                cached: message.cached,
                cache_write: message.cache_write,
                search_unit: message.search_unit,
            };
            (message.model.into(), price)
        };
        Ok(Self {
            traffic: policy(traffic, "traffic")?,
            logged_headers: each(logged_headers, "logged_headers", |name| field_name(&name))?,
            prices: Arc::new(prices.into_iter().map(price).collect()),
        })
    }
}

impl From<&TrafficPolicy> for proto::TrafficPolicy {
    fn from(policy: &TrafficPolicy) -> Self {
        let TrafficPolicy {
            refused,
            pre_cors,
            pre_access,
            pre_routing,
            cors,
            access,
            rate_limit,
            post_routing,
            csrf,
            headers,
            delay,
            direct_response,
            request_timeout,
            retry,
            shaping,
        } = policy;
        Self {
            refused: refused.as_deref().map(str::to_owned),
            pre_cors: pre_cors.as_deref().map(Into::into),
            pre_access: access::said(pre_access),
            cors: cors.as_deref().map(Into::into),
            access: access::said(access),
            rate_limit: rate_limit.as_deref().map(Into::into),
            csrf: csrf.as_deref().map(Into::into),
            headers: headers.as_deref().map(Into::into),
            delay: delay.as_deref().map(Into::into),
            direct_response: direct_response.as_deref().map(Into::into),
            pre_routing: pre_routing.as_deref().map(Into::into),
            post_routing: post_routing.as_deref().map(Into::into),
            request_timeout: request_timeout.map(Into::into),
            retry: retry.as_ref().map(Into::into),
            shaping: shaping::said(shaping),
        }
    }
}

impl TryFrom<proto::TrafficPolicy> for TrafficPolicy {
    type Error = Invalid;

    fn try_from(policy: proto::TrafficPolicy) -> Result<Self, Invalid> {
        let proto::TrafficPolicy {
            refused,
            pre_cors,
            pre_access,
            pre_routing,
            cors,
            access,
            rate_limit,
            post_routing,
            csrf,
            headers,
            delay,
            direct_response,
            request_timeout,
            retry,
            shaping,
        } = policy;
        Ok(Self {
            refused: refused.map(Into::into),
            pre_cors: optional(pre_cors, "pre_cors")?.map(Arc::new),
            pre_access: optional(pre_access, "pre_access")?.unwrap_or_default(),
            cors: optional(cors, "cors")?.map(Arc::new),
            access: optional(access, "access")?.unwrap_or_default(),
            rate_limit: optional(rate_limit, "rate_limit")?.map(Arc::new),
            csrf: optional(csrf, "csrf")?.map(Arc::new),
            headers: optional(headers, "headers")?.map(Arc::new),
            delay: optional(delay, "delay")?.map(Arc::new),
            direct_response: optional(direct_response, "direct_response")?.map(Arc::new),
            pre_routing: optional(pre_routing, "pre_routing")?.map(Arc::new),
            post_routing: optional(post_routing, "post_routing")?.map(Arc::new),
            request_timeout: optional(request_timeout, "request_timeout")?,
            retry: optional(retry, "retry")?,
            shaping: optional(shaping, "shaping")?.unwrap_or_default(),
        })
    }
}

impl From<&Transformations> for proto::Transformations {
    fn from(transformations: &Transformations) -> Self {
        let cases = transformations.all().iter();
        let cases = cases.map(|Case { when, then }| proto::TransformationCase {
            when: when.as_ref().map(|e| e.source().to_owned()),
            then: Some((&**then).into()),
        });
        Self {
            cases: cases.collect(),
        }
    }
}

impl TryFrom<proto::Transformations> for Transformations {
    type Error = Invalid;

    fn try_from(message: proto::Transformations) -> Result<Self, Invalid> {
        let cases = each(message.cases, "cases", |case| {
            let proto::TransformationCase { when, then } = case;
            let when = when.map(|source| expression(&source)).transpose();
            Ok(Case {
                when: when.at("when")?,
                then: Arc::new(one::<_, Transformation>(then, "then")?),
            })
        })?;
        Ok(Self::new(cases))
    }
}

impl From<&Transformation> for proto::Transformation {
    fn from(transformation: &Transformation) -> Self {
        let Transformation { request, response } = transformation;
        Self {
            request: Some(request.into()),
            response: Some(response.into()),
        }
    }
}

impl TryFrom<proto::Transformation> for Transformation {
    type Error = Invalid;

    fn try_from(transformation: proto::Transformation) -> Result<Self, Invalid> {
        let proto::Transformation { request, response } = transformation;
        Ok(Self {
            request: one(request, "request")?,
            response: one(response, "response")?,
        })
    }
}

impl From<&Edits> for proto::Edits {
    fn from(edits: &Edits) -> Self {
        let Edits {
            set,
            parts,
            add,
            remove,
            body,
            metadata,
        } = edits;
        let parts = parts.iter();
        let headers = |headers: &[(FieldName, Expression)]| {
            let headers = headers.iter();
            headers
                .map(|(name, value)| named(name.written(), value))
                .collect()
        };
        let metadata = metadata.iter();
        Self {
            set: headers(set),
            add: headers(add),
            remove: remove
                .iter()
                .map(|name| name.written().to_owned())
                .collect(),
            body: body.as_ref().map(|body| body.source().to_owned()),
            metadata: metadata.map(|(name, value)| named(name, value)).collect(),
            parts: parts
                .map(|(part, value)| named(part.name(), value))
                .collect(),
        }
    }
}

pub(super) fn named(name: &str, value: &Expression) -> proto::NamedExpression {
    proto::NamedExpression {
        name: name.to_owned(),
        expression: value.source().to_owned(),
    }
}

impl TryFrom<proto::Edits> for Edits {
    type Error = Invalid;

    fn try_from(edits: proto::Edits) -> Result<Self, Invalid> {
        let proto::Edits {
            set,
            add,
            remove,
            body,
            metadata,
            parts,
        } = edits;
        let header = |message: proto::NamedExpression| {
            let proto::NamedExpression {
                name,
                expression: source,
            } = message;
            Ok((
                field_name(&name).at("name")?,
                expression(&source).at("expression")?,
            ))
        };
        Ok(Self {
            set: each(set, "set", header)?,
            add: each(add, "add", header)?,
            parts: each(parts, "parts", |message| {
                let part = Part::parse(&message.name);
                let part = part.ok_or_else(|| Invalid::new("is not known").under("name"))?;
                Ok((part, expression(&message.expression).at("expression")?))
            })?,
            remove: each(remove, "remove", |name| field_name(&name))?,
            body: body
                .map(|source| expression(&source))
                .transpose()
                .at("body")?,
            metadata: each(metadata, "metadata", |message| {
                let proto::NamedExpression {
                    name,
                    expression: source,
                } = message;
                Ok((name, expression(&source).at("expression")?))
            })?,
        })
    }
}

impl From<&Retry> for proto::Retry {
    fn from(retry: &Retry) -> Self {
        let Retry {
            attempts,
            base_interval,
            max_interval,
            on: RetryOn {
                statuses,
                connect_failure,
            },
        } = retry;
        let range = |&(low, high): &(u16, u16)| proto::StatusRange {
            low: low.into(),
            high: high.into(),
        };
        Self {
            attempts: *attempts,
            base_interval: Some((*base_interval).into()),
            max_interval: Some((*max_interval).into()),
            statuses: statuses.iter().map(range).collect(),
            connect_failure: proto::ConnectFailure::from(*connect_failure).into(),
        }
    }
}

impl TryFrom<proto::Retry> for Retry {
    type Error = Invalid;

    fn try_from(retry: proto::Retry) -> Result<Self, Invalid> {
        let proto::Retry {
            attempts,
            base_interval,
            max_interval,
            statuses,
            connect_failure,
        } = retry;
        Ok(Self {
            attempts,
            base_interval: one(base_interval, "base_interval")?,
            max_interval: one(max_interval, "max_interval")?,
            on: RetryOn {
                statuses: list::<_, Range>(statuses, "statuses")?
                    .into_iter()
                    .map(|Range(low, high)| (low, high))
                    .collect(),
                connect_failure: enumeration::<proto::ConnectFailure, _>(
                    connect_failure,
                    "connect_failure",
                )?,
            },
        })
    }
}

struct Range(u16, u16);

impl TryFrom<proto::StatusRange> for Range {
    type Error = Invalid;

    fn try_from(range: proto::StatusRange) -> Result<Self, Invalid> {
        let proto::StatusRange { low, high } = range;
        Ok(Self(port(low, "low")?, port(high, "high")?))
    }
}
