//! Google's tokens: for a service account by its key, or for whoever the gateway is.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use agw_ai::dialect::Credential;
use agw_core::cloud::{GcpAuth, GcpIdentity, GcpToken, ServiceAccount};
use http::HeaderName;
use serde_json::{Value, json};

use super::endpoint::{Answer, Ask, TokenEndpoints, escaped};
use super::environment::Environment;
use super::error::MintError;
use super::jwt;
use super::lifetime::Minted;
use super::sources::bearer;

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// What Google takes as the life of an assertion; tokens live as long.
const LIFE: Duration = Duration::from_secs(3600);
const METADATA_HOST: &str = "metadata.google.internal";
const ACCOUNT: &str = "/computeMetadata/v1/instance/service-accounts/default";

/// Mints Google's tokens.
pub(crate) struct Gcp {
    pub(super) auth: GcpAuth,
    pub(super) environment: Arc<Environment>,
}

impl Gcp {
    pub(super) async fn mint(
        &self,
        endpoints: &TokenEndpoints,
        now: SystemTime,
    ) -> Result<Minted<Credential>, MintError> {
        const FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
        match &self.auth.identity {
            GcpIdentity::ServiceAccount(account) => self.exchange(account, endpoints, now).await,
            GcpIdentity::Ambient if self.environment.get(FILE).is_some() => {
                let text = self.environment.file(FILE).await?;
                let account = ServiceAccount::parse(text.expose()).map_err(MintError::Unusable)?;
                self.exchange(&account, endpoints, now).await
            }
            GcpIdentity::Ambient => self.metadata(endpoints, now).await,
        }
    }

    /// A token for what the account's key signs (RFC 7523).
    async fn exchange(
        &self,
        account: &ServiceAccount,
        endpoints: &TokenEndpoints,
        now: SystemTime,
    ) -> Result<Minted<Credential>, MintError> {
        let at = jwt::seconds(now);
        let mut claims = json!({
            "iss": &*account.email,
            "aud": &*account.token_uri,
            "iat": at,
            "exp": at + LIFE.as_secs(),
        });
        match self.audience() {
            None => claims["scope"] = SCOPE.into(),
            Some(audience) => claims["target_audience"] = audience.into(),
        }
        let assertion = jwt::rs256(account.key.expose(), account.key_id.as_deref(), &claims)?;
        let fields = [("grant_type", GRANT), ("assertion", &assertion)];
        let ask = Ask::post(&account.token_uri, &fields);
        self.read(&endpoints.ask(ask).await?, now)
    }

    /// The token of the machine's or the pod's own account.
    async fn metadata(
        &self,
        endpoints: &TokenEndpoints,
        now: SystemTime,
    ) -> Result<Minted<Credential>, MintError> {
        let host = self.environment.get("GCE_METADATA_HOST");
        let host = host.unwrap_or(METADATA_HOST);
        let url = match self.audience() {
            None => format!("http://{host}{ACCOUNT}/token"),
            Some(audience) => {
                let audience = escaped(audience);
                format!("http://{host}{ACCOUNT}/identity?audience={audience}&format=full")
            }
        };
        let flavor = HeaderName::from_static("metadata-flavor");
        let answer = endpoints.ask(Ask::get(&url).with(flavor, "Google")).await?;
        self.read(&answer, now)
    }

    fn audience(&self) -> Option<&str> {
        match &self.auth.token {
            GcpToken::Access => None,
            GcpToken::Id { audience } => Some(audience.as_deref().unwrap_or_default()),
        }
    }

    fn read(&self, answer: &Answer, now: SystemTime) -> Result<Minted<Credential>, MintError> {
        match self.audience() {
            None => access_token(answer, now),
            Some(_) => id_token(answer),
        }
    }
}

/// An answer as OAuth has it (RFC 6749 §5.1). Microsoft writes the number as a text at times.
pub(super) fn access_token(
    answer: &Answer,
    now: SystemTime,
) -> Result<Minted<Credential>, MintError> {
    let body = answer.object()?;
    let token = body.get("access_token").and_then(Value::as_str);
    let token = token.ok_or_else(|| answer.no_token("there is no access_token"))?;
    let seconds = body.get("expires_in").and_then(|said| match said {
        Value::String(text) => text.parse().ok(),
        said => said.as_u64(),
    });
    let value = bearer(token)?;
    // So long does one live whose answer does not say.
    let life = seconds.map_or(LIFE, Duration::from_secs).min(24 * LIFE);
    Ok(Minted {
        value,
        expires: now + life,
    })
}

/// The metadata server says the token alone.
fn id_token(answer: &Answer) -> Result<Minted<Credential>, MintError> {
    let object = answer.object().ok();
    let member = object.as_ref().and_then(|body| body.get("id_token"));
    let plain = || std::str::from_utf8(&answer.body).ok().map(str::trim);
    let token = member.and_then(Value::as_str).or_else(plain);
    let token = token.unwrap_or_default();
    let expires = jwt::expiry(token).ok_or_else(|| answer.no_token("there is no id_token"))?;
    Ok(Minted {
        value: bearer(token)?,
        expires,
    })
}
