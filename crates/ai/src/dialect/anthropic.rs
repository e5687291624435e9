//! Anthropic, and whoever speaks its language.

pub(crate) mod error;
mod event;

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderName;
use http::header::{AUTHORIZATION, InvalidHeaderValue};

use super::openai::error as objects;
use super::{Credential, Dialect, FixedHeader, Provider, ProviderError, Reading, Started};
use crate::count::CountApi;
use crate::envelope::ErrorBody;
use crate::format::Format;
use crate::operation::Operation;
use crate::sse::{EVENT_LIMIT, Event};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct Anthropic;

const PROVIDER: Provider = Provider {
    name: "anthropic",
    host: "api.anthropic.com",
    port: 443,
    tls: true,
    base_path: "/v1",
    key_variable: "ANTHROPIC_API_KEY",
    probe_path: "/v1/models",
};

/// The version of the API that this is written for.
const VERSION: FixedHeader = FixedHeader {
    name: "anthropic-version",
    value: "2023-06-01",
};

/// Tokens of people, in place of keys, are only taken with this.
const OAUTH: FixedHeader = FixedHeader {
    name: "anthropic-beta",
    value: "oauth-2025-04-20",
};

impl Dialect for Anthropic {
    fn provider(&self) -> &'static Provider {
        &PROVIDER
    }

    fn credential(&self, key: &str) -> Result<Credential, InvalidHeaderValue> {
        let key = super::bare(key);
        if key.starts_with("sk-ant-oat") {
            let credential = Credential::new(AUTHORIZATION, format!("Bearer {key}"))?;
            return Ok(Credential {
                companion: Some(OAUTH),
                ..credential
            });
        }
        Credential::new(HeaderName::from_static("x-api-key"), key.to_owned())
    }

    fn fixed_headers(&self) -> &'static [FixedHeader] {
        &[VERSION]
    }

    fn formats(&self) -> &'static [Format] {
        &[Format::AnthropicMessages]
    }

    fn serves(&self, operation: Operation) -> bool {
        matches!(
            operation,
            Operation::Messages
                | Operation::CountTokens
                | Operation::Models
                | Operation::Passthrough
        )
    }

    fn counts(&self, _: &str) -> Option<CountApi> {
        Some(CountApi::Anthropic)
    }

    fn upstream_path<'p>(&self, path: &'p str, prefix: Option<&str>) -> Cow<'p, str> {
        super::prefixed(path, PROVIDER.base_path, prefix)
    }

    fn success_keys(&self, operation: Operation) -> &'static [&'static str] {
        match operation {
            Operation::Messages => &["content"],
            Operation::CountTokens => &["input_tokens"],
            Operation::Models => &["data", "id"],
            _ => &[],
        }
    }

    fn event_limit(&self, _: Operation) -> usize {
        EVENT_LIMIT
    }

    fn read_event<'e>(&self, _: Operation, event: &'e Event, started: Started) -> Reading<'e> {
        event::read(event, started)
    }

    fn read_error(&self, json: &[u8]) -> ProviderError {
        objects::read(json)
    }

    fn envelope(&self, error: &ErrorBody<'_>) -> Bytes {
        error::envelope(error)
    }

    fn cut_event(&self, _: Operation, error: &ErrorBody<'_>, _: Option<&[u8]>) -> Bytes {
        error::event(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_tokens_each_go_in_their_own_header() {
        let table = [
            ("sk-ant-api03-x", "x-api-key", "sk-ant-api03-x", None),
            (
                "Bearer sk-ant-api03-x\n",
                "x-api-key",
                "sk-ant-api03-x",
                None,
            ),
            (
                "sk-ant-oat01-x",
                "authorization",
                "Bearer sk-ant-oat01-x",
                Some(OAUTH),
            ),
        ];
        for (key, name, value, companion) in table {
            let credential = Anthropic.credential(key).unwrap();
            assert_eq!(credential.name, name);
            assert_eq!(credential.value, value);
            assert_eq!(credential.companion, companion);
            assert!(!format!("{credential:?}").contains("sk-ant"));
        }
    }

    #[test]
    fn fixed_headers_are_headers() {
        for header in [VERSION, OAUTH] {
            HeaderName::from_static(header.name);
            http::HeaderValue::from_static(header.value);
        }
    }
}
