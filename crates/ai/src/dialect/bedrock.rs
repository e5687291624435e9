//! Amazon Bedrock. Requests are signed (see [`crate::sigv4`]) or bear a key of Bedrock's own.

pub(crate) mod error;

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{AUTHORIZATION, InvalidHeaderValue};
use serde_json::json;

use super::{Class, Credential, Dialect, Provider, ProviderError, Reading, Started};
use crate::count::CountApi;
use crate::embed::EmbedApi;
use crate::envelope::ErrorBody;
use crate::format::Format;
use crate::operation::Operation;
use crate::rerank::RerankApi;
use crate::sse::Event;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct Bedrock;

/// The name under which requests are signed.
pub const SERVICE: &str = "bedrock";

/// `Content-Type` of a stream.
pub const STREAM_TYPE: &str = "application/vnd.amazon.eventstream";

/// The header that says how many tokens a request to a model itself had.
pub const INPUT_TOKENS: &str = "x-amzn-bedrock-input-token-count";

/// The header that names an error.
pub const ERROR_TYPE: &str = "x-amzn-errortype";

pub(crate) const FRAME_LIMIT: usize = 16 << 20;

/// For the region that is asked where none is named; see [`host`].
const PROVIDER: Provider = Provider {
    name: "aws.bedrock",
    host: "bedrock-runtime.us-east-1.amazonaws.com",
    port: 443,
    tls: true,
    base_path: "",
    key_variable: "AWS_BEARER_TOKEN_BEDROCK",
    // The runtime has no list of models; asking for one proves the key all the same.
    probe_path: "/",
};

/// Where a region's models are.
pub fn host(region: &str) -> String {
    let domain = match region.starts_with("cn-") {
        true => "amazonaws.com.cn",
        false => "amazonaws.com",
    };
    format!("bedrock-runtime.{region}.{domain}")
}

/// The error that [`ERROR_TYPE`] names.
pub fn error_name(header: &str) -> &str {
    error::name(header)
}

/// A request to converse with the guardrail that Bedrock is to apply to it
/// (`Converse.guardrailConfig`).
pub fn guarded(body: &[u8], identifier: &str, version: &str) -> Bytes {
    let config = json!({"guardrailIdentifier": identifier, "guardrailVersion": version});
    let mut guarded = format!("{{\"guardrailConfig\":{config}").into_bytes();
    match body.strip_prefix(b"{") {
        Some(rest) if rest != b"}" => {
            guarded.push(b',');
            guarded.extend_from_slice(rest);
        }
        _ => guarded.push(b'}'),
    }
    guarded.into()
}

impl Dialect for Bedrock {
    fn provider(&self) -> &'static Provider {
        &PROVIDER
    }

    fn credential(&self, key: &str) -> Result<Credential, InvalidHeaderValue> {
        Credential::new(AUTHORIZATION, format!("Bearer {}", super::bare(key)))
    }

    fn formats(&self) -> &'static [Format] {
        &[Format::BedrockConverse]
    }

    fn serves(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Converse | Operation::Passthrough)
    }

    fn embeds(&self, model: &str) -> Option<EmbedApi> {
        EmbedApi::of_bedrock(model)
    }

    fn reranks(&self, model: &str) -> Option<RerankApi> {
        RerankApi::of_bedrock(model)
    }

    /// Only Anthropic's models have it there.
    fn counts(&self, model: &str) -> Option<CountApi> {
        model.contains("anthropic.").then_some(CountApi::Bedrock)
    }

    fn upstream_path<'p>(&self, path: &'p str, prefix: Option<&str>) -> Cow<'p, str> {
        super::prefixed(path, PROVIDER.base_path, prefix)
    }

    fn success_keys(&self, operation: Operation) -> &'static [&'static str] {
        match operation {
            Operation::Converse => &["output"],
            _ => &[],
        }
    }

    fn event_limit(&self, _: Operation) -> usize {
        FRAME_LIMIT
    }

    /// Its streams are frames, which only translation reads: what comes as server-sent events is
    /// something else, and passes.
    fn read_event<'e>(&self, _: Operation, _: &'e Event, _: Started) -> Reading<'e> {
        Reading::of(Class::Content)
    }

    fn read_error(&self, json: &[u8]) -> ProviderError {
        error::read(json)
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
    fn regions_have_hosts_of_their_own() {
        assert_eq!(host("us-east-1"), PROVIDER.host);
        assert_eq!(
            host("eu-central-1"),
            "bedrock-runtime.eu-central-1.amazonaws.com"
        );
        assert_eq!(
            host("cn-north-1"),
            "bedrock-runtime.cn-north-1.amazonaws.com.cn"
        );
    }

    #[test]
    fn a_prefix_goes_before_the_path() {
        let path = "/model/m%3A0/converse";
        assert_eq!(Bedrock.upstream_path(path, None), path);
        assert_eq!(
            Bedrock.upstream_path(path, Some("/aws/")),
            "/aws/model/m%3A0/converse"
        );
    }

    #[test]
    fn errors_are_named_without_their_namespace() {
        let header = "ThrottlingException:http://internal.amazon.com/coral/";
        assert_eq!(error_name(header), "ThrottlingException");
    }

    #[test]
    fn keys_of_its_own_are_bearers() {
        let credential = Bedrock.credential("bedrock-api-key-1").unwrap();
        assert_eq!(credential.value, "Bearer bedrock-api-key-1");
    }
}
