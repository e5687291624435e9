//! Servers that say which APIs they have: OpenAI's dialect where nothing else is said. Requests go
//! by [`offered`](crate::translate::offered).

use std::borrow::Cow;

use bytes::Bytes;
use http::header::InvalidHeaderValue;

use super::openai::OpenAi;
use super::{Credential, Dialect, Provider, ProviderError, Reading, Started};
use crate::envelope::ErrorBody;
use crate::format::Format;
use crate::operation::Operation;
use crate::sse::Event;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct Custom;

/// Each has a host of its own; this one is nobody's.
const PROVIDER: Provider = Provider {
    name: "custom",
    host: "localhost",
    port: 443,
    tls: true,
    base_path: "/v1",
    key_variable: "",
    probe_path: "/v1/models",
};

impl Dialect for Custom {
    fn provider(&self) -> &'static Provider {
        &PROVIDER
    }

    fn credential(&self, key: &str) -> Result<Credential, InvalidHeaderValue> {
        OpenAi.credential(key)
    }

    fn formats(&self) -> &'static [Format] {
        OpenAi.formats()
    }

    fn serves(&self, operation: Operation) -> bool {
        OpenAi.serves(operation)
    }

    fn upstream_path<'p>(&self, path: &'p str, prefix: Option<&str>) -> Cow<'p, str> {
        OpenAi.upstream_path(path, prefix)
    }

    fn success_keys(&self, operation: Operation) -> &'static [&'static str] {
        OpenAi.success_keys(operation)
    }

    fn event_limit(&self, operation: Operation) -> usize {
        OpenAi.event_limit(operation)
    }

    fn read_event<'e>(
        &self,
        operation: Operation,
        event: &'e Event,
        started: Started,
    ) -> Reading<'e> {
        OpenAi.read_event(operation, event, started)
    }

    fn read_error(&self, json: &[u8]) -> ProviderError {
        OpenAi.read_error(json)
    }

    fn envelope(&self, error: &ErrorBody<'_>) -> Bytes {
        OpenAi.envelope(error)
    }

    fn cut_event(&self, operation: Operation, error: &ErrorBody<'_>, last: Option<&[u8]>) -> Bytes {
        OpenAi.cut_event(operation, error, last)
    }
}
