//! The fields of each part of an input.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cel::common::types::CelBool;
use cel::common::value::CowVal;

use super::{Boxed, Fields, Record, Source, int, text, text_or_bytes};
use crate::expr::functions::ENVIRONMENT;
use crate::expr::input::{LlmInput, RequestInput, ResponseInput, SourceInput};
use crate::expr::json;

/// A CEL timestamp, made by CEL's own conversions.
pub(in crate::expr) fn timestamp<'v>(time: SystemTime) -> Option<Boxed<'v>> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    let seconds: Boxed<'v> = int(since.as_secs());
    let whole = convert("timestamp", seconds)?;
    let rest = duration(Duration::from_nanos(u64::from(since.subsec_nanos())))?;
    let sum = whole.as_adder()?.add(rest.as_ref()).ok()?;
    Some(sum.into_owned())
}

/// A CEL duration, likewise.
fn duration<'v>(duration: Duration) -> Option<Boxed<'v>> {
    convert("duration", text(format!("{}ns", duration.as_nanos())))
}

fn convert<'v>(function: &str, value: Boxed<'v>) -> Option<Boxed<'v>> {
    let args = vec![CowVal::Owned(value)];
    let convert = ENVIRONMENT.find_overload(function, &args)?;
    convert(args).ok().map(CowVal::into_owned)
}

fn listed(names: &'static [&'static str]) -> Vec<Cow<'static, str>> {
    names.iter().map(|name| Cow::Borrowed(*name)).collect()
}

pub(in crate::expr) const REQUEST: &[&str] = &[
    "method",
    "scheme",
    "host",
    "path",
    "query",
    "pathAndQuery",
    "uri",
    "url",
    "version",
    "headers",
    "body",
    "startTime",
    "endTime",
];

impl RequestInput<'_> {
    fn path_and_query(&self) -> Cow<'_, str> {
        match self.query {
            Some(query) => Cow::Owned(format!("{}?{query}", self.path)),
            None => Cow::Borrowed(self.path),
        }
    }
}

impl Fields for RequestInput<'_> {
    fn names(&self) -> Vec<Cow<'_, str>> {
        listed(REQUEST)
    }

    fn field(&self, name: &str) -> Option<Boxed<'_>> {
        Some(match name {
            "method" => text(self.method),
            "scheme" => text(self.scheme),
            "host" => text(self.host),
            "path" => text(self.path),
            "query" => Box::new(Record::of(Source::Query(self.query.unwrap_or("")))),
            "pathAndQuery" => text(self.path_and_query()),
            "uri" | "url" => text(format!(
                "{}://{}{}",
                self.scheme,
                self.host,
                self.path_and_query()
            )),
            "version" => text(format!("{:?}", self.version)),
            "headers" => Box::new(Record::of(Source::Headers(self.headers))),
            "body" => text_or_bytes(self.body?),
            "startTime" => timestamp(self.start_time?)?,
            "endTime" => timestamp(self.end_time?)?,
            _ => return None,
        })
    }
}

pub(in crate::expr) const RESPONSE: &[&str] = &["code", "headers", "body"];

impl Fields for ResponseInput<'_> {
    fn names(&self) -> Vec<Cow<'_, str>> {
        listed(RESPONSE)
    }

    fn field(&self, name: &str) -> Option<Boxed<'_>> {
        Some(match name {
            "code" => int(self.code.as_u16()),
            "headers" => Box::new(Record::of(Source::Headers(self.headers))),
            "body" => text_or_bytes(self.body?),
            _ => return None,
        })
    }
}

impl Fields for SourceInput<'_> {
    fn names(&self) -> Vec<Cow<'_, str>> {
        let more = self.more.iter().flat_map(|more| more.keys());
        let own = listed(&["address", "port"]);
        own.into_iter()
            .chain(more.map(|key| Cow::Borrowed(key.as_str())))
            .collect()
    }

    fn field(&self, name: &str) -> Option<Boxed<'_>> {
        match name {
            "address" => Some(text(self.address.to_string())),
            "port" => Some(int(self.port)),
            _ => self.more?.get(name).map(json::tree),
        }
    }
}

pub(in crate::expr) const LLM: &[&str] = &[
    "provider",
    "requestModel",
    "responseModel",
    "serviceTier",
    "streaming",
    "inputTokens",
    "cachedInputTokens",
    "cacheCreationInputTokens",
    "outputTokens",
    "reasoningTokens",
    "totalTokens",
    "countTokens",
    "timeToFirstToken",
    "timePerOutputToken",
    "prompt",
    "completion",
    "toolCalls",
    "params",
    "cost",
    "costRates",
];

impl Fields for LlmInput<'_> {
    fn names(&self) -> Vec<Cow<'_, str>> {
        listed(LLM)
    }

    fn field(&self, name: &str) -> Option<Boxed<'_>> {
        match name {
            "provider" => self.provider.map(text),
            "requestModel" => self.request_model.map(text),
            "responseModel" => self.response_model.map(text),
            "serviceTier" => self.service_tier.map(text),
            "streaming" => self
                .streaming
                .map(|yes| Box::new(CelBool::from(yes)) as Boxed<'_>),
            "inputTokens" => self.input_tokens.map(int),
            "cachedInputTokens" => self.cached_input_tokens.map(int),
            "cacheCreationInputTokens" => self.cache_creation_input_tokens.map(int),
            "outputTokens" => self.output_tokens.map(int),
            "reasoningTokens" => self.reasoning_tokens.map(int),
            "totalTokens" => self.total_tokens.map(int),
            "countTokens" => self.count_tokens.map(int),
            "timeToFirstToken" => self.time_to_first_token.and_then(duration),
            "timePerOutputToken" => self.time_per_output_token.and_then(duration),
            "prompt" => self.prompt.map(json::tree),
            "completion" => self.completion.map(json::tree),
            "toolCalls" => self.tool_calls.map(json::tree),
            "params" => self.params.map(json::tree),
            "cost" => self.cost.map(json::tree),
            "costRates" => self.cost_rates.map(json::tree),
            _ => None,
        }
    }
}
