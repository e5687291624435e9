//! Roles that the gateway's own assumes.

use std::sync::Arc;
use std::time::SystemTime;

use agw_ai::sigv4::{AwsCredentials, Scope, SignedRequest, payload_hash, sign};
use agw_core::cloud::AwsRole;
use http::header;

use super::given_by_sts;
use crate::credentials::endpoint::{Ask, TokenEndpoints, addressed};
use crate::credentials::error::MintError;
use crate::credentials::lifetime::Minted;

/// A key of the role, which STS gives for a question that `own` signs.
pub(super) async fn assume(
    role: &AwsRole,
    sts: &str,
    own: &AwsCredentials,
    endpoints: &TokenEndpoints,
    now: SystemTime,
) -> Result<Minted<Arc<AwsCredentials>>, MintError> {
    let numbered = |(index, (key, value)): (usize, &(Arc<str>, Arc<str>))| {
        let name = format!("Tags.member.{}", index + 1);
        [
            (format!("{name}.Key"), key.clone()),
            (format!("{name}.Value"), value.clone()),
        ]
    };
    let tags: Vec<_> = role.tags.iter().enumerate().flat_map(numbered).collect();
    let mut fields = vec![
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", &*role.arn),
        ("RoleSessionName", &*role.session),
    ];
    fields.extend(tags.iter().map(|(name, value)| (name.as_str(), &**value)));
    let mut ask = Ask::post(sts, &fields).with(header::ACCEPT, "application/xml");
    let (host, target) = addressed(sts)?;
    let body = ask.form.as_deref().unwrap_or_default();
    let signed = SignedRequest {
        method: "POST",
        host: &host,
        path: target.path(),
        query: target.query().unwrap_or_default(),
        headers: &[],
        payload_hash: &payload_hash([body.as_bytes()]),
    };
    let scope = Scope {
        region: &role.region,
        service: "sts",
    };
    let signature = sign(&signed, scope, own, now)
        .map_err(|_| MintError::Unusable("a key of AWS that no header can hold"))?;
    for (name, value) in signature.headers() {
        let value = value.to_str().unwrap_or_default().to_owned();
        ask = ask.with(name, value);
    }
    given_by_sts(&endpoints.ask(ask).await?)
}
