//! What the process was given to prove itself with: variables by the names that the clouds' own
//! tools know.

use std::collections::BTreeMap;

use agw_core::secret::Secret;

use super::error::MintError;

/// Variables that are read; no other is.
const NAMES: [&str; 19] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ENDPOINT_URL_STS",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "AZURE_TENANT_ID",
    "GCE_METADATA_HOST",
    "GOOGLE_APPLICATION_CREDENTIALS",
];

/// A file that is larger holds no token.
const FILE_LIMIT: u64 = 64 << 10;

/// See the module. Values never print.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<&'static str, Secret>);

impl Environment {
    /// What `lookup` knows; empty values count as none.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let set = NAMES.into_iter().filter_map(|name| {
            let value = lookup(name)?;
            let value = value.trim();
            (!value.is_empty()).then(|| (name, Secret::new(value)))
        });
        Self(set.collect())
    }

    pub(super) fn get(&self, name: &'static str) -> Option<&str> {
        self.0.get(name).map(Secret::expose)
    }

    pub(super) fn need(&self, name: &'static str) -> Result<&str, MintError> {
        self.get(name).ok_or(MintError::Unset(name))
    }

    /// The text of the file that a variable names. Read anew each time: what is in it is replaced
    /// before it expires.
    pub(super) async fn file(&self, name: &'static str) -> Result<Secret, MintError> {
        let path = self.need(name)?;
        let failed = |cause| MintError::File { name, cause };
        let length = tokio::fs::metadata(path).await.map_err(failed)?.len();
        if length > FILE_LIMIT {
            return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
        }
        let text = tokio::fs::read_to_string(path).await.map_err(failed)?;
        Ok(Secret::new(text.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_variables_are_read_and_none_prints() {
        let environment = Environment::read(|name| match name {
            "AWS_SECRET_ACCESS_KEY" => Some(" canary ".to_owned()),
            "AWS_ROLE_ARN" => Some(String::new()),
            "OTHER" => Some("other".to_owned()),
            _ => None,
        });
        assert_eq!(environment.get("AWS_SECRET_ACCESS_KEY"), Some("canary"));
        assert_eq!(environment.get("AWS_ROLE_ARN"), None);
        assert!(!format!("{environment:?}").contains("canary"));
        let missing = environment.need("AWS_ROLE_ARN").unwrap_err().to_string();
        assert_eq!(missing, "AWS_ROLE_ARN is not set where the gateway runs");
    }

    #[tokio::test]
    async fn a_file_is_read_anew_each_time() {
        let path = std::env::temp_dir().join(format!("agw-token-{}", std::process::id()));
        std::fs::write(&path, "one\n").unwrap();
        let named = path.display().to_string();
        let name = "AZURE_FEDERATED_TOKEN_FILE";
        let environment = Environment::read(|asked| (asked == name).then(|| named.clone()));
        assert_eq!(environment.file(name).await.unwrap().expose(), "one");
        std::fs::write(&path, "two").unwrap();
        assert_eq!(environment.file(name).await.unwrap().expose(), "two");
        std::fs::remove_file(&path).unwrap();
        let error = environment.file(name).await.unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}
