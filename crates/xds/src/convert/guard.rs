//! What may not be said to models, or by them.

use agw_core::backend::{AppProtocol, Endpoint};
use agw_core::guard::{
    Action, Builtin, Check, Guard, PromptGuard, Refusal, Rules, Scope, Scopes, Streaming, Webhook,
};
use agw_core::matcher::HeaderMatch;
use http::StatusCode;

use super::common::{each, enumeration, expression, field_name, list};
use super::invalid::{At, Invalid};
use super::policy::named;
use super::route::{named_value, value_match};
use crate::proto;
use crate::proto::guard::Check as Checked;

impl From<&PromptGuard> for proto::PromptGuard {
    fn from(guard: &PromptGuard) -> Self {
        let PromptGuard {
            request,
            response,
            streaming,
        } = guard;
        Self {
            request: request.iter().map(Into::into).collect(),
            response: response.iter().map(Into::into).collect(),
            streaming: proto::GuardStreaming::from(*streaming).into(),
        }
    }
}

impl TryFrom<proto::PromptGuard> for PromptGuard {
    type Error = Invalid;

    fn try_from(message: proto::PromptGuard) -> Result<Self, Invalid> {
        let proto::PromptGuard {
            request,
            response,
            streaming,
        } = message;
        Ok(Self {
            request: list(request, "request")?,
            response: list(response, "response")?,
            streaming: enumeration::<proto::GuardStreaming, Streaming>(streaming, "streaming")?,
        })
    }
}

impl From<&Guard> for proto::Guard {
    fn from(guard: &Guard) -> Self {
        let Guard {
            check,
            scopes,
            refusal: Refusal { status, message },
        } = guard;
        let check = match check {
            Check::Rules(rules) => Checked::Rules(rules.into()),
            Check::Webhook(webhook) => Checked::Webhook((&**webhook).into()),
            Check::Broken => Checked::Broken(proto::GuardBroken {}),
        };
        let scopes = scopes.iter();
        Self {
            check: Some(check),
            scopes: scopes
                .map(|scope| proto::GuardScope::from(scope).into())
                .collect(),
            status: status.as_u16().into(),
            message: message.to_string(),
        }
    }
}

impl TryFrom<proto::Guard> for Guard {
    type Error = Invalid;

    fn try_from(guard: proto::Guard) -> Result<Self, Invalid> {
        let proto::Guard {
            check,
            scopes,
            status,
            message,
        } = guard;
        let check = match check {
            Some(Checked::Rules(rules)) => Check::Rules(Rules::try_from(rules).at("rules")?),
            Some(Checked::Webhook(webhook)) => {
                let webhook = Webhook::try_from(webhook).at("webhook")?;
                Check::Webhook(Box::new(webhook))
            }
            Some(Checked::Broken(proto::GuardBroken {})) => Check::Broken,
            None => return Err(Invalid::new("has no check")),
        };
        let scopes: Vec<Scope> = each(scopes, "scopes", |scope| {
            enumeration::<proto::GuardScope, _>(scope, "scope")
        })?;
        let number = u16::try_from(status).ok();
        let status = number.and_then(|status| StatusCode::from_u16(status).ok());
        let status = status.ok_or_else(|| Invalid::new("is no status"));
        Ok(Self {
            check,
            scopes: scopes.into_iter().collect::<Scopes>(),
            refusal: Refusal {
                status: status.at("status")?,
                message: message.into(),
            },
        })
    }
}

impl From<&Webhook> for proto::GuardWebhook {
    fn from(webhook: &Webhook) -> Self {
        let Webhook {
            label,
            authority,
            endpoints,
            protocol,
            headers,
            path,
            forwarded,
            failure_mode,
        } = webhook;
        let endpoints = endpoints.iter().map(|endpoint| proto::Endpoint {
            host: endpoint.host.to_string(),
            port: endpoint.port.into(),
            tls: None,
        });
        let headers = headers.iter();
        let forwarded = forwarded.iter();
        Self {
            label: label.to_string(),
            authority: authority.to_string(),
            endpoints: endpoints.collect(),
            protocol: proto::AppProtocol::from(*protocol).into(),
            headers: headers
                .map(|(name, value)| named(name.written(), value))
                .collect(),
            path: path.as_ref().map(|path| path.source().to_owned()),
            forwarded: forwarded
                .map(|HeaderMatch { name, value }| value_match(name.written(), value))
                .collect(),
            failure_mode: proto::GuardFailureMode::from(*failure_mode).into(),
        }
    }
}

impl TryFrom<proto::GuardWebhook> for Webhook {
    type Error = Invalid;

    fn try_from(webhook: proto::GuardWebhook) -> Result<Self, Invalid> {
        let proto::GuardWebhook {
            label,
            authority,
            endpoints,
            protocol,
            headers,
            path,
            forwarded,
            failure_mode,
        } = webhook;
        let endpoint = |proto::Endpoint { host, port, tls }| match (u16::try_from(port), tls) {
            (Ok(port), None) => Ok(Endpoint {
                host: host.into(),
                port,
                tls: None,
            }),
            (Ok(_), Some(_)) => Err(Invalid::new("has TLS")),
            (Err(_), _) => Err(Invalid::new("has no port")),
        };
        let header = |message: proto::NamedExpression| {
            let name = field_name(&message.name).at("name")?;
            let value = expression(&message.expression).at("expression")?;
            Ok((name, value))
        };
        let path = path.map(|source| expression(&source)).transpose();
        Ok(Self {
            label: label.into(),
            authority: authority.into(),
            endpoints: each(endpoints, "endpoints", endpoint)?,
            protocol: enumeration::<proto::AppProtocol, AppProtocol>(protocol, "protocol")?,
            headers: each(headers, "headers", header)?,
            path: path.at("path")?,
            forwarded: each(forwarded, "forwarded", |message| {
                let (name, value) = named_value(message)?;
                let name = field_name(&name).at("name")?;
                Ok(HeaderMatch { name, value })
            })?,
            failure_mode: enumeration::<proto::GuardFailureMode, _>(failure_mode, "failure_mode")?,
        })
    }
}

impl From<&Rules> for proto::GuardRules {
    fn from(rules: &Rules) -> Self {
        let builtins = rules.builtins().iter();
        let patterns = rules.patterns().iter();
        Self {
            action: proto::GuardAction::from(rules.action()).into(),
            builtins: builtins
                .map(|builtin| proto::GuardBuiltin::from(*builtin).into())
                .collect(),
            patterns: patterns.map(ToString::to_string).collect(),
        }
    }
}

impl TryFrom<proto::GuardRules> for Rules {
    type Error = Invalid;

    fn try_from(rules: proto::GuardRules) -> Result<Self, Invalid> {
        let proto::GuardRules {
            action,
            builtins,
            patterns,
        } = rules;
        let action: Action = enumeration::<proto::GuardAction, _>(action, "action")?;
        let builtins: Vec<Builtin> = each(builtins, "builtins", |builtin| {
            enumeration::<proto::GuardBuiltin, _>(builtin, "builtin")
        })?;
        let patterns = patterns.into_iter().map(Into::into).collect();
        Self::new(action, builtins, patterns).map_err(|(index, why)| {
            Invalid::new(why.to_string()).under(format!("patterns[{index}]"))
        })
    }
}
