//! How requests prove themselves to a backend.

mod ambient;
mod cloud;
mod location;
mod role;

use agw_api::backend_policy::{BackendAuth, SecretKeyRef};
use agw_api::conditions::backend as reasons;
use agw_api::credential::Credential;
use agw_api::names::DEFAULT_SECRET_KEY;
use agw_core::backend::Auth;
use agw_core::id::ObjectKey;
use agw_core::secret::Secret;

use super::policies::{Layer, Purpose};
use super::{Context, Unresolved};
use crate::expression::Rejected;
use crate::finding::Code;
use crate::report::Report;

/// The auth of a backend as it is written, and where.
struct Written<'a> {
    layer: &'a Layer<'a>,
    field: String,
    purpose: Purpose<'a>,
}

impl Written<'_> {
    /// A Secret beside the object.
    fn secret(&self, name: &str) -> ObjectKey {
        ObjectKey::new(self.layer.subject.key.namespace.clone(), name)
    }

    fn inside(&self, name: &str) -> Self {
        Self {
            field: format!("{}.{name}", self.field),
            ..*self
        }
    }

    /// What `secretRef` led to. Where that is nothing the backend is not served.
    fn secret_or(
        &self,
        found: Result<Auth, (Code, Unresolved)>,
        remedy: &str,
        refs: &mut Result<(), Unresolved>,
        report: &mut Report,
    ) -> Auth {
        resolved(found, &self.inside("secretRef"), remedy, refs, report)
    }

    fn reject(&self, message: &str, remedy: &str, report: &mut Report) -> Rejected {
        let (subject, code) = (self.layer.subject, Code::InvalidBackend);
        report.add(subject, code, &self.field, message, remedy);
        Rejected
    }
}

/// One way of proof.
#[derive(Clone, Copy)]
enum Way<'a> {
    SecretRef(&'a SecretKeyRef),
    Key(&'a Credential),
    Passthrough,
    Aws(&'a agw_api::backend_policy::AwsAuth),
    Gcp(&'a agw_api::backend_policy::GcpAuth),
    Azure(&'a agw_api::backend_policy::AzureAuth),
}

/// All that `auth` says, where one is right.
fn ways(auth: &BackendAuth) -> Vec<Way<'_>> {
    let ways = [
        auth.secret_ref.as_ref().map(Way::SecretRef),
        auth.key.as_ref().map(Way::Key),
        auth.passthrough.as_ref().map(|_| Way::Passthrough),
        auth.aws.as_ref().map(Way::Aws),
        auth.gcp.as_ref().map(Way::Gcp),
        auth.azure.as_ref().map(Way::Azure),
    ];
    ways.into_iter().flatten().collect()
}

impl Context<'_> {
    /// Where no auth is written, the provider's usual key is taken if there is one; else the
    /// gateway's own identity, where the provider is one that knows such.
    pub(super) fn default_auth(self, purpose: Purpose<'_>) -> Option<Auth> {
        let Purpose::Ai(asked) = purpose else {
            return None;
        };
        if self.settings.provider_override.is_some() {
            return None;
        }
        let usual = self.settings.usual_key(asked.kind, asked.host).cloned();
        usual.map(Auth::Key).or_else(|| ambient::default(asked))
    }

    /// The proof that `auth` asks for, in the place that it says.
    pub(super) fn auth(
        self,
        auth: &BackendAuth,
        field: &str,
        layer: &Layer<'_>,
        purpose: Purpose<'_>,
        refs: &mut Result<(), Unresolved>,
        report: &mut Report,
    ) -> Result<Auth, Rejected> {
        let proof = self.proof(auth, field, layer, purpose, refs, report)?;
        let Some(location) = &auth.location else {
            return Ok(proof);
        };
        let at = Written {
            layer,
            field: format!("{field}.location"),
            purpose,
        };
        let movable = [
            auth.secret_ref.is_some(),
            auth.key.is_some(),
            auth.passthrough.is_some(),
        ];
        if !movable.contains(&true) {
            return Err(at.reject(
                "`location` is of `secretRef`, `key` and `passthrough`",
                "remove it",
                report,
            ));
        }
        location::placed(proof, location, &at, report)
    }

    fn proof(
        self,
        auth: &BackendAuth,
        field: &str,
        layer: &Layer<'_>,
        purpose: Purpose<'_>,
        refs: &mut Result<(), Unresolved>,
        report: &mut Report,
    ) -> Result<Auth, Rejected> {
        let at = |name: &str| Written {
            layer,
            field: format!("{field}.{name}"),
            purpose,
        };
        match ways(auth)[..] {
            [Way::Passthrough] => Ok(Auth::Passthrough),
            [Way::Aws(aws)] => self.aws(aws, &at("aws"), refs, report),
            [Way::Gcp(gcp)] => self.gcp(gcp, &at("gcp"), refs, report),
            [Way::Azure(azure)] => self.azure_token(azure, &at("azure"), refs, report),
            [Way::Key(key)] => {
                report.add(
                    layer.subject,
                    Code::InlineCredential,
                    &format!("{field}.key"),
                    "a key is written into the manifest",
                    "keep it in a Secret and refer to that with `secretRef`",
                );
                Ok(Auth::Key(bare(key.expose())))
            }
            [Way::SecretRef(reference)] => {
                let at = at("secretRef");
                let key = at.secret(&reference.name);
                let found = self.secret(&key, reference.key.as_deref(), purpose);
                let remedy = "create the Secret with the key's value under `Authorization`";
                Ok(resolved(found, &at, remedy, refs, report))
            }
            _ => {
                report.add(
                    layer.subject,
                    Code::InvalidBackend,
                    field,
                    "auth is exactly one of `secretRef`, `key`, `passthrough`, `aws`, `gcp` and `azure`",
                    "keep one of them",
                );
                Err(Rejected)
            }
        }
    }

    fn secret(
        self,
        key: &ObjectKey,
        wanted: Option<&str>,
        purpose: Purpose<'_>,
    ) -> Result<Auth, (Code, Unresolved)> {
        if !self.state.secrets.contains_key(key) {
            let usual = match purpose {
                Purpose::Ai(asked) => self.settings.usual_key(asked.kind, asked.host),
                Purpose::Plain(_) => None,
            };
            if self.settings.provider_override.is_some() {
                return Ok(Auth::Key(Secret::new("mock")));
            }
            if let Some(usual) = usual {
                return Ok(Auth::Key(bare(usual.expose())));
            }
        }
        let value = self.secret_text(key, wanted)?;
        Ok(Auth::Key(bare(value.expose())))
    }

    /// The text in a Secret under `wanted`, or where such texts are by custom.
    fn secret_text(
        self,
        key: &ObjectKey,
        wanted: Option<&str>,
    ) -> Result<Secret, (Code, Unresolved)> {
        let secret = self.state.secrets.get(key).ok_or_else(|| missing(key))?;
        let name = wanted.unwrap_or(DEFAULT_SECRET_KEY);
        let data = &secret.object.data;
        // A Secret with one key leaves no doubt which is meant.
        let lone = data
            .values()
            .next()
            .filter(|_| wanted.is_none() && data.len() == 1);
        let value = data.get(name).or(lone).and_then(|bytes| bytes.to_secret());
        value
            .filter(|value| !value.expose().trim().is_empty())
            .ok_or_else(|| lacking(key, name))
    }
}

/// What was found; what stands in for what was not never goes out: the backend is not usable.
fn resolved(
    found: Result<Auth, (Code, Unresolved)>,
    at: &Written<'_>,
    remedy: &str,
    refs: &mut Result<(), Unresolved>,
    report: &mut Report,
) -> Auth {
    found.unwrap_or_else(|(code, unresolved)| {
        let message = unresolved.message.clone();
        let field = format!("{}.name", at.field);
        report.add(at.layer.subject, code, &field, message, remedy);
        *refs = Err(unresolved);
        Auth::Passthrough
    })
}

fn missing(key: &ObjectKey) -> (Code, Unresolved) {
    let unresolved = Unresolved {
        reason: reasons::SECRET_NOT_FOUND,
        message: format!("Secret {key} does not exist"),
    };
    (Code::SecretNotFound, unresolved)
}

fn lacking(key: &ObjectKey, name: &str) -> (Code, Unresolved) {
    let unresolved = Unresolved {
        reason: reasons::INVALID_SECRET,
        message: format!("Secret {key} has no key `{name}` with text in it"),
    };
    (Code::SecretKeyNotFound, unresolved)
}

/// A key without the scheme that its header will have.
fn bare(key: &str) -> Secret {
    let key = key.trim();
    let without = key
        .split_at_checked(7)
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer "));
    Secret::new(without.map_or(key, |(_, rest)| rest.trim()))
}
