//! Microsoft Entra's tokens: for an application by its secret or by the pod's own token, or for an
//! identity of the machine.

use std::sync::Arc;
use std::time::SystemTime;

use agw_ai::dialect::Credential;
use agw_core::cloud::{AzureAuth, ManagedIdentity};
use http::HeaderName;

use super::endpoint::{Ask, TokenEndpoints, escaped};
use super::environment::Environment;
use super::error::MintError;
use super::gcp::access_token;
use super::lifetime::Minted;

const RESOURCE: &str = "https://cognitiveservices.azure.com";
const AUTHORITY: &str = "https://login.microsoftonline.com";
const METADATA: &str = "http://169.254.169.254";
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";

/// Mints Entra's tokens.
pub(crate) struct Azure {
    pub(super) auth: AzureAuth,
    pub(super) environment: Arc<Environment>,
}

impl Azure {
    pub(super) async fn mint(
        &self,
        endpoints: &TokenEndpoints,
        now: SystemTime,
    ) -> Result<Minted<Credential>, MintError> {
        match &self.auth {
            AzureAuth::Client(client) => {
                let proof = [("client_secret", client.secret.expose())];
                let fields = [("client_id", &*client.id)];
                self.application(&client.tenant, &fields, &proof, endpoints, now)
                    .await
            }
            AzureAuth::WorkloadIdentity => self.federated(endpoints, now).await,
            AzureAuth::ManagedIdentity(identity) => {
                self.managed(identity.as_ref(), endpoints, now).await
            }
            // Where a pod has a token of its own, it was given that for this.
            AzureAuth::Ambient if self.environment.get(TOKEN_FILE).is_some() => {
                self.federated(endpoints, now).await
            }
            AzureAuth::Ambient => self.managed(None, endpoints, now).await,
        }
    }

    /// By the token that the cluster gives the pod, whose file is replaced before it ends.
    async fn federated(
        &self,
        endpoints: &TokenEndpoints,
        now: SystemTime,
    ) -> Result<Minted<Credential>, MintError> {
        let tenant = self.environment.need("AZURE_TENANT_ID")?;
        let id = self.environment.need("AZURE_CLIENT_ID")?;
        let token = self.environment.file(TOKEN_FILE).await?;
        let proof = [
            ("client_assertion_type", ASSERTION),
            ("client_assertion", token.expose()),
        ];
        self.application(tenant, &[("client_id", id)], &proof, endpoints, now)
            .await
    }

    async fn application(
        &self,
        tenant: &str,
        who: &[(&str, &str)],
        proof: &[(&str, &str)],
        endpoints: &TokenEndpoints,
        now: SystemTime,
    ) -> Result<Minted<Credential>, MintError> {
        let authority = self.environment.get("AZURE_AUTHORITY_HOST");
        let authority = authority.unwrap_or(AUTHORITY).trim_end_matches('/');
        let url = format!("{authority}/{}/oauth2/v2.0/token", escaped(tenant));
        let scope = format!("{RESOURCE}/.default");
        let fields = [
            ("grant_type", "client_credentials"),
            ("scope", scope.as_str()),
        ];
        let fields = [&fields, who, proof].concat();
        let answer = endpoints.ask(Ask::post(&url, &fields)).await?;
        access_token(&answer, now)
    }

    async fn managed(
        &self,
        identity: Option<&ManagedIdentity>,
        endpoints: &TokenEndpoints,
        now: SystemTime,
    ) -> Result<Minted<Credential>, MintError> {
        let host = self.environment.get("AZURE_POD_IDENTITY_AUTHORITY_HOST");
        let host = host.unwrap_or(METADATA).trim_end_matches('/');
        let resource = escaped(RESOURCE);
        let which = match identity {
            None => String::new(),
            Some(ManagedIdentity::Client(id)) => format!("&client_id={}", escaped(id)),
            Some(ManagedIdentity::Object(id)) => format!("&object_id={}", escaped(id)),
            Some(ManagedIdentity::Resource(id)) => format!("&msi_res_id={}", escaped(id)),
        };
        let url = format!(
            "{host}/metadata/identity/oauth2/token?api-version=2018-02-01&resource={resource}{which}"
        );
        let ask = Ask::get(&url).with(HeaderName::from_static("metadata"), "true");
        access_token(&endpoints.ask(ask).await?, now)
    }
}
