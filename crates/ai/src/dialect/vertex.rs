//! Google's Vertex AI: Gemini's language for Google's models, Anthropic's for theirs.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{AUTHORIZATION, InvalidHeaderValue};

use super::anthropic::Anthropic;
use super::gemini::Gemini;
use super::{Credential, Dialect, Provider, ProviderError, Reading, Started};
use crate::count::CountApi;
use crate::embed::EmbedApi;
use crate::envelope::ErrorBody;
use crate::format::Format;
use crate::operation::{ModelPath, Operation, encode};
use crate::rerank::RerankApi;
use crate::sse::Event;

/// One publisher's models there.
#[derive(Debug, Clone, Copy)]
pub struct VertexAi {
    publisher: Publisher,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Publisher {
    Google,
    Anthropic,
}

const GOOGLE: VertexAi = VertexAi {
    publisher: Publisher::Google,
};
const ANTHROPIC: VertexAi = VertexAi {
    publisher: Publisher::Anthropic,
};

/// Without a project, as keys of the express mode are for; see [`Place`].
const PROVIDER: Provider = Provider {
    name: "gcp.vertex_ai",
    host: "aiplatform.googleapis.com",
    port: 443,
    tls: true,
    base_path: "/v1",
    key_variable: "CLOUDSDK_AUTH_ACCESS_TOKEN",
    probe_path: "/v1/publishers/google/models/gemini-2.5-flash",
};

/// Who ranks documents.
const DISCOVERY_ENGINE: &str = "discoveryengine.googleapis.com";

/// The project that pays, and where its models run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    pub project: &'a str,
    /// Such as `us-east5`, or `global`.
    pub location: &'a str,
}

impl Place<'_> {
    pub fn host(&self) -> String {
        match self.location {
            "global" => PROVIDER.host.to_owned(),
            location => format!("{location}-{}", PROVIDER.host),
        }
    }

    /// The prefix for [`Dialect::upstream_path`].
    pub fn prefix(&self) -> String {
        let (project, location) = (encode(self.project), encode(self.location));
        format!(
            "{}/projects/{project}/locations/{location}",
            PROVIDER.base_path
        )
    }
}

/// The dialect of `model`'s publisher.
pub fn of_model(model: &str) -> &'static VertexAi {
    match model.contains("claude") {
        true => &ANTHROPIC,
        false => &GOOGLE,
    }
}

impl VertexAi {
    /// The dialect in whose language it answers.
    fn spoken(&self) -> &'static dyn Dialect {
        match self.publisher {
            Publisher::Google => &Gemini,
            Publisher::Anthropic => &Anthropic,
        }
    }
}

impl Dialect for VertexAi {
    fn provider(&self) -> &'static Provider {
        &PROVIDER
    }

    fn credential(&self, key: &str) -> Result<Credential, InvalidHeaderValue> {
        Credential::new(AUTHORIZATION, format!("Bearer {}", super::bare(key)))
    }

    fn formats(&self) -> &'static [Format] {
        match self.publisher {
            Publisher::Google => &[Format::GeminiContent],
            Publisher::Anthropic => &[Format::AnthropicVertex],
        }
    }

    /// Anthropic's requests have their model in the path here: none passes as it is.
    fn serves(&self, operation: Operation) -> bool {
        match operation {
            Operation::GenerateContent | Operation::GeminiCountTokens => {
                self.publisher == Publisher::Google
            }
            Operation::Passthrough => true,
            _ => false,
        }
    }

    fn embeds(&self, _: &str) -> Option<EmbedApi> {
        (self.publisher == Publisher::Google).then_some(EmbedApi::Vertex)
    }

    fn reranks(&self, _: &str) -> Option<RerankApi> {
        (self.publisher == Publisher::Google).then_some(RerankApi::Google)
    }

    fn counts(&self, _: &str) -> Option<CountApi> {
        Some(match self.publisher {
            Publisher::Google => CountApi::Vertex,
            Publisher::Anthropic => CountApi::AnthropicVertex,
        })
    }

    fn host_for(&self, operation: Operation) -> Option<&'static str> {
        (operation == Operation::Rerank).then_some(DISCOVERY_ENGINE)
    }

    fn upstream_path<'p>(&self, path: &'p str, prefix: Option<&str>) -> Cow<'p, str> {
        let base = PROVIDER.base_path;
        if path.contains("/rankingConfigs/") {
            // Documents are ranked in no place, whatever place the models are in.
            let project = prefix.and_then(|prefix| prefix.split_once("/locations/"));
            let global = project.map(|(project, _)| format!("{project}/locations/global"));
            let prefix = global.as_deref().or(prefix);
            return Cow::Owned(super::prefixed(path, base, prefix).into_owned());
        }
        let Some(asked) = ModelPath::parse(path) else {
            return super::prefixed(path, base, prefix);
        };
        let canonical = asked.canonical(None);
        let model = canonical.strip_prefix("/v1beta").unwrap_or(&canonical);
        let path = format!("{base}/publishers/google{model}");
        Cow::Owned(super::prefixed(&path, base, prefix).into_owned())
    }

    fn success_keys(&self, operation: Operation) -> &'static [&'static str] {
        self.spoken().success_keys(operation)
    }

    fn event_limit(&self, operation: Operation) -> usize {
        self.spoken().event_limit(operation)
    }

    fn read_event<'e>(
        &self,
        operation: Operation,
        event: &'e Event,
        started: Started,
    ) -> Reading<'e> {
        self.spoken().read_event(operation, event, started)
    }

    fn read_error(&self, json: &[u8]) -> ProviderError {
        self.spoken().read_error(json)
    }

    fn envelope(&self, error: &ErrorBody<'_>) -> Bytes {
        self.spoken().envelope(error)
    }

    fn cut_event(&self, operation: Operation, error: &ErrorBody<'_>, last: Option<&[u8]>) -> Bytes {
        self.spoken().cut_event(operation, error, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_asked_for_where_their_publisher_has_them() {
        let place = Place {
            project: "p-1",
            location: "us-east5",
        };
        assert_eq!(place.host(), "us-east5-aiplatform.googleapis.com");
        let prefix = place.prefix();
        let table = [
            (
                "gemini-2.5-pro",
                "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
                "/v1/projects/p-1/locations/us-east5/publishers/google/models/\
                 gemini-2.5-pro:streamGenerateContent?alt=sse",
            ),
            (
                "claude-sonnet-4-5@20250929",
                "/v1/publishers/anthropic/models/claude-sonnet-4-5%4020250929:rawPredict",
                "/v1/projects/p-1/locations/us-east5/publishers/anthropic/models/\
                 claude-sonnet-4-5%4020250929:rawPredict",
            ),
        ];
        for (model, path, expected) in table {
            assert_eq!(of_model(model).upstream_path(path, Some(&prefix)), expected);
        }
        assert_eq!(
            GOOGLE.upstream_path(
                "/v1/rankingConfigs/default_ranking_config:rank",
                Some(&prefix)
            ),
            "/v1/projects/p-1/locations/global/rankingConfigs/default_ranking_config:rank"
        );
        let global = Place {
            location: "global",
            ..place
        };
        assert_eq!(global.host(), PROVIDER.host);
        assert_eq!(
            GOOGLE.upstream_path("/v1beta/models/m:countTokens", None),
            "/v1/publishers/google/models/m:countTokens"
        );
    }

    #[test]
    fn tokens_are_bearers() {
        let credential = ANTHROPIC.credential("ya29.x").unwrap();
        assert_eq!(credential.value, "Bearer ya29.x");
        assert!(ANTHROPIC.serves(Operation::Passthrough) && !ANTHROPIC.serves(Operation::Messages));
        assert!(GOOGLE.serves(Operation::GenerateContent));
    }
}
