//! Guards of what goes to models and comes from them.

mod webhook;

use std::sync::Arc;

use agw_api::prompt_guard::{
    GuardAction, GuardBuiltin, GuardResponse, GuardScope, GuardStreaming, GuardWebhook,
    PromptGuard as Spec, RegexGuard,
};
use agw_core::guard::{
    Action, BadPattern, Builtin, Check, Guard, PromptGuard, Refusal, Rules, Scope, Scopes,
    Streaming,
};
use http::StatusCode;

use super::Source;
use crate::expression::{Rejected, collect};

/// How a guard may look.
struct Ways<'a> {
    regex: Option<&'a RegexGuard>,
    webhook: Option<&'a GuardWebhook>,
    not_served: [(&'static str, bool); 3],
}

impl Source<'_, '_> {
    pub(super) fn guard(&mut self, spec: &Spec) -> Result<Arc<PromptGuard>, Rejected> {
        if spec.request.is_empty() && spec.response.is_empty() {
            let message = "`promptGuard` guards nothing".to_owned();
            return Err(self.refuse("promptGuard", message, "write `request` or `response`"));
        }
        let request = collect(spec.request.iter().enumerate().map(|(index, guard)| {
            let at = format!("promptGuard.request[{index}]");
            let ways = Ways {
                regex: guard.regex.as_ref(),
                webhook: guard.webhook.as_ref(),
                not_served: [
                    ("openAIModeration", guard.open_ai_moderation.is_some()),
                    ("bedrockGuardrails", guard.bedrock_guardrails.is_some()),
                    ("googleModelArmor", guard.google_model_armor.is_some()),
                ],
            };
            let check = self.check(&ways, &at);
            let refusal = self.refusal(guard.response.as_ref(), &at);
            Ok(Guard {
                scopes: scopes(&guard.scope, guard.webhook.is_some()),
                check: check?,
                refusal: refusal?,
            })
        }));
        let response = collect(spec.response.iter().enumerate().map(|(index, guard)| {
            let at = format!("promptGuard.response[{index}]");
            let ways = Ways {
                regex: guard.regex.as_ref(),
                webhook: guard.webhook.as_ref(),
                not_served: [
                    ("openAIModeration", false),
                    ("bedrockGuardrails", guard.bedrock_guardrails.is_some()),
                    ("googleModelArmor", guard.google_model_armor.is_some()),
                ],
            };
            let check = self.check(&ways, &at);
            let refusal = self.refusal(guard.response.as_ref(), &at);
            Ok(Guard {
                scopes: scopes(&[], guard.webhook.is_some()),
                check: check?,
                refusal: refusal?,
            })
        }));
        let streaming = match spec.streaming {
            None | Some(GuardStreaming::Enabled) => Streaming::Enabled,
            Some(GuardStreaming::Disabled) => Streaming::Disabled,
        };
        if streaming == Streaming::Disabled && spec.response.is_empty() {
            let message = "no guard looks at answers: `streaming` changes nothing";
            self.without_effect("promptGuard.streaming", message, "remove it");
        }
        Ok(Arc::new(PromptGuard {
            request: request?,
            response: response?,
            streaming,
        }))
    }

    /// A guard has exactly one way to look.
    fn check(&mut self, ways: &Ways<'_>, at: &str) -> Result<Check, Rejected> {
        let others = ways.not_served.iter().filter(|(_, written)| *written);
        let others: Vec<_> = others.map(|(name, _)| *name).collect();
        match (ways.regex, ways.webhook, &others[..]) {
            (Some(regex), None, []) => self.rules(regex, &format!("{at}.regex")).map(Check::Rules),
            (None, Some(webhook), []) => {
                let webhook = self.webhook(webhook, &format!("{at}.webhook"))?;
                Ok(Check::Webhook(Box::new(webhook)))
            }
            (None, None, [name]) => {
                let message = format!("`{name}` is not served by this gateway");
                let remedy = "use `regex`, or a `webhook` that asks it";
                Err(self.refuse(&format!("{at}.{name}"), message, remedy))
            }
            _ => {
                let message = "a guard has one way to look".to_owned();
                Err(self.refuse(at, message, "write exactly one of `regex` and `webhook`"))
            }
        }
    }

    fn rules(&mut self, spec: &RegexGuard, at: &str) -> Result<Rules, Rejected> {
        if spec.matches.is_empty() && spec.builtins.is_empty() {
            let message = "the guard looks for nothing".to_owned();
            return Err(self.refuse(at, message, "write `matches` or `builtins`"));
        }
        let action = match spec.action {
            None | Some(GuardAction::Mask) => Action::Mask,
            Some(GuardAction::Reject) => Action::Reject,
        };
        let mut builtins: Vec<_> = spec.builtins.iter().map(|name| builtin(*name)).collect();
        builtins.sort_unstable();
        builtins.dedup();
        let patterns = spec.matches.iter().map(|pattern| pattern.as_str().into());
        Rules::new(action, builtins, patterns.collect()).map_err(|(index, why)| {
            let at = format!("{at}.matches[{index}]");
            match why {
                BadPattern::Syntax { at: column, why } => {
                    let message =
                        format!("the pattern does not compile, at character {column}: {why}");
                    self.refuse(&at, message, "correct it; the syntax is that of RE2")
                }
                BadPattern::TooLarge => {
                    let message = format!("the pattern is too large: {why}");
                    let remedy = "make its repetitions smaller, or `(?-u:\\w)` of `\\w`";
                    self.refuse(&at, message, remedy)
                }
                BadPattern::MatchesNothing => {
                    let message = format!("the pattern is of no use: {why}");
                    self.refuse(
                        &at,
                        message,
                        "write `+` for `*`, or what has to stand there",
                    )
                }
            }
        })
    }

    fn refusal(&mut self, spec: Option<&GuardResponse>, at: &str) -> Result<Refusal, Rejected> {
        let mut refusal = Refusal::default();
        let Some(spec) = spec else {
            return Ok(refusal);
        };
        let at = format!("{at}.response");
        if spec.message.is_none() && spec.status_code.is_none() {
            let message = "the response says nothing of its own";
            self.without_effect(&at, message, "write `message` or `statusCode`");
        }
        if let Some(code) = spec.status_code {
            let status = StatusCode::from_u16(code).ok();
            let Some(status) = status.filter(|_| (200..600).contains(&code)) else {
                let message = format!("{code} is no status of an answer");
                let at = format!("{at}.statusCode");
                return Err(self.refuse(&at, message, "write one from 200 to 599"));
            };
            refusal.status = status;
        }
        if let Some(message) = &spec.message {
            refusal.message = message.as_str().into();
        }
        Ok(refusal)
    }
}

fn builtin(name: GuardBuiltin) -> Builtin {
    match name {
        GuardBuiltin::CreditCard => Builtin::CreditCard,
        GuardBuiltin::Ssn => Builtin::Ssn,
        GuardBuiltin::Email => Builtin::Email,
        GuardBuiltin::PhoneNumber => Builtin::PhoneNumber,
        GuardBuiltin::CaSin => Builtin::CaSin,
    }
}

/// Everything by default, but for those whom only conversations are shown.
fn scopes(names: &[GuardScope], shown: bool) -> Scopes {
    if names.is_empty() {
        return if shown { Scopes::SPOKEN } else { Scopes::ALL };
    }
    let scope = |name: &GuardScope| match name {
        GuardScope::SystemPrompt => Scope::SystemPrompt,
        GuardScope::Messages => Scope::Messages,
        GuardScope::ToolInput => Scope::ToolInput,
        GuardScope::ToolOutput => Scope::ToolOutput,
    };
    names.iter().map(scope).collect()
}
