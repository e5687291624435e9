//! The authorities of now, of next and of before, and the step that is due.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ObjectMeta;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use agw_api::names::{APP_NAME, APP_NAME_LABEL, MANAGED_BY_LABEL};

use super::authority::{Authority, end_of};

/// The next certificate is trusted this long before it signs: controllers read the Secret, write
/// ConfigMaps, and kubelets bring them to pods, in a few minutes.
const OVERLAP: SignedDuration = SignedDuration::from_hours(1);
/// Certificates that are trusted at the same time, at most.
const TRUSTED: usize = 4;

const CURRENT: (&str, &str) = ("tls.crt", "tls.key");
const NEXT: (&str, &str) = ("next.crt", "next.key");
/// Every certificate to trust.
pub(crate) const BUNDLE: &str = "ca.crt";
const TYPE: &str = "kubernetes.io/tls";
/// When the next certificate was first trusted.
const NEXT_SINCE: &str = "agentgateway.dev/next-since";

/// The authorities that the Secret holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keyring {
    current: Authority,
    next: Option<Next>,
    /// Certificates, in PEM, that sign no more and are trusted until they end.
    before: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Next {
    authority: Authority,
    since: Timestamp,
}

/// What is to be done with a keyring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Keep,
    /// The next authority is made and trusted.
    Stage,
    /// It signs from now on.
    Promote,
}

impl Keyring {
    pub(crate) fn create(now: Timestamp) -> Result<Self, rcgen::Error> {
        Ok(Self {
            current: Authority::create(now)?,
            next: None,
            before: Vec::new(),
        })
    }

    /// The authority that signs.
    pub(crate) fn current(&self) -> &Authority {
        &self.current
    }

    pub(crate) fn step(&self, now: Timestamp) -> Step {
        match &self.next {
            Some(next) if now >= next.since + OVERLAP => Step::Promote,
            Some(_) => Step::Keep,
            None if self.current.is_old(now) => Step::Stage,
            None => Step::Keep,
        }
    }

    pub(crate) fn take(&self, step: Step, now: Timestamp) -> Result<Self, rcgen::Error> {
        let mut keyring = self.clone();
        match (step, keyring.next.take()) {
            (Step::Promote, Some(next)) => {
                let old = std::mem::replace(&mut keyring.current, next.authority);
                keyring.before.insert(0, old.certificate().to_owned());
            }
            (Step::Stage, None) => {
                keyring.next = Some(Next {
                    authority: Authority::create(now)?,
                    since: now,
                });
            }
            (_, next) => keyring.next = next,
        }
        keyring.before.retain(|pem| is_valid(pem, now));
        keyring.before.truncate(TRUSTED - 2);
        Ok(keyring)
    }

    /// Every certificate to trust, in PEM.
    pub(crate) fn bundle(&self) -> String {
        let next = self.next.as_ref().map(|next| next.authority.certificate());
        let all = std::iter::once(self.current.certificate()).chain(next);
        all.chain(self.before.iter().map(String::as_str)).collect()
    }

    /// The keyring of a Secret, or what is wrong with it, without its values.
    pub(crate) fn from_secret(secret: &Secret) -> Result<Self, String> {
        let text = |key: &str| {
            let bytes = secret.data.as_ref().and_then(|data| data.get(key));
            bytes.and_then(|bytes| std::str::from_utf8(&bytes.0).ok())
        };
        let read = |(certificate, key): (&str, &str)| {
            let pair = text(certificate).zip(text(key));
            pair.map(|(c, k)| Authority::read(c, k).map_err(|why| format!("{certificate}: {why}")))
        };
        let current = read(CURRENT).ok_or("tls.crt or tls.key is missing")??;
        let annotations = secret.metadata.annotations.as_ref();
        let since = annotations.and_then(|all| all.get(NEXT_SINCE)?.parse().ok());
        let next = match (read(NEXT).transpose()?, since) {
            (Some(authority), Some(since)) => Some(Next { authority, since }),
            _ => None,
        };
        let own: Vec<&str> = std::iter::once(&current)
            .chain(next.as_ref().map(|next| &next.authority))
            .map(Authority::certificate)
            .collect();
        let bundle = text(BUNDLE).unwrap_or_default();
        let before = split(bundle)
            .into_iter()
            .filter(|pem| !own.contains(&pem.as_str()));
        let before = before.take(TRUSTED).collect();
        Ok(Self {
            before,
            current,
            next,
        })
    }

    /// The Secret that holds the keyring, in place of the one with that metadata.
    pub(crate) fn to_secret(&self, name: &str, metadata: Option<ObjectMeta>) -> Secret {
        let mut metadata = metadata.unwrap_or_else(|| ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(BTreeMap::from([
                (APP_NAME_LABEL.to_owned(), APP_NAME.to_owned()),
                (MANAGED_BY_LABEL.to_owned(), APP_NAME.to_owned()),
            ])),
            ..ObjectMeta::default()
        });
        metadata.managed_fields = None;
        let annotations = metadata.annotations.get_or_insert_default();
        annotations.remove(NEXT_SINCE);
        let mut data = vec![
            (BUNDLE, self.bundle()),
            (CURRENT.0, self.current.certificate().to_owned()),
            (CURRENT.1, self.current.expose_key().to_owned()),
        ];
        if let Some(Next { authority, since }) = &self.next {
            annotations.insert(NEXT_SINCE.to_owned(), since.to_string());
            data.push((NEXT.0, authority.certificate().to_owned()));
            data.push((NEXT.1, authority.expose_key().to_owned()));
        }
        let bytes = |(key, text): (&str, String)| (key.to_owned(), ByteString(text.into_bytes()));
        Secret {
            metadata,
            data: Some(data.into_iter().map(bytes).collect()),
            type_: Some(TYPE.to_owned()),
            ..Secret::default()
        }
    }
}

fn is_valid(pem: &str, now: Timestamp) -> bool {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok();
    der.and_then(|der| end_of(&der))
        .is_some_and(|end| now < end)
}

/// The certificates of a bundle, each as it is written.
fn split(bundle: &str) -> Vec<String> {
    const END: &str = "-----END CERTIFICATE-----";
    let parts = bundle
        .split_inclusive(END)
        .filter(|part| part.contains(END));
    parts
        .map(|part| format!("{}\n", part.trim_start()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::authority::LIFETIME;
    use super::*;

    fn stored(keyring: &Keyring) -> Keyring {
        let secret = keyring.to_secret("ca", None);
        Keyring::from_secret(&secret).unwrap()
    }

    #[test]
    fn a_keyring_goes_through_a_secret_unchanged_and_unprinted() {
        let now = Timestamp::now();
        let first = Keyring::create(now).unwrap();
        assert_eq!(stored(&first), first);
        let staged = first.take(Step::Stage, now).unwrap();
        assert_eq!(stored(&staged), staged);
        let promoted = staged.take(Step::Promote, now).unwrap();
        assert_eq!(stored(&promoted), promoted);
        assert!(!format!("{promoted:?}").contains("PRIVATE"));
    }

    #[test]
    fn the_next_is_trusted_before_it_signs_and_the_last_until_it_ends() {
        let start = Timestamp::now();
        let first = Keyring::create(start).unwrap();
        assert_eq!(first.step(start), Step::Keep);
        let late = start + LIFETIME * 3 / 4;
        assert_eq!(first.step(late), Step::Stage);

        let staged = first.take(Step::Stage, late).unwrap();
        assert_eq!(staged.current(), first.current());
        assert_eq!(split(&staged.bundle()).len(), 2);
        assert_eq!(staged.step(late + OVERLAP / 2), Step::Keep);
        assert_eq!(staged.step(late + OVERLAP), Step::Promote);

        let promoted = staged.take(Step::Promote, late + OVERLAP).unwrap();
        assert_ne!(promoted.current(), first.current());
        assert!(promoted.bundle().contains(first.current().certificate()));
        assert!(promoted.bundle().contains(promoted.current().certificate()));
        assert_eq!(promoted.step(late + OVERLAP), Step::Keep);

        // A year later the first has ended, and is dropped with the next step.
        let later = late + LIFETIME * 3 / 4;
        assert_eq!(promoted.step(later), Step::Stage);
        let again = promoted.take(Step::Stage, later).unwrap();
        assert!(!again.bundle().contains(first.current().certificate()));
        assert_eq!(split(&again.bundle()).len(), 2);
    }

    #[test]
    fn a_broken_secret_says_what_is_missing() {
        let mut secret = Keyring::create(Timestamp::now())
            .unwrap()
            .to_secret("ca", None);
        let data = secret.data.as_mut().unwrap();
        data.insert("tls.key".to_owned(), ByteString(b"canary".to_vec()));
        let reason = Keyring::from_secret(&secret).unwrap_err();
        assert_eq!(reason, "tls.crt: the key is broken");
        secret.data = None;
        let reason = Keyring::from_secret(&secret).unwrap_err();
        assert_eq!(reason, "tls.crt or tls.key is missing");
    }
}
