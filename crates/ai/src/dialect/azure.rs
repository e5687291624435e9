//! OpenAI's models on Azure: its language, under a host of one's own and with another header for
//! the key.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderName;
use http::header::InvalidHeaderValue;

use super::openai::OpenAi;
use super::{Credential, Dialect, Provider, ProviderError, Reading, Started};
use crate::envelope::ErrorBody;
use crate::format::Format;
use crate::operation::Operation;
use crate::sse::Event;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Azure {
    /// Version `v1`: all that OpenAI has, deployments named as models.
    Current,
    /// Versions with a date, where a deployment's path offers what its kind of model can.
    Dated,
}

/// Each resource has a host of its own; this one is nobody's.
const PROVIDER: Provider = Provider {
    name: "azure.ai.openai",
    host: "openai.azure.com",
    port: 443,
    tls: true,
    base_path: "/openai/v1",
    key_variable: "AZURE_OPENAI_API_KEY",
    probe_path: "/v1/models",
};

/// Where a deployment is, for versions of the API that name it in the path.
pub fn deployment(name: &str) -> String {
    format!("/openai/deployments/{}", crate::operation::encode(name))
}

/// Where the models of a project of Foundry are.
pub fn project(name: &str) -> String {
    format!("/api/projects/{}/openai/v1", crate::operation::encode(name))
}

impl Dialect for Azure {
    fn provider(&self) -> &'static Provider {
        &PROVIDER
    }

    fn credential(&self, key: &str) -> Result<Credential, InvalidHeaderValue> {
        let name = HeaderName::from_static("api-key");
        Credential::new(name, super::bare(key).to_owned())
    }

    fn upstream_path<'p>(&self, path: &'p str, prefix: Option<&str>) -> Cow<'p, str> {
        OpenAi::ITSELF.upstream_path(path, Some(prefix.unwrap_or(PROVIDER.base_path)))
    }

    fn formats(&self) -> &'static [Format] {
        match self {
            Self::Current => OpenAi::ITSELF.formats(),
            Self::Dated => &[Format::OpenAiChat],
        }
    }

    fn serves(&self, operation: Operation) -> bool {
        match self {
            _ if operation == Operation::Rerank => false,
            Self::Current => OpenAi::ITSELF.serves(operation),
            Self::Dated => OpenAi::ITSELF.serves(operation) && operation != Operation::Responses,
        }
    }

    fn success_keys(&self, operation: Operation) -> &'static [&'static str] {
        OpenAi::ITSELF.success_keys(operation)
    }

    fn event_limit(&self, operation: Operation) -> usize {
        OpenAi::ITSELF.event_limit(operation)
    }

    fn read_event<'e>(
        &self,
        operation: Operation,
        event: &'e Event,
        started: Started,
    ) -> Reading<'e> {
        OpenAi::ITSELF.read_event(operation, event, started)
    }

    fn read_error(&self, json: &[u8]) -> ProviderError {
        OpenAi::ITSELF.read_error(json)
    }

    fn envelope(&self, error: &ErrorBody<'_>) -> Bytes {
        OpenAi::ITSELF.envelope(error)
    }

    fn cut_event(&self, operation: Operation, error: &ErrorBody<'_>, last: Option<&[u8]>) -> Bytes {
        OpenAi::ITSELF.cut_event(operation, error, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_has_a_header_of_its_own() {
        let credential = Azure::Current.credential("Bearer abc").unwrap();
        assert_eq!(credential.name, "api-key");
        assert_eq!(credential.value, "abc");
    }

    #[test]
    fn a_deployment_stands_in_the_path() {
        let path = "/v1/chat/completions";
        assert_eq!(
            Azure::Current.upstream_path(path, None),
            "/openai/v1/chat/completions"
        );
        assert_eq!(
            Azure::Dated.upstream_path(path, Some(&deployment("gpt 4o"))),
            "/openai/deployments/gpt%204o/chat/completions"
        );
    }
}
