//! The certificate that this replica serves with. It is never stored.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::authority::{Authority, BACKDATED, moment};
use crate::error::Error;

const LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A certificate for the controller's names, signed by an authority.
pub(crate) struct ServerCertificate {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    /// The signer's certificate.
    signer: String,
    renew: Timestamp,
}

impl ServerCertificate {
    pub(crate) fn issue(
        signer: &Authority,
        names: &[String],
        now: Timestamp,
    ) -> Result<Self, Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "agentgateway controller");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let end = (now + LIFETIME).min(signer.not_after());
        params.not_before = moment(now - BACKDATED);
        params.not_after = moment(end);
        let certificate = params.signed_by(&key, &signer.issuer()?)?;
        Ok(Self {
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            signer: signer.certificate().to_owned(),
            renew: now + end.duration_since(now) / 2,
        })
    }

    /// Whether it is this authority's and lasts for a while.
    pub(crate) fn serves(&self, signer: &Authority, now: Timestamp) -> bool {
        self.signer == signer.certificate() && now < self.renew
    }

    /// For TLS 1.3, which every proxy of ours speaks.
    pub(crate) fn config(&self) -> Result<ServerConfig, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], self.key.clone_key())?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_renewed_at_half_its_time_or_with_its_signer() {
        let now = Timestamp::now();
        let signer = Authority::create(now).unwrap();
        let names = ["agentgateway.ns.svc".to_owned()];
        let served = ServerCertificate::issue(&signer, &names, now).unwrap();
        assert!(served.config().is_ok());
        assert!(served.serves(&signer, now + LIFETIME / 3));
        assert!(!served.serves(&signer, now + LIFETIME * 2 / 3));
        assert!(!served.serves(&Authority::create(now).unwrap(), now));
    }
}
