//! What an expression is evaluated on.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};
use serde_json::Value as Tree;

use super::json::Json;

/// Everything expressions can read, borrowed. A part that is `None` is an absent variable.
///
/// Fill the parts in before the first evaluation and share the value between all expressions of a
/// phase: bodies are parsed at most once for each `Input`.
#[derive(Default)]
pub struct Input<'a> {
    /// `request`.
    pub request: Option<RequestInput<'a>>,
    /// `response`.
    pub response: Option<ResponseInput<'a>>,
    /// `source`: who connected.
    pub source: Option<SourceInput<'a>>,
    /// `llm`: what is known about the exchange with a model.
    pub llm: Option<LlmInput<'a>>,
    /// `jwt`: the claims of a token that was checked.
    pub jwt: Option<&'a Tree>,
    /// `apiKey`: the metadata of the key that was presented.
    pub api_key: Option<&'a Tree>,
    /// `basicAuth`.
    pub basic_auth: Option<&'a Tree>,
    /// `mcp`: the call of a tool, prompt or resource.
    pub mcp: Option<&'a Tree>,
    /// `backend`: the backend that was chosen.
    pub backend: Option<&'a Tree>,
    /// `metadata`: what earlier transformations stored.
    pub metadata: Option<&'a Tree>,
    /// `extauthz`: what an external authorizer returned.
    pub extauthz: Option<&'a Tree>,
    /// `llmRequest`: the body of a request to a model, as JSON.
    pub llm_request: Option<&'a Tree>,
    /// The time that `now()` returns.
    pub now: Option<SystemTime>,
    /// The seed of `random()` and `uuid()`: fresh for every input. Each call draws anew.
    pub random: Option<u64>,
    /// How many numbers were drawn.
    pub(super) drawn: AtomicU64,
    pub(super) parsed: ParsedBodies<'a>,
}

/// Bodies that were parsed as JSON; the inner `None` is one that is not JSON.
#[derive(Default)]
pub(super) struct ParsedBodies<'a> {
    pub(super) request: OnceLock<Option<Parsed<'a>>>,
    pub(super) response: OnceLock<Option<Parsed<'a>>>,
}

/// A parsed body.
pub(super) type Parsed<'a> = Box<dyn cel::common::value::Val + 'a>;

/// `request`.
#[derive(Clone, Copy)]
pub struct RequestInput<'a> {
    /// `request.method`
    pub method: &'a str,
    /// `request.scheme`
    pub scheme: &'a str,
    /// `request.host`: the authority, as the client sent it.
    pub host: &'a str,
    /// `request.path`, without the query.
    pub path: &'a str,
    /// The query without its `?`, percent-encoded as received; `request.query` maps each name to
    /// its first value, decoded.
    pub query: Option<&'a str>,
    /// `request.version`: `HTTP/1.1`, `HTTP/2.0`.
    pub version: http::Version,
    /// `request.headers`: looked up in any letter case, several values joined by `, `.
    pub headers: &'a HeaderMap,
    /// `request.body`: a string if it is UTF-8, otherwise bytes. `None` if it was not buffered.
    pub body: Option<&'a [u8]>,
    /// `request.startTime`
    pub start_time: Option<SystemTime>,
    /// `request.endTime`
    pub end_time: Option<SystemTime>,
}

/// `response`.
#[derive(Clone, Copy)]
pub struct ResponseInput<'a> {
    /// `response.code`
    pub code: StatusCode,
    /// `response.headers`, like `request.headers`.
    pub headers: &'a HeaderMap,
    /// `response.body`, like `request.body`.
    pub body: Option<&'a [u8]>,
}

/// `source`: the client's end of the connection.
#[derive(Clone, Copy)]
pub struct SourceInput<'a> {
    /// `source.address`
    pub address: IpAddr,
    /// `source.port`
    pub port: u16,
    /// Anything else about the peer (`source.identity`, `source.subject`, …).
    pub more: Option<&'a serde_json::Map<String, Tree>>,
}

/// `llm`: absent fields are absent variables, so `default(llm.x, …)` works at any phase.
#[derive(Clone, Copy, Default)]
pub struct LlmInput<'a> {
    /// `llm.provider`
    pub provider: Option<&'a str>,
    /// `llm.requestModel`: what the client asked for.
    pub request_model: Option<&'a str>,
    /// `llm.responseModel`: what the provider says it used.
    pub response_model: Option<&'a str>,
    /// `llm.serviceTier`
    pub service_tier: Option<&'a str>,
    /// `llm.streaming`
    pub streaming: Option<bool>,
    /// `llm.inputTokens`
    pub input_tokens: Option<u64>,
    /// `llm.cachedInputTokens`
    pub cached_input_tokens: Option<u64>,
    /// `llm.cacheCreationInputTokens`
    pub cache_creation_input_tokens: Option<u64>,
    /// `llm.outputTokens`
    pub output_tokens: Option<u64>,
    /// `llm.reasoningTokens`
    pub reasoning_tokens: Option<u64>,
    /// `llm.totalTokens`
    pub total_tokens: Option<u64>,
    /// `llm.countTokens`
    pub count_tokens: Option<u64>,
    /// `llm.timeToFirstToken`
    pub time_to_first_token: Option<Duration>,
    /// `llm.timePerOutputToken`
    pub time_per_output_token: Option<Duration>,
    /// `llm.prompt`: a list of `{role, content}`.
    pub prompt: Option<&'a Tree>,
    /// `llm.completion`: a list of texts.
    pub completion: Option<&'a Tree>,
    /// `llm.toolCalls`: a list of `{id, name, arguments}`.
    pub tool_calls: Option<&'a Tree>,
    /// `llm.params`: the sampling parameters of the request.
    pub params: Option<&'a Tree>,
    /// `llm.cost`: `{total, input, output, …}`.
    pub cost: Option<&'a Tree>,
    /// `llm.costRates`
    pub cost_rates: Option<&'a Tree>,
}

impl<'a> Input<'a> {
    /// An input that has nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn has_request_body(&self) -> bool {
        self.request
            .as_ref()
            .is_some_and(|request| request.body.is_some())
    }

    pub(super) fn has_response_body(&self) -> bool {
        self.response
            .as_ref()
            .is_some_and(|response| response.body.is_some())
    }

    /// `json(request.body)`, parsed by the first call; `None` if it is absent or not JSON.
    pub(super) fn request_json(&self) -> Option<&Parsed<'a>> {
        let body = self.request.as_ref()?.body?;
        self.parsed.request.get_or_init(|| parse(body)).as_ref()
    }

    /// `json(response.body)`, likewise.
    pub(super) fn response_json(&self) -> Option<&Parsed<'a>> {
        let body = self.response.as_ref()?.body?;
        self.parsed.response.get_or_init(|| parse(body)).as_ref()
    }
}

fn parse(body: &[u8]) -> Option<Parsed<'_>> {
    super::json::parse(str::from_utf8(body).ok()?).ok()
}

const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Input<'static>>();
    shared::<Json<'static>>();
};
