//! Keys and tokens of the clouds.

use agw_api::backend_policy::{AwsAuth, AzureAuth, AzureManagedIdentity, GcpAuth, GcpTokenType};
use agw_api::conditions::backend as reasons;
use agw_core::backend::{Auth, AwsKey, ProviderKind};
use agw_core::cloud::{self, AzureClient, GcpIdentity, GcpToken, ManagedIdentity, ServiceAccount};
use agw_core::id::ObjectKey;
use agw_core::secret::Secret;

use super::ambient::Cloud;
use super::{Context, Unresolved, Written, lacking, missing};
use crate::backend::policies::Purpose;
use crate::expression::Rejected;
use crate::finding::Code;
use crate::report::Report;

impl Context<'_> {
    /// A key of AWS: only Bedrock's requests are signed.
    pub(super) fn aws(
        self,
        aws: &AwsAuth,
        at: &Written<'_>,
        refs: &mut Result<(), Unresolved>,
        report: &mut Report,
    ) -> Result<Auth, Rejected> {
        let region = match at.purpose {
            Purpose::Ai(asked) if asked.kind == ProviderKind::Bedrock => asked.region,
            _ => {
                return Err(at.reject(
                    "a key of AWS signs requests to `bedrock`, and this is another provider",
                    "write `secretRef` with the provider's own key",
                    report,
                ));
            }
        };
        let region = aws.region.as_deref().unwrap_or(region);
        // It becomes a part of the name of the host that is asked for keys.
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !region.bytes().all(plain) {
            return Err(at.inside("region").reject(
                "it is no name of a region",
                "write one such as `us-east-1`, of small letters, digits and `-`",
                report,
            ));
        }
        let reference = match (&aws.secret_ref, &aws.assume_role) {
            (Some(_), Some(_)) => {
                return Err(at.reject(
                    "`secretRef` and `assumeRole` exclude each other",
                    "keep one of them",
                    report,
                ));
            }
            (None, Some(role)) => {
                let role = super::role::role(role, region, at, report)?;
                return Ok(match self.mocked() {
                    None => role,
                    Some(mock) => signer(mock.clone(), mock, None, region),
                });
            }
            (reference, None) => reference,
        };
        let Some(reference) = reference else {
            return Ok(match self.mocked() {
                None => Auth::AwsAmbient(region.into()),
                Some(mock) => signer(mock.clone(), mock, None, region),
            });
        };
        let found = self.aws_key(&at.secret(&reference.name), region);
        let remedy = "create the Secret with `accessKey` and `secretKey`";
        Ok(at.secret_or(found, remedy, refs, report))
    }

    /// A token of Google's.
    pub(super) fn gcp(
        self,
        gcp: &GcpAuth,
        at: &Written<'_>,
        refs: &mut Result<(), Unresolved>,
        report: &mut Report,
    ) -> Result<Auth, Rejected> {
        let token = match (gcp.kind.unwrap_or(GcpTokenType::AccessToken), &gcp.audience) {
            (GcpTokenType::AccessToken, None) => GcpToken::Access,
            (GcpTokenType::IdToken, audience) => GcpToken::Id {
                audience: audience.as_deref().map(Into::into),
            },
            (GcpTokenType::AccessToken, Some(_)) => {
                return Err(at.inside("audience").reject(
                    "`audience` is of ID tokens",
                    "write `type: IdToken`, or remove it",
                    report,
                ));
            }
        };
        let Some(reference) = &gcp.secret_ref else {
            let own = format!("https://{}", at.purpose.host());
            let for_it = |audience: &str| {
                let rest = audience.strip_prefix(&own);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            // An ID token is good at the one host that it names.
            let bound = match &token {
                GcpToken::Access => false,
                GcpToken::Id { audience } => audience.as_deref().is_none_or(for_it),
            };
            if !bound {
                Cloud::Google.check(at, report)?;
            }
            return Ok(self.token(Auth::Gcp(Box::new(cloud::GcpAuth {
                identity: GcpIdentity::Ambient,
                token,
            }))));
        };
        let key = at.secret(&reference.name);
        let found = match self.secret_text(&key, reference.key.as_deref()) {
            Ok(text) => match ServiceAccount::parse(text.expose()) {
                Ok(account) => Ok(self.token(Auth::Gcp(Box::new(cloud::GcpAuth {
                    identity: GcpIdentity::ServiceAccount(Box::new(account)),
                    token,
                })))),
                Err(why) => Err(invalid(format!(
                    "Secret {key} holds no service account's key: {why}"
                ))),
            },
            Err((Code::SecretNotFound, _)) if self.mocked().is_some() => {
                Ok(self.token(Auth::Passthrough))
            }
            Err(error) => Err(error),
        };
        let remedy = "create the Secret with the service account's key file";
        Ok(at.secret_or(found, remedy, refs, report))
    }

    /// A token of Microsoft Entra's.
    pub(super) fn azure_token(
        self,
        azure: &AzureAuth,
        at: &Written<'_>,
        refs: &mut Result<(), Unresolved>,
        report: &mut Report,
    ) -> Result<Auth, Rejected> {
        let ambient = match (
            &azure.secret_ref,
            &azure.managed_identity,
            &azure.workload_identity,
        ) {
            (Some(reference), None, None) => {
                let found = self.azure_client(&at.secret(&reference.name));
                let remedy = "create the Secret with `clientId`, `tenantId` and `clientSecret`";
                return Ok(at.secret_or(found, remedy, refs, report));
            }
            (None, None, None) => cloud::AzureAuth::Ambient,
            (None, None, Some(_)) => cloud::AzureAuth::WorkloadIdentity,
            (None, Some(identity), None) => {
                cloud::AzureAuth::ManagedIdentity(managed(identity, at, report)?)
            }
            _ => {
                return Err(at.reject(
                    "`secretRef`, `managedIdentity` and `workloadIdentity` exclude each other",
                    "keep one of them",
                    report,
                ));
            }
        };
        Cloud::Azure.check(at, report)?;
        Ok(self.token(Auth::Azure(Box::new(ambient))))
    }

    fn aws_key(self, key: &ObjectKey, region: &str) -> Result<Auth, (Code, Unresolved)> {
        let Some(value) = self.members(key) else {
            return match self.mocked() {
                Some(mock) => Ok(signer(mock.clone(), mock, None, region)),
                None => Err(missing(key)),
            };
        };
        match (value("accessKey"), value("secretKey")) {
            (Some(id), Some(secret)) => Ok(signer(id, secret, value("sessionToken"), region)),
            (None, _) => Err(lacking(key, "accessKey")),
            (Some(_), None) => Err(lacking(key, "secretKey")),
        }
    }

    fn azure_client(self, key: &ObjectKey) -> Result<Auth, (Code, Unresolved)> {
        let Some(value) = self.members(key) else {
            return match self.mocked() {
                Some(_) => Ok(self.token(Auth::Passthrough)),
                None => Err(missing(key)),
            };
        };
        let need = |name| value(name).ok_or_else(|| lacking(key, name));
        let client = AzureClient {
            tenant: need("tenantId")?.expose().into(),
            id: need("clientId")?.expose().into(),
            secret: need("clientSecret")?,
        };
        let auth = cloud::AzureAuth::Client(Box::new(client));
        Ok(self.token(Auth::Azure(Box::new(auth))))
    }

    /// The texts of a Secret by their names, in any letter case.
    fn members(self, key: &ObjectKey) -> Option<impl Fn(&str) -> Option<Secret>> {
        let found = self.state.secrets.get(key)?;
        Some(move |name: &str| {
            let mut data = found.object.data.iter();
            let (_, value) = data.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
            let value = value.to_secret()?;
            let trimmed = value.expose().trim();
            (!trimmed.is_empty()).then(|| Secret::new(trimmed))
        })
    }

    /// What a mock is shown; `None` where requests go to the providers themselves.
    fn mocked(self) -> Option<Secret> {
        let mock = self.settings.provider_override.as_ref();
        mock.map(|_| Secret::new("mock"))
    }

    /// `auth`, unless requests go to a mock: for that no token is fetched.
    fn token(self, auth: Auth) -> Auth {
        self.mocked().map_or(auth, Auth::Key)
    }
}

fn signer(id: Secret, secret: Secret, session: Option<Secret>, region: &str) -> Auth {
    Auth::Aws(Box::new(AwsKey {
        id,
        secret,
        session,
        region: region.into(),
    }))
}

fn managed(
    identity: &AzureManagedIdentity,
    at: &Written<'_>,
    report: &mut Report,
) -> Result<Option<ManagedIdentity>, Rejected> {
    let AzureManagedIdentity {
        client_id,
        object_id,
        resource_id,
    } = identity;
    let text = |id: &String| id.as_str().into();
    match (client_id, object_id, resource_id) {
        (None, None, None) => Ok(None),
        (Some(id), None, None) => Ok(Some(ManagedIdentity::Client(text(id)))),
        (None, Some(id), None) => Ok(Some(ManagedIdentity::Object(text(id)))),
        (None, None, Some(id)) => Ok(Some(ManagedIdentity::Resource(text(id)))),
        _ => Err(at.inside("managedIdentity").reject(
            "`clientId`, `objectId` and `resourceId` exclude each other",
            "keep one of them",
            report,
        )),
    }
}

fn invalid(message: String) -> (Code, Unresolved) {
    let unresolved = Unresolved {
        reason: reasons::INVALID_SECRET,
        message,
    };
    (Code::SecretKeyNotFound, unresolved)
}
