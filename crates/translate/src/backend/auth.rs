//! How requests prove themselves to a backend.

use agw_api::backend_policy::{AwsAuth, BackendAuth};
use agw_api::conditions::backend as reasons;
use agw_api::names::DEFAULT_SECRET_KEY;
use agw_core::backend::{Auth, AwsKey, ProviderKind};
use agw_core::id::ObjectKey;
use agw_core::secret::Secret;

use super::policies::{Layer, Purpose};
use super::{Context, Unresolved};
use crate::expression::Rejected;
use crate::finding::Code;
use crate::report::Report;

impl Context<'_> {
    /// Where no auth is written, the provider's usual key is taken if there is one.
    pub(super) fn default_auth(self, purpose: Purpose<'_>) -> Option<Auth> {
        let Purpose::Ai(kind, _) = purpose else {
            return None;
        };
        if self.settings.provider_override.is_some() {
            return None;
        }
        self.settings.credentials.get(&kind).cloned().map(Auth::Key)
    }

    pub(super) fn auth(
        self,
        auth: &BackendAuth,
        field: &str,
        layer: &Layer<'_>,
        purpose: Purpose<'_>,
        refs: &mut Result<(), Unresolved>,
        report: &mut Report,
    ) -> Result<Auth, Rejected> {
        match (&auth.secret_ref, &auth.key, &auth.passthrough, &auth.aws) {
            (None, None, Some(_), None) => Ok(Auth::Passthrough),
            (None, None, None, Some(aws)) => {
                self.aws(aws, &format!("{field}.aws"), layer, purpose, refs, report)
            }
            (None, Some(key), None, None) => {
                report.add(
                    layer.subject,
                    Code::InlineCredential,
                    &format!("{field}.key"),
                    "a key is written into the manifest",
                    "keep it in a Secret and refer to that with `secretRef`",
                );
                Ok(Auth::Key(bare(key.expose())))
            }
            (Some(reference), None, None, None) => {
                let namespace = layer.subject.key.namespace.clone();
                let key = ObjectKey::new(namespace, reference.name.as_str());
                let wanted = reference.key.as_deref();
                let found = self.secret(&key, wanted, purpose);
                if let Err((code, unresolved)) = &found {
                    let remedy = "create the Secret with the key's value under `Authorization`";
                    let field = format!("{field}.secretRef.name");
                    report.add(
                        layer.subject,
                        *code,
                        &field,
                        unresolved.message.clone(),
                        remedy,
                    );
                    *refs = Err(unresolved.clone());
                }
                // What stands in for the missing key never goes out: the backend is not usable.
                Ok(found.unwrap_or(Auth::Passthrough))
            }
            _ => {
                report.add(
                    layer.subject,
                    Code::InvalidBackend,
                    field,
                    "auth is exactly one of `secretRef`, `key`, `passthrough` and `aws`",
                    "keep one of them",
                );
                Err(Rejected)
            }
        }
    }

    /// A key of AWS: only Bedrock's requests are signed.
    fn aws(
        self,
        aws: &AwsAuth,
        field: &str,
        layer: &Layer<'_>,
        purpose: Purpose<'_>,
        refs: &mut Result<(), Unresolved>,
        report: &mut Report,
    ) -> Result<Auth, Rejected> {
        let Purpose::Ai(ProviderKind::Bedrock, region) = purpose else {
            report.add(
                layer.subject,
                Code::InvalidBackend,
                field,
                "a key of AWS signs requests to `bedrock`, and this is another provider",
                "write `secretRef` with the provider's own key",
            );
            return Err(Rejected);
        };
        let namespace = layer.subject.key.namespace.clone();
        let key = ObjectKey::new(namespace, aws.secret_ref.name.as_str());
        let region = aws.region.as_deref().unwrap_or(region);
        match self.aws_key(&key, region) {
            Ok(key) => Ok(Auth::Aws(Box::new(key))),
            Err((code, unresolved)) => {
                let remedy = "create the Secret with `accessKey` and `secretKey`";
                let field = format!("{field}.secretRef.name");
                let message = unresolved.message.clone();
                report.add(layer.subject, code, &field, message, remedy);
                *refs = Err(unresolved);
                Ok(Auth::Passthrough)
            }
        }
    }

    fn aws_key(self, key: &ObjectKey, region: &str) -> Result<AwsKey, (Code, Unresolved)> {
        let unresolved = |code, reason, message| Err((code, Unresolved { reason, message }));
        let made = |id: Secret, secret, session| AwsKey {
            id,
            secret,
            session,
            region: region.into(),
        };
        let Some(found) = self.state.secrets.get(key) else {
            if self.settings.provider_override.is_some() {
                let mock = || Secret::new("mock");
                return Ok(made(mock(), mock(), None));
            }
            let message = format!("Secret {key} does not exist");
            return unresolved(Code::SecretNotFound, reasons::SECRET_NOT_FOUND, message);
        };
        let value = |name: &str| {
            let value = found.object.data.get(name)?.to_secret()?;
            let trimmed = value.expose().trim();
            (!trimmed.is_empty()).then(|| Secret::new(trimmed))
        };
        match (value("accessKey"), value("secretKey")) {
            (Some(id), Some(secret)) => Ok(made(id, secret, value("sessionToken"))),
            (id, _) => {
                let missing = if id.is_none() {
                    "accessKey"
                } else {
                    "secretKey"
                };
                let message = format!("Secret {key} has no key `{missing}` with text in it");
                unresolved(Code::SecretKeyNotFound, reasons::INVALID_SECRET, message)
            }
        }
    }

    fn secret(
        self,
        key: &ObjectKey,
        wanted: Option<&str>,
        purpose: Purpose<'_>,
    ) -> Result<Auth, (Code, Unresolved)> {
        let unresolved = |reason, message| Unresolved { reason, message };
        let Some(secret) = self.state.secrets.get(key) else {
            let usual = match purpose {
                Purpose::Ai(kind, _) => self.settings.credentials.get(&kind),
                Purpose::Plain => None,
            };
            return match usual {
                _ if self.settings.provider_override.is_some() => {
                    Ok(Auth::Key(Secret::new("mock")))
                }
                Some(usual) => Ok(Auth::Key(bare(usual.expose()))),
                None => {
                    let message = format!("Secret {key} does not exist");
                    Err((
                        Code::SecretNotFound,
                        unresolved(reasons::SECRET_NOT_FOUND, message),
                    ))
                }
            };
        };
        let name = wanted.unwrap_or(DEFAULT_SECRET_KEY);
        let data = &secret.object.data;
        // A Secret with one key leaves no doubt which is meant.
        let lone = data
            .values()
            .next()
            .filter(|_| wanted.is_none() && data.len() == 1);
        let value = data.get(name).or(lone).and_then(|bytes| bytes.to_secret());
        match value.filter(|value| !value.expose().is_empty()) {
            Some(value) => Ok(Auth::Key(bare(value.expose()))),
            None => {
                let message = format!("Secret {key} has no key `{name}` with text in it");
                Err((
                    Code::SecretKeyNotFound,
                    unresolved(reasons::INVALID_SECRET, message),
                ))
            }
        }
    }
}

/// A key without the scheme that its header will have.
fn bare(key: &str) -> Secret {
    let key = key.trim();
    let without = key
        .split_at_checked(7)
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer "));
    Secret::new(without.map_or(key, |(_, rest)| rest.trim()))
}
