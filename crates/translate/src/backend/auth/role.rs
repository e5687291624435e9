//! Roles of AWS that the gateway's own assumes.

use std::sync::Arc;

use agw_api::backend_policy::{AssumeRole, SessionTag};
use agw_core::backend::Auth;
use agw_core::cloud::AwsRole;

use super::Written;
use crate::expression::{Rejected, collect};
use crate::report::Report;

/// As AWS's logs show sessions that have no other name.
const SESSION: &str = "agentgateway";

/// `assumeRole`, for signatures that are good in `region`.
pub(super) fn role(
    spec: &AssumeRole,
    region: &str,
    at: &Written<'_>,
    report: &mut Report,
) -> Result<Auth, Rejected> {
    let at = at.inside("assumeRole");
    let session = spec.session_name.as_deref().unwrap_or(SESSION);
    let wrong = if spec.session_name_expression.is_some() {
        let message = "`sessionNameExpression` is not served: one session is for all requests";
        Some(("sessionNameExpression", message, "write `sessionName`"))
    } else if !is_role(&spec.role_arn) {
        let message = "it is no role's name";
        let remedy = "write one such as `arn:aws:iam::123456789012:role/name`";
        Some(("roleArn", message, remedy))
    } else if !is_session(session) {
        let message = "it is no session's name";
        let remedy = "write 2 to 64 letters, digits and `_+=,.@-`";
        Some(("sessionName", message, remedy))
    } else {
        None
    };
    if let Some((field, message, remedy)) = wrong {
        return Err(at.inside(field).reject(message, remedy, report));
    }
    let tags = spec.tags.iter().enumerate();
    let tags = collect(tags.map(|(index, tag)| {
        let SessionTag {
            key,
            value,
            expression,
        } = tag;
        match (value, expression) {
            (Some(value), None) => Ok((Arc::from(key.as_str()), Arc::from(value.as_str()))),
            (_, Some(_)) => {
                let message = "`expression` is not served: one session is for all requests";
                let at = at.inside(&format!("tags[{index}].expression"));
                Err(at.reject(message, "write its `value` out", report))
            }
            (None, None) => {
                let message = "a tag has a `value`";
                let at = at.inside(&format!("tags[{index}]"));
                Err(at.reject(message, "write it", report))
            }
        }
    }))?;
    Ok(Auth::AwsRole(Box::new(AwsRole {
        arn: spec.role_arn.as_str().into(),
        region: region.into(),
        session: session.into(),
        tags,
    })))
}

/// `arn:{partition}:iam::{account}:role/{name}`.
fn is_role(arn: &str) -> bool {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    let [first, partition, "iam", "", account, resource] = parts[..] else {
        return false;
    };
    let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let name = resource.strip_prefix("role/");
    first == "arn"
        && partition.starts_with("aws")
        && is_account
        && name.is_some_and(|name| !name.is_empty())
}

fn is_session(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    (2..=64).contains(&name.len()) && name.bytes().all(plain)
}
