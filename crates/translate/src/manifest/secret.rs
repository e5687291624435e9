//! Secrets, with values that do not print.

use std::collections::BTreeMap;
use std::fmt;

use agw_api::external::Secret as ApiSecret;
use agw_core::secret::Secret;

/// A Secret: `data` decoded, with `stringData` written over it as the API server does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretObject {
    pub namespace: String,
    pub name: String,
    /// `Opaque` when the manifest says nothing.
    pub type_: String,
    pub labels: BTreeMap<String, String>,
    pub data: BTreeMap<String, SecretBytes>,
}

/// A value of a Secret. Its `Debug` is redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The value as a credential without surrounding white space (files and `echo` end in a line
    /// break); `None` when it is not UTF-8.
    pub fn to_secret(&self) -> Option<Secret> {
        std::str::from_utf8(&self.0)
            .ok()
            .map(|text| Secret::new(text.trim()))
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

impl From<ApiSecret> for SecretObject {
    fn from(secret: ApiSecret) -> Self {
        let decoded = secret
            .data
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| (key, value.0));
        let plain = secret.string_data.unwrap_or_default();
        let plain = plain
            .into_iter()
            .map(|(key, text)| (key, text.into_bytes()));
        Self {
            labels: secret.metadata.labels.unwrap_or_default(),
            namespace: secret.metadata.namespace.unwrap_or_default(),
            name: secret.metadata.name.unwrap_or_default(),
            type_: secret.type_.unwrap_or_else(|| "Opaque".to_owned()),
            data: decoded
                .chain(plain)
                .map(|(key, bytes)| (key, SecretBytes(bytes)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use agw_api::external::ByteString;

    use super::*;

    #[test]
    fn string_data_wins_and_nothing_prints() {
        let value = |text: &str| ByteString(text.as_bytes().to_vec());
        let secret = SecretObject::from(ApiSecret {
            data: Some(
                [
                    ("a".into(), value("canary-1")),
                    ("b".into(), value("canary-2\n")),
                ]
                .into(),
            ),
            string_data: Some([("a".into(), "canary-3".into())].into()),
            ..Default::default()
        });
        assert_eq!(secret.data["a"].expose(), b"canary-3");
        assert_eq!(secret.data["b"].to_secret().unwrap().expose(), "canary-2");
        assert!(!format!("{secret:?}").contains("canary"), "{secret:?}");
    }

    #[test]
    fn binary_values_are_no_credentials() {
        assert_eq!(SecretBytes(vec![0xff, 0xfe]).to_secret(), None);
    }
}
