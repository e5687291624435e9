//! OpenAI, and whoever speaks its language.

mod chat;
pub(crate) mod error;
pub(crate) mod responses;

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{AUTHORIZATION, InvalidHeaderValue};

use super::{Class, Credential, Dialect, Provider, ProviderError, Reading, Started};
use crate::envelope::ErrorBody;
use crate::format::Format;
use crate::operation::Operation;
use crate::sse::{EVENT_LIMIT, Event};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct OpenAi(&'static Provider);

const PROVIDER: Provider = Provider {
    name: "openai",
    host: "api.openai.com",
    port: 443,
    tls: true,
    base_path: "/v1",
    key_variable: "OPENAI_API_KEY",
    probe_path: "/v1/models",
};

/// A server that says which APIs it has. Each has a host of its own; this one is nobody's.
const CUSTOM: Provider = Provider {
    name: "custom",
    host: "localhost",
    key_variable: "",
    ..PROVIDER
};

impl OpenAi {
    /// OpenAI itself.
    pub const ITSELF: Self = Self(&PROVIDER);
    /// Whoever says which APIs it has; requests go by [`offered`](crate::translate::offered).
    pub const CUSTOM: Self = Self(&CUSTOM);
}

impl Dialect for OpenAi {
    fn provider(&self) -> &'static Provider {
        self.0
    }

    fn credential(&self, key: &str) -> Result<Credential, InvalidHeaderValue> {
        Credential::new(AUTHORIZATION, format!("Bearer {}", super::bare(key)))
    }

    fn upstream_path<'p>(&self, path: &'p str, prefix: Option<&str>) -> Cow<'p, str> {
        match (path, prefix) {
            // Cohere's own API is not where its form of OpenAI's is.
            ("/v1/rerank" | "/v2/rerank", Some(super::COHERE_PREFIX)) => Cow::Borrowed(path),
            ("/v2/rerank", Some(_)) => super::prefixed("/v1/rerank", self.0.base_path, prefix),
            _ => super::prefixed(path, self.0.base_path, prefix),
        }
    }

    fn formats(&self) -> &'static [Format] {
        &[Format::OpenAiChat, Format::OpenAiResponses]
    }

    fn serves(&self, operation: Operation) -> bool {
        !matches!(
            operation,
            Operation::Messages
                | Operation::CountTokens
                | Operation::GenerateContent
                | Operation::GeminiCountTokens
                | Operation::Converse
        )
    }

    fn success_keys(&self, operation: Operation) -> &'static [&'static str] {
        match operation {
            Operation::Chat | Operation::Completions => &["choices"],
            Operation::Responses => &["output"],
            Operation::Embeddings => &["data"],
            // Some who copy Cohere's API call the results so.
            Operation::Rerank => &["results", "data"],
            // A list of models, or one model.
            Operation::Models => &["data", "id"],
            Operation::Messages => &["content"],
            Operation::CountTokens => &["input_tokens"],
            Operation::GenerateContent => &["candidates"],
            Operation::GeminiCountTokens => &["totalTokens"],
            Operation::Converse => &["output"],
            Operation::Passthrough => &[],
        }
    }

    fn event_limit(&self, operation: Operation) -> usize {
        match operation {
            // The last event repeats the whole answer, generated images included.
            Operation::Responses => 16 * EVENT_LIMIT,
            _ => EVENT_LIMIT,
        }
    }

    fn read_event<'e>(
        &self,
        operation: Operation,
        event: &'e Event,
        started: Started,
    ) -> Reading<'e> {
        let Some(data) = event.data.as_deref() else {
            return Reading::of(Class::Empty);
        };
        match operation {
            Operation::Responses => responses::read(event.name.as_deref(), data, started),
            _ => chat::read(data, started),
        }
    }

    fn read_error(&self, json: &[u8]) -> ProviderError {
        error::read(json)
    }

    fn envelope(&self, error: &ErrorBody<'_>) -> Bytes {
        error::envelope(error)
    }

    fn cut_event(&self, operation: Operation, error: &ErrorBody<'_>, last: Option<&[u8]>) -> Bytes {
        match operation {
            Operation::Responses => responses::cut_event(error, last),
            _ => chat::cut_event(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_sent_as_one_bearer_token_and_never_prints() {
        for key in ["sk-1", "Bearer sk-1", "bearer  sk-1\n", " sk-1 "] {
            let credential = OpenAi::ITSELF.credential(key).unwrap();
            assert_eq!(credential.value.as_bytes(), b"Bearer sk-1", "{key:?}");
            assert!(!format!("{credential:?}").contains("sk-1"));
        }
        assert!(OpenAi::ITSELF.credential("sk\n1").is_err());
    }

    #[test]
    fn a_prefix_replaces_the_base_path() {
        let table = [
            ("/v1/chat/completions", None, "/v1/chat/completions"),
            ("/v2/rerank", None, "/v2/rerank"),
            ("/v2/rerank", Some("/api"), "/api/rerank"),
            ("/v2/rerank", Some("/compatibility/v1"), "/v2/rerank"),
            (
                "/v1/chat/completions",
                Some("/api/v3/"),
                "/api/v3/chat/completions",
            ),
            (
                "/v1/chat/completions",
                Some("openai"),
                "/openai/chat/completions",
            ),
            ("/v1/chat/completions", Some("/"), "/chat/completions"),
            ("/v1", Some("/"), "/"),
            ("/v10/x", Some("/p"), "/p/v10/x"),
            ("/files", None, "/files"),
        ];
        for (path, prefix, expected) in table {
            assert_eq!(
                OpenAi::ITSELF.upstream_path(path, prefix),
                expected,
                "{path} {prefix:?}"
            );
        }
    }
}
