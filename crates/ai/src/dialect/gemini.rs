//! Google's Gemini, in its own language. Lists of models go by Google's server of OpenAI's.

pub(crate) mod error;
mod event;
mod list;

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderName;
use http::header::InvalidHeaderValue;

use super::openai::OpenAi;
use super::{Credential, Dialect, Provider, ProviderError, Reading, Started};
use crate::count::CountApi;
use crate::embed::EmbedApi;
use crate::envelope::ErrorBody;
use crate::format::Format;
use crate::operation::{ModelPath, Operation};
use crate::sse::Event;

pub use list::JsonList;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct Gemini;

const PROVIDER: Provider = Provider {
    name: "gcp.gemini",
    host: "generativelanguage.googleapis.com",
    port: 443,
    tls: true,
    base_path: "/v1beta",
    key_variable: "GEMINI_API_KEY",
    probe_path: "/v1beta/models",
};

/// Where Google's server of OpenAI's API is, from the base path on.
const COMPATIBLE: &str = "/openai";

/// Images that a model makes come in one event.
pub(super) const EVENT_LIMIT: usize = 16 << 20;

impl Dialect for Gemini {
    fn provider(&self) -> &'static Provider {
        &PROVIDER
    }

    fn credential(&self, key: &str) -> Result<Credential, InvalidHeaderValue> {
        let name = HeaderName::from_static("x-goog-api-key");
        Credential::new(name, super::bare(key).to_owned())
    }

    fn formats(&self) -> &'static [Format] {
        &[Format::GeminiContent]
    }

    fn serves(&self, operation: Operation) -> bool {
        matches!(
            operation,
            Operation::GenerateContent
                | Operation::GeminiCountTokens
                | Operation::Models
                | Operation::Passthrough
        )
    }

    fn embeds(&self, _: &str) -> Option<EmbedApi> {
        Some(EmbedApi::Gemini)
    }

    fn counts(&self, _: &str) -> Option<CountApi> {
        Some(CountApi::Gemini)
    }

    fn upstream_path<'p>(&self, path: &'p str, prefix: Option<&str>) -> Cow<'p, str> {
        let base = PROVIDER.base_path;
        if let Some(asked) = ModelPath::parse(path) {
            let path = asked.canonical(None);
            return Cow::Owned(super::prefixed(&path, base, prefix).into_owned());
        }
        match path.strip_prefix("/v1/") {
            Some(rest) => {
                let path = format!("{base}{COMPATIBLE}/{rest}");
                Cow::Owned(super::prefixed(&path, base, prefix).into_owned())
            }
            None => super::prefixed(path, base, prefix),
        }
    }

    fn success_keys(&self, operation: Operation) -> &'static [&'static str] {
        match operation {
            Operation::GenerateContent => &["candidates", "promptFeedback"],
            Operation::GeminiCountTokens => &["totalTokens"],
            Operation::Models => OpenAi::ITSELF.success_keys(operation),
            _ => &[],
        }
    }

    fn event_limit(&self, _: Operation) -> usize {
        EVENT_LIMIT
    }

    fn read_event<'e>(&self, _: Operation, event: &'e Event, _: Started) -> Reading<'e> {
        event::read(event)
    }

    fn read_error(&self, json: &[u8]) -> ProviderError {
        error::read(json)
    }

    fn envelope(&self, error: &ErrorBody<'_>) -> Bytes {
        error::envelope(error)
    }

    fn cut_event(&self, _: Operation, error: &ErrorBody<'_>, _: Option<&[u8]>) -> Bytes {
        error::data(&error::envelope(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_has_a_header_of_its_own_and_never_prints() {
        let credential = Gemini.credential("Bearer AIza-1\n").unwrap();
        assert_eq!(credential.name, "x-goog-api-key");
        assert_eq!(credential.value, "AIza-1");
        assert!(!format!("{credential:?}").contains("AIza"));
    }

    #[test]
    fn paths_go_where_the_provider_has_them() {
        let table = [
            (
                "/v1beta/models/m:generateContent",
                None,
                "/v1beta/models/m:generateContent",
            ),
            (
                "/v1beta/models/m:streamGenerateContent",
                None,
                "/v1beta/models/m:streamGenerateContent?alt=sse",
            ),
            (
                "/v1beta/models/m:streamGenerateContent?alt=sse",
                Some("/proxy/v1"),
                "/proxy/v1/models/m:streamGenerateContent?alt=sse",
            ),
            (
                "/v1beta/models/m:batchEmbedContents",
                Some("/x"),
                "/x/models/m:batchEmbedContents",
            ),
            ("/v1/models", Some("/x"), "/x/openai/models"),
            ("/v1beta/models", None, "/v1beta/models"),
            ("/v1beta/files/f", Some("/x"), "/x/files/f"),
        ];
        for (path, prefix, expected) in table {
            assert_eq!(
                Gemini.upstream_path(path, prefix),
                expected,
                "{path} {prefix:?}"
            );
        }
    }
}
