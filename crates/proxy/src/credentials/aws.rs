//! Keys of AWS that expire: the default chain, as AWS's own tools go through it.

mod role;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use agw_ai::sigv4::AwsCredentials;
use agw_core::secret::Secret;
use http::{HeaderName, Method, header};
use serde_json::Value;

use super::endpoint::{Answer, Ask, TokenEndpoints, tag};
use super::environment::Environment;
use super::error::MintError;
use super::lifetime::Minted;
use super::refresher::Mint;
use super::sources::Signer;

const ROLE: &str = "AWS_ROLE_ARN";
const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
/// Where relative addresses of containers' credentials are.
const CONTAINERS: &str = "http://169.254.170.2";
const METADATA: &str = "http://169.254.169.254";
/// Keys without an end are looked up again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);

/// Mints keys of whoever the gateway is, and of roles that it assumes.
pub(crate) struct Aws {
    pub(super) signer: Signer,
    pub(super) environment: Arc<Environment>,
}

impl Mint for Aws {
    type Token = Arc<AwsCredentials>;

    fn name(&self) -> &'static str {
        "a key of AWS"
    }

    async fn mint(
        &self,
        endpoints: &TokenEndpoints,
        now: SystemTime,
    ) -> Result<Minted<Arc<AwsCredentials>>, MintError> {
        match &self.signer {
            Signer::Own(_) => self.own(endpoints, now).await,
            Signer::Role(role) => {
                let own = self.own(endpoints, now).await?;
                let sts = self.sts(&role.region);
                role::assume(role, &sts, &own.value, endpoints, now).await
            }
        }
    }
}

impl Aws {
    /// The key of whoever the gateway is.
    async fn own(
        &self,
        endpoints: &TokenEndpoints,
        now: SystemTime,
    ) -> Result<Minted<Arc<AwsCredentials>>, MintError> {
        let given = |name| self.environment.get(name);
        if let (Some(id), Some(secret)) =
            (given("AWS_ACCESS_KEY_ID"), given("AWS_SECRET_ACCESS_KEY"))
        {
            let session = given("AWS_SESSION_TOKEN").map(Secret::new);
            return Ok(minted(id, secret, session, now + LOOK_AGAIN));
        }
        if given(TOKEN_FILE).is_some() && given(ROLE).is_some() {
            return self.web_identity(endpoints).await;
        }
        if given(FULL).is_some() || given(RELATIVE).is_some() {
            return self.container(endpoints, now).await;
        }
        self.instance(endpoints, now).await
    }

    /// The STS of a region.
    fn sts(&self, region: &str) -> String {
        let domain = match region.starts_with("cn-") {
            true => "amazonaws.com.cn",
            false => "amazonaws.com",
        };
        let own = format!("https://sts.{region}.{domain}/");
        let set = self.environment.get("AWS_ENDPOINT_URL_STS");
        set.map_or(own, str::to_owned)
    }

    /// A role for the token that the cluster gives the pod.
    async fn web_identity(
        &self,
        endpoints: &TokenEndpoints,
    ) -> Result<Minted<Arc<AwsCredentials>>, MintError> {
        let token = self.environment.file(TOKEN_FILE).await?;
        let session = self.environment.get("AWS_ROLE_SESSION_NAME");
        let region = match &self.signer {
            Signer::Own(region) => region,
            Signer::Role(role) => &role.region,
        };
        let url = self.sts(region);
        let fields = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", self.environment.need(ROLE)?),
            ("RoleSessionName", session.unwrap_or("agentgateway")),
            ("WebIdentityToken", token.expose()),
        ];
        let ask = Ask::post(&url, &fields).with(header::ACCEPT, "application/xml");
        given_by_sts(&endpoints.ask(ask).await?)
    }

    /// What the agent beside the container gives: EKS's pod identities, and ECS.
    async fn container(
        &self,
        endpoints: &TokenEndpoints,
        now: SystemTime,
    ) -> Result<Minted<Arc<AwsCredentials>>, MintError> {
        const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
        const FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
        let relative = self.environment.get(RELATIVE);
        let url = match relative {
            Some(path) => format!("{CONTAINERS}{path}"),
            None => self.environment.need(FULL)?.to_owned(),
        };
        let mut ask = Ask::get(&url);
        if self.environment.get(FILE).is_some() {
            let token = self.environment.file(FILE).await?;
            ask = ask.with(header::AUTHORIZATION, token.expose());
        } else if let Some(token) = self.environment.get(TOKEN) {
            ask = ask.with(header::AUTHORIZATION, token);
        }
        read(&endpoints.ask(ask).await?, now)
    }

    /// The role of the machine, by the second version of its metadata service.
    async fn instance(
        &self,
        endpoints: &TokenEndpoints,
        now: SystemTime,
    ) -> Result<Minted<Arc<AwsCredentials>>, MintError> {
        let base = self.environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        let base = base.unwrap_or(METADATA).trim_end_matches('/');
        let life = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
        let url = format!("{base}/latest/api/token");
        let ask = Ask {
            method: Method::PUT,
            ..Ask::get(&url)
        };
        let session = endpoints.ask(ask.with(life, "300")).await?;
        let session = String::from_utf8_lossy(&session.body).into_owned();
        let token = HeaderName::from_static("x-aws-ec2-metadata-token");
        let roles = format!("{base}/latest/meta-data/iam/security-credentials/");
        let ask = Ask::get(&roles).with(token.clone(), session.clone());
        let answer = endpoints.ask(ask).await?;
        let role = std::str::from_utf8(&answer.body).unwrap_or_default();
        let role = role.lines().next().unwrap_or_default().trim();
        if role.is_empty() {
            return Err(answer.no_token("the machine has no role"));
        }
        let url = format!("{roles}{}", super::endpoint::escaped(role));
        read(
            &endpoints.ask(Ask::get(&url).with(token, session)).await?,
            now,
        )
    }
}

/// The key in an answer of STS.
fn given_by_sts(answer: &Answer) -> Result<Minted<Arc<AwsCredentials>>, MintError> {
    let text = std::str::from_utf8(&answer.body).unwrap_or_default();
    let member = |name| tag(text, name);
    key(
        member("AccessKeyId"),
        member("SecretAccessKey"),
        member("SessionToken"),
        member("Expiration").and_then(time),
    )
    .ok_or_else(|| answer.no_token("a part of the key is missing"))
}

/// What the endpoints of containers and machines say.
fn read(answer: &Answer, now: SystemTime) -> Result<Minted<Arc<AwsCredentials>>, MintError> {
    let body = answer.object()?;
    let member = |name| body.get(name).and_then(Value::as_str);
    let expires = match member("Expiration") {
        Some(text) => time(text),
        None => Some(now + LOOK_AGAIN),
    };
    key(
        member("AccessKeyId"),
        member("SecretAccessKey"),
        member("Token"),
        expires,
    )
    .ok_or_else(|| answer.no_token("a part of the key is missing"))
}

fn key(
    id: Option<&str>,
    secret: Option<&str>,
    session: Option<&str>,
    expires: Option<SystemTime>,
) -> Option<Minted<Arc<AwsCredentials>>> {
    let session = session.map(Secret::new);
    Some(minted(id?, secret?, session, expires?))
}

fn minted(
    id: &str,
    secret: &str,
    session_token: Option<Secret>,
    expires: SystemTime,
) -> Minted<Arc<AwsCredentials>> {
    Minted {
        value: Arc::new(AwsCredentials {
            access_key: id.to_owned(),
            secret_key: Secret::new(secret),
            session_token,
        }),
        expires,
    }
}

/// Such as `2026-01-02T03:04:05Z`.
fn time(text: &str) -> Option<SystemTime> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(at.into())
}
