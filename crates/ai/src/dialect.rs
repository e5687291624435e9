//! What differs from provider to provider. One folder and one line in [`of`] make a provider known.

pub mod anthropic;
pub mod azure;
pub mod bedrock;
mod compatible;
pub mod gemini;
pub mod openai;
pub mod vertex;

use std::borrow::Cow;
use std::fmt;

use agw_core::backend::ProviderKind;
use bytes::Bytes;
use http::header::InvalidHeaderValue;
use http::{HeaderName, HeaderValue};

use crate::count::CountApi;
use crate::embed::EmbedApi;
use crate::envelope::ErrorBody;
use crate::format::Format;
use crate::operation::Operation;
use crate::rerank::RerankApi;
use crate::sse::Event;
use crate::usage::Usage;

use compatible::COHERE_PREFIX;
pub use compatible::{COMPATIBLE, compatible, compatible_at};

/// A provider's wire language and whereabouts.
pub trait Dialect: fmt::Debug + Send + Sync {
    fn provider(&self) -> &'static Provider;

    /// The header that carries `key`. A scheme that the key already starts with is not doubled.
    fn credential(&self, key: &str) -> Result<Credential, InvalidHeaderValue>;

    /// Headers that every request has, unless the client sent its own and spoke this provider's
    /// own format.
    fn fixed_headers(&self) -> &'static [FixedHeader] {
        &[]
    }

    /// The chat formats that it speaks, the one to translate into first.
    fn formats(&self) -> &'static [Format];

    /// Whether it takes requests of `operation` as they are.
    fn serves(&self, operation: Operation) -> bool;

    /// Its own form of embeddings for `model`, where it does not take OpenAI's.
    fn embeds(&self, _model: &str) -> Option<EmbedApi> {
        None
    }

    /// Its own form of rerank with `model`, where it does not take Cohere's.
    fn reranks(&self, _model: &str) -> Option<RerankApi> {
        None
    }

    /// Its own form of counting the tokens of a request to `model`.
    fn counts(&self, _model: &str) -> Option<CountApi> {
        None
    }

    /// Another host of the provider's, where that is who takes requests of `operation`.
    fn host_for(&self, _operation: Operation) -> Option<&'static str> {
        None
    }

    /// The path to ask the provider for: `path` as an operation's canonical path or, for
    /// [`Operation::Passthrough`], the client's. `prefix` replaces the provider's base path.
    fn upstream_path<'p>(&self, path: &'p str, prefix: Option<&str>) -> Cow<'p, str>;

    /// Top-level members of which any marks a JSON response as a success.
    fn success_keys(&self, operation: Operation) -> &'static [&'static str];

    /// Bound on one event of a stream, in bytes.
    fn event_limit(&self, operation: Operation) -> usize;

    /// Reads one event of a stream. `started` tells that content came before it: from then on
    /// nothing is [`Class::Empty`].
    fn read_event<'e>(
        &self,
        operation: Operation,
        event: &'e Event,
        started: Started,
    ) -> Reading<'e>;

    /// Reads the value of a response's `error` member.
    fn read_error(&self, json: &[u8]) -> ProviderError;

    /// The JSON body of an error response.
    fn envelope(&self, error: &ErrorBody<'_>) -> Bytes;

    /// An event that tells a client that its stream broke. `last` is the data of the last event it
    /// was sent.
    fn cut_event(&self, operation: Operation, error: &ErrorBody<'_>, last: Option<&[u8]>) -> Bytes;
}

/// Where a provider is and what it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    /// `gen_ai.provider.name` of the OpenTelemetry conventions.
    pub name: &'static str,
    pub host: &'static str,
    pub port: u16,
    pub tls: bool,
    pub base_path: &'static str,
    /// Environment variable that holds a user's key by custom; empty where there is no custom.
    pub key_variable: &'static str,
    /// Path for a cheap `GET` that only succeeds with a valid key; see
    /// [`Dialect::upstream_path`].
    pub probe_path: &'static str,
}

/// A header that proves who asks. The value is marked sensitive, so it never prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    pub name: HeaderName,
    pub value: HeaderValue,
    /// Goes with it. What a client sent under that name stays; the two are one list.
    pub companion: Option<FixedHeader>,
}

/// A header that is always the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedHeader {
    /// In lower case.
    pub name: &'static str,
    pub value: &'static str,
}

/// Whether content came before an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    No,
    Yes,
}

/// What an event means to the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// Nothing that a client could not do without: a role, a comment, an announcement. Only before
    /// the first content.
    Empty,
    /// Text, a tool call, reasoning, a refusal, usage, or an end.
    Content,
    /// The provider reports a failure.
    Error(Box<ProviderError>),
    /// The proper end of the stream.
    Done,
}

/// What one event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading<'e> {
    pub class: Class,
    pub usage: Option<Usage>,
    /// Model that answers.
    pub model: Option<Cow<'e, str>>,
    pub finish_reason: Option<Cow<'e, str>>,
    /// Whether the event is there for its usage alone.
    pub usage_only: bool,
}

impl Reading<'_> {
    pub fn of(class: Class) -> Self {
        Self {
            class,
            usage: None,
            model: None,
            finish_reason: None,
            usage_only: false,
        }
    }
}

/// An error object of a provider. Its message may quote the request: it is not for the log unless
/// a policy says so.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ProviderError {
    pub message: String,
    pub kind: Option<String>,
    pub code: Option<String>,
}

impl fmt::Debug for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderError")
            .field("kind", &self.kind)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Credential {
    fn new(name: HeaderName, value: String) -> Result<Self, InvalidHeaderValue> {
        let mut value = HeaderValue::try_from(value)?;
        value.set_sensitive(true);
        Ok(Self {
            name,
            value,
            companion: None,
        })
    }
}

/// A key without a scheme before it.
fn bare(key: &str) -> &str {
    let key = key.trim();
    match key.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer ") => rest.trim_start(),
        _ => key,
    }
}

/// `path` with `prefix` in place of the provider's `base`.
fn prefixed<'p>(path: &'p str, base: &str, prefix: Option<&str>) -> Cow<'p, str> {
    let Some(prefix) = prefix else {
        return Cow::Borrowed(path);
    };
    let own = path
        .strip_prefix(base)
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        .unwrap_or(path);
    let prefix = prefix.trim_matches('/');
    if prefix.is_empty() {
        return Cow::Borrowed(if own.is_empty() { "/" } else { own });
    }
    Cow::Owned(format!("/{prefix}{own}"))
}

/// The dialect of a provider.
pub fn of(kind: ProviderKind) -> &'static dyn Dialect {
    match kind {
        ProviderKind::OpenAi => &openai::OpenAi::ITSELF,
        ProviderKind::Anthropic => &anthropic::Anthropic,
        ProviderKind::Gemini => &gemini::Gemini,
        ProviderKind::Bedrock => &bedrock::Bedrock,
        ProviderKind::Azure => &azure::Azure::Current,
        ProviderKind::AzureDeployment => &azure::Azure::Dated,
        ProviderKind::VertexAi => vertex::of_model(""),
        ProviderKind::Custom => &openai::OpenAi::CUSTOM,
    }
}

/// The dialect in which a provider is asked for `model`: some speak several.
pub fn for_model(kind: ProviderKind, model: &str) -> &'static dyn Dialect {
    match kind {
        ProviderKind::VertexAi => vertex::of_model(model),
        kind => of(kind),
    }
}

/// The dialect that a client speaks who asks for `operation`.
pub fn of_client(operation: Operation) -> &'static dyn Dialect {
    match operation {
        Operation::Messages | Operation::CountTokens => &anthropic::Anthropic,
        Operation::GenerateContent | Operation::GeminiCountTokens => &gemini::Gemini,
        _ => &openai::OpenAi::ITSELF,
    }
}
