//! Identities of the clouds, for which short-lived tokens are fetched.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// A role of AWS that the gateway's own assumes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct AwsRole {
    pub arn: Arc<str>,
    /// Where signatures are good, and whose STS is asked.
    pub region: Arc<str>,
    /// As AWS's logs show its sessions.
    pub session: Arc<str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<(Arc<str>, Arc<str>)>,
}

/// Who asks Google for tokens, and for which.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct GcpAuth {
    pub identity: GcpIdentity,
    pub token: GcpToken,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub enum GcpIdentity {
    /// Whoever the gateway is where it runs.
    Ambient,
    ServiceAccount(Box<ServiceAccount>),
}

/// A service account of Google's, as its key file says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ServiceAccount {
    pub email: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<Arc<str>>,
    /// In PEM.
    pub key: Secret,
    /// Where tokens are asked for.
    pub token_uri: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub enum GcpToken {
    Access,
    /// One that says who asks; for the backend's own host where no audience is named.
    Id {
        #[serde(skip_serializing_if = "Option::is_none")]
        audience: Option<Arc<str>>,
    },
}

/// Who asks Microsoft's Entra for tokens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub enum AzureAuth {
    /// Whoever the gateway is where it runs.
    Ambient,
    Client(Box<AzureClient>),
    /// By the token of the pod's service account.
    WorkloadIdentity,
    /// `None` is the one identity that the machine has.
    ManagedIdentity(Option<ManagedIdentity>),
}

/// An application of Entra's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct AzureClient {
    pub tenant: Arc<str>,
    pub id: Arc<str>,
    pub secret: Secret,
}

/// One of several identities that a machine has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub enum ManagedIdentity {
    Client(Arc<str>),
    Object(Arc<str>),
    Resource(Arc<str>),
}

impl ServiceAccount {
    /// Reads a key file. An error says what is wrong and quotes nothing.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let file: KeyFile =
            serde_json::from_str(text).map_err(|_| "it is no key file of Google's")?;
        if file.kind != "service_account" {
            return Err("its `type` is not `service_account`");
        }
        let given = |member: Option<String>| member.filter(|text| !text.trim().is_empty());
        Ok(Self {
            email: given(file.client_email)
                .ok_or("it has no `client_email`")?
                .into(),
            key_id: given(file.private_key_id).map(Into::into),
            key: Secret::new(given(file.private_key).ok_or("it has no `private_key`")?),
            token_uri: given(file.token_uri).map_or(TOKEN_URI.into(), Into::into),
        })
    }
}

/// Where tokens are asked for when a key file does not say.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// A key file, as far as it is read.
#[derive(Deserialize)]
struct KeyFile {
    #[serde(rename = "type")]
    kind: String,
    client_email: Option<String>,
    private_key_id: Option<String>,
    private_key: Option<String>,
    token_uri: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_read_and_its_key_never_prints() {
        let text = r#"{"type":"service_account","client_email":"a@b","private_key":"canary"}"#;
        let account = ServiceAccount::parse(text).unwrap();
        assert_eq!((&*account.email, &*account.token_uri), ("a@b", TOKEN_URI));
        assert_eq!(account.key.expose(), "canary");
        let shown = format!("{account:?} {}", serde_json::to_string(&account).unwrap());
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn what_is_no_key_file_is_told_without_being_quoted() {
        let table = [
            ("canary", "it is no key file of Google's"),
            (
                r#"{"type":"authorized_user"}"#,
                "its `type` is not `service_account`",
            ),
            (
                r#"{"type":"service_account","private_key":"canary"}"#,
                "it has no `client_email`",
            ),
            (
                r#"{"type":"service_account","client_email":"a"}"#,
                "it has no `private_key`",
            ),
        ];
        for (text, why) in table {
            assert_eq!(ServiceAccount::parse(text), Err(why), "{text}");
        }
    }
}
