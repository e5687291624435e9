//! One certificate that may sign others, with its key.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use time::OffsetDateTime;
use x509_parser::parse_x509_certificate;

/// How long an authority lasts.
pub(crate) const LIFETIME: SignedDuration = SignedDuration::from_hours(365 * 24);
/// Clocks of others may be this much behind.
pub(crate) const BACKDATED: SignedDuration = SignedDuration::from_mins(10);

/// A certificate authority. Its `Debug` hides the key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    certificate: String,
    key: String,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Authority {
    pub(crate) fn create(now: Timestamp) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        // Two authorities have two names: verifiers look for issuers by name.
        let name = format!("agentgateway {}", now.strftime("%Y-%m-%dT%H:%M:%SZ"));
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = moment(now - BACKDATED);
        params.not_after = moment(now + LIFETIME);
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            not_before: whole(now - BACKDATED),
            not_after: whole(now + LIFETIME),
        })
    }

    /// Reads a certificate and its key; the error says what is wrong, without quoting either.
    pub(crate) fn read(certificate: &str, key: &str) -> Result<Self, String> {
        let der = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|_| "the certificate is not PEM".to_owned())?;
        let (_, parsed) =
            parse_x509_certificate(&der).map_err(|_| "the certificate is broken".to_owned())?;
        let pair = KeyPair::from_pem(key).map_err(|_| "the key is broken".to_owned())?;
        if parsed.public_key().raw != pair.subject_public_key_info() {
            return Err("the key is another certificate's".to_owned());
        }
        if !parsed.is_ca() {
            return Err("the certificate is not a CA's".to_owned());
        }
        let time = |seconds: i64| {
            Timestamp::from_second(seconds).map_err(|_| "the certificate has no end".to_owned())
        };
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            not_before: time(parsed.validity().not_before.timestamp())?,
            not_after: time(parsed.validity().not_after.timestamp())?,
        })
    }

    pub(crate) fn issuer(&self) -> Result<Issuer<'_, KeyPair>, rcgen::Error> {
        Issuer::from_ca_cert_pem(&self.certificate, KeyPair::from_pem(&self.key)?)
    }

    /// In PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// In PEM.
    pub(crate) fn expose_key(&self) -> &str {
        &self.key
    }

    pub(crate) fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Whether more than two thirds of its time have passed.
    pub(crate) fn is_old(&self, now: Timestamp) -> bool {
        let lifetime = self.not_after.duration_since(self.not_before);
        now >= self.not_before + lifetime * 2 / 3
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// A time as certificates have it, in whole seconds.
pub(crate) fn moment(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.as_second()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// When a certificate in PEM ends; `None` when it cannot be read.
pub(crate) fn end_of(certificate: &[u8]) -> Option<Timestamp> {
    let (_, parsed) = parse_x509_certificate(certificate).ok()?;
    Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_created_reads_back() {
        let now = Timestamp::now();
        let authority = Authority::create(now).unwrap();
        let read = Authority::read(authority.certificate(), authority.expose_key()).unwrap();
        assert_eq!(read, authority);
        assert!(!authority.is_old(now));
        assert!(authority.is_old(now + LIFETIME * 3 / 4));
        let printed = format!("{authority:?}");
        assert!(!printed.contains("PRIVATE"), "{printed}");
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let now = Timestamp::now();
        let (a, b) = (
            Authority::create(now).unwrap(),
            Authority::create(now).unwrap(),
        );
        let error = Authority::read(a.certificate(), b.expose_key()).unwrap_err();
        assert_eq!(error, "the key is another certificate's");
        assert!(Authority::read("", a.expose_key()).is_err());
        assert!(Authority::read(a.certificate(), "").is_err());
    }
}
