//! Certificates of authorities, from ConfigMaps.

use std::sync::Arc;

use agw_core::id::ObjectKey;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::reference::{From, permitted};
use crate::state::ClusterState;

/// Key of the bundle in its ConfigMap.
const BUNDLE: &str = "ca.crt";

/// A reference to a bundle, from anywhere.
pub(crate) struct BundleRef<'a> {
    pub(crate) group: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) namespace: Option<&'a str>,
    pub(crate) name: &'a str,
}

/// Why a reference gives no authority.
pub(crate) struct Unusable {
    pub(crate) why: Why,
    pub(crate) message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Bundles are in ConfigMaps.
    Kind,
    NotPermitted,
    /// It does not exist, or holds no certificate.
    Content,
}

/// The certificates of a bundle, in DER.
pub(crate) fn read(
    state: &ClusterState,
    from: From<'_>,
    reference: &BundleRef<'_>,
) -> Result<Vec<Arc<[u8]>>, Unusable> {
    let unusable = |why, message| Err(Unusable { why, message });
    if (reference.group, reference.kind) != ("", "ConfigMap") {
        let kind = format!("{}/{}", reference.group, reference.kind);
        let message = format!("certificates of authorities cannot be in a `{kind}`");
        return unusable(Why::Kind, message);
    }
    let namespace = reference.namespace.unwrap_or(from.namespace);
    let key = ObjectKey::new(namespace, reference.name);
    if !permitted(state, from, "", "ConfigMap", &key) {
        let message = format!(
            "no ReferenceGrant in namespace {namespace} allows the reference to ConfigMap {key}"
        );
        return unusable(Why::NotPermitted, message);
    }
    let Some(found) = state.config_maps.get(&key) else {
        return unusable(Why::Content, format!("ConfigMap {key} does not exist"));
    };
    let text = found.object.data.as_ref().and_then(|data| data.get(BUNDLE));
    let certificates = text.map(|text| certificates(text.as_bytes()));
    match certificates {
        None => unusable(
            Why::Content,
            format!("ConfigMap {key} has no key `{BUNDLE}`"),
        ),
        Some(Ok(certificates)) => Ok(certificates),
        Some(Err(problem)) => unusable(
            Why::Content,
            format!("`{BUNDLE}` of ConfigMap {key} {problem}"),
        ),
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Arc<[u8]>>, String> {
    let mut store = RootCertStore::empty();
    let mut all = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("is not valid PEM: {error}"))?;
        let der = Arc::from(certificate.as_ref());
        store
            .add(certificate)
            .map_err(|error| format!("holds a certificate that cannot be used: {error}"))?;
        all.push(der);
    }
    if all.is_empty() {
        return Err("holds no certificate".to_owned());
    }
    Ok(all)
}
