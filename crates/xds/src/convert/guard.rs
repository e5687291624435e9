//! What may not be said to models, or by them.

use agw_core::guard::{
    Action, Builtin, Check, Guard, PromptGuard, Refusal, Rules, Scope, Scopes, Streaming,
};
use http::StatusCode;

use super::common::{each, enumeration, list};
use super::invalid::{At, Invalid};
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
