//! Token counts as providers report them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Tokens of one exchange; `None` is what the provider did not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens, those read from and written to a cache included.
    pub input: Option<u64>,
    /// Generated tokens, reasoning included.
    pub output: Option<u64>,
    pub total: Option<u64>,
    /// Part of `input` that was read from the provider's cache.
    pub cached: Option<u64>,
    /// Part of `input` that was written to the provider's cache.
    pub cache_write: Option<u64>,
    /// Part of `output`.
    pub reasoning: Option<u64>,
    /// What rerank is billed by.
    pub search_units: Option<u64>,
}

/// Whose count a usage is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Counted {
    #[default]
    ByProvider,
    /// By our own reckoning: the provider does not count.
    Estimate,
}

impl Usage {
    /// All tokens, as far as they are told.
    pub fn tokens(&self) -> Option<u64> {
        let parts = self.input.into_iter().chain(self.output);
        let known = parts.reduce(u64::saturating_add);
        self.total.or(known)
    }

    /// Reads the value of a `usage` member: of chat, text completions and embeddings
    /// (`prompt_tokens` …) or of responses (`input_tokens` …). `None` when it is no such object.
    pub fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Wire>(json)
            .ok()
            .map(Self::from)
            .filter(|usage| !usage.is_empty())
    }

    /// Reads the value of the `meta` member of Cohere's answers.
    pub fn of_meta(json: &[u8]) -> Option<Self> {
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Meta {
            billed_units: Billed,
        }
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Billed {
            input_tokens: Count,
            search_units: Count,
        }
        let Meta { billed_units } = serde_json::from_slice(json).ok()?;
        let mut usage = Self {
            input: billed_units.input_tokens.0,
            search_units: billed_units.search_units.0,
            ..Self::default()
        };
        usage.sum_up();
        Some(usage).filter(|usage| !usage.is_empty())
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes over what `later` says; what it does not say stays.
    pub fn update(&mut self, later: Self) {
        let pairs = [
            (&mut self.input, later.input),
            (&mut self.output, later.output),
            (&mut self.total, later.total),
            (&mut self.cached, later.cached),
            (&mut self.cache_write, later.cache_write),
            (&mut self.reasoning, later.reasoning),
            (&mut self.search_units, later.search_units),
        ];
        for (known, new) in pairs {
            *known = new.or(*known);
        }
        if later.total.is_none() && (later.input.is_some() || later.output.is_some()) {
            self.total = None;
            self.sum_up();
        }
    }

    /// Makes up the total that some providers leave to their clients.
    pub(crate) fn sum_up(&mut self) {
        if self.total.is_none() && (self.input.is_some() || self.output.is_some()) {
            let (input, output) = (self.input.unwrap_or(0), self.output.unwrap_or(0));
            self.total = input.checked_add(output);
        }
    }
}

/// The union of the shapes; each provider fills its own part.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Wire {
    #[serde(alias = "promptTokenCount")]
    prompt_tokens: Count,
    completion_tokens: Count,
    #[serde(alias = "inputTokens")]
    input_tokens: Count,
    #[serde(alias = "outputTokens")]
    output_tokens: Count,
    #[serde(alias = "totalTokens", alias = "totalTokenCount")]
    total_tokens: Count,
    /// Counted beside `input_tokens`, unlike all others.
    #[serde(alias = "cacheReadInputTokens")]
    cache_read_input_tokens: Count,
    #[serde(alias = "cacheWriteInputTokens")]
    cache_creation_input_tokens: Count,
    prompt_tokens_details: Option<Details>,
    completion_tokens_details: Option<Details>,
    input_tokens_details: Option<Details>,
    output_tokens_details: Option<Details>,
    /// Gemini counts in parts that others sum up: answer and thoughts, prompt and tool results.
    #[serde(rename = "candidatesTokenCount")]
    candidates: Count,
    #[serde(rename = "thoughtsTokenCount")]
    thoughts: Count,
    #[serde(rename = "toolUsePromptTokenCount")]
    tool_results: Count,
    #[serde(rename = "cachedContentTokenCount")]
    cached_content: Count,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Details {
    cached_tokens: Count,
    cache_write_tokens: Count,
    reasoning_tokens: Count,
}

impl Wire {
    /// The counts without a total that nobody said: those of an event that others will add to.
    pub(crate) fn partial(self) -> Usage {
        let inputs = self
            .prompt_tokens_details
            .or(self.input_tokens_details)
            .unwrap_or_default();
        let outputs = self
            .completion_tokens_details
            .or(self.output_tokens_details)
            .unwrap_or_default();
        let (read, written) = (
            self.cache_read_input_tokens.0,
            self.cache_creation_input_tokens.0,
        );
        let beside = read.unwrap_or(0).saturating_add(written.unwrap_or(0));
        let beside = beside.saturating_add(self.tool_results.0.unwrap_or(0));
        let input = self.prompt_tokens.0.or(self.input_tokens.0);
        let parts = match (self.candidates.0, self.thoughts.0) {
            (None, None) => None,
            (answer, thoughts) => Some(answer.unwrap_or(0).saturating_add(thoughts.unwrap_or(0))),
        };
        Usage {
            input: input.map(|input| input.saturating_add(beside)),
            output: self.completion_tokens.0.or(self.output_tokens.0).or(parts),
            total: self.total_tokens.0,
            cached: inputs.cached_tokens.0.or(read).or(self.cached_content.0),
            cache_write: inputs.cache_write_tokens.0.or(written),
            reasoning: outputs.reasoning_tokens.0.or(self.thoughts.0),
            search_units: None,
        }
    }
}

impl From<Wire> for Usage {
    fn from(wire: Wire) -> Self {
        let mut usage = wire.partial();
        usage.sum_up();
        usage
    }
}

/// A count that forgives: anything but a number that is a count is taken as not said, so that one
/// odd member does not hide the others.
#[derive(Debug, Default)]
struct Count(Option<u64>);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl<'de> Visitor<'de> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a count")
    }

    fn visit_u64<E>(self, value: u64) -> Result<Count, E> {
        Ok(Count(Some(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Count, E> {
        Ok(Count(u64::try_from(value).ok()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Count, E> {
        // 2^53: up to here a float holds every whole number.
        let whole = value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value);
        Ok(Count(whole.then_some(value as u64)))
    }

    fn visit_unit<E>(self) -> Result<Count, E> {
        Ok(Count(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Count, E> {
        Ok(Count(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Count, E> {
        Ok(Count(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Count, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Count(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Count, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Count(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_shape_of_usage() {
        let usage = |input: u64, output: u64, total: u64, cached: u64, reasoning: u64| Usage {
            input: Some(input),
            output: Some(output),
            total: Some(total),
            cached: Some(cached),
            cache_write: None,
            reasoning: Some(reasoning),
            search_units: None,
        };
        let table = [
            (
                r#"{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,
                "prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},
                "completion_tokens_details":{"reasoning_tokens":3,"audio_tokens":0}}"#,
                usage(19, 10, 29, 4, 3),
            ),
            (
                r#"{"input_tokens":36,"input_tokens_details":{"cached_tokens":0},"output_tokens":87,
                "output_tokens_details":{"reasoning_tokens":64},"total_tokens":123}"#,
                usage(36, 87, 123, 0, 64),
            ),
            (
                r#"{"prompt_tokens":8,"total_tokens":8}"#,
                Usage {
                    input: Some(8),
                    total: Some(8),
                    ..Usage::default()
                },
            ),
            (
                r#"{"prompt_tokens":8,"completion_tokens":2,"prompt_tokens_details":null}"#,
                Usage {
                    input: Some(8),
                    output: Some(2),
                    total: Some(10),
                    ..Usage::default()
                },
            ),
            (
                r#"{"prompt_tokens":8.0,"completion_tokens":"2","total_tokens":-1,"cost":{"x":[1]}}"#,
                Usage {
                    input: Some(8),
                    total: Some(8),
                    ..Usage::default()
                },
            ),
        ];
        for (json, expected) in table {
            assert_eq!(Usage::parse(json.as_bytes()), Some(expected), "{json}");
        }
    }

    #[test]
    fn what_cohere_bills_is_usage() {
        let meta = br#"{"api_version":{"version":"2"},"billed_units":{"search_units":2.0}}"#;
        let usage = Usage::of_meta(meta).unwrap();
        assert_eq!((usage.search_units, usage.input), (Some(2), None));
        let meta = br#"{"billed_units":{"input_tokens":7},"warnings":["x"]}"#;
        let usage = Usage::of_meta(meta).unwrap();
        assert_eq!((usage.input, usage.total), (Some(7), Some(7)));
        for json in [r#"{"billed_units":7}"#, "{}", "[]", "null"] {
            assert_eq!(Usage::of_meta(json.as_bytes()), None, "{json}");
        }
    }

    #[test]
    fn says_nothing_of_what_is_no_usage() {
        for json in [
            "null",
            "{}",
            "[]",
            "7",
            r#"{"prompt_tokens":"#,
            r#"{"prompt_tokens":{}}"#,
        ] {
            assert_eq!(Usage::parse(json.as_bytes()), None, "{json}");
        }
    }

    #[test]
    fn what_a_cache_took_part_in_is_input_too() {
        let json = r#"{"input_tokens":3,"cache_read_input_tokens":40,
            "cache_creation_input_tokens":500,"output_tokens":7}"#;
        let expected = Usage {
            input: Some(543),
            output: Some(7),
            total: Some(550),
            cached: Some(40),
            cache_write: Some(500),
            reasoning: None,
            search_units: None,
        };
        assert_eq!(Usage::parse(json.as_bytes()), Some(expected));
    }

    #[test]
    fn later_counts_replace_earlier_ones_and_silence_keeps_them() {
        let mut usage = Usage {
            input: Some(1),
            output: Some(1),
            ..Usage::default()
        };
        usage.update(Usage {
            output: Some(5),
            reasoning: Some(2),
            ..Usage::default()
        });
        let expected = Usage {
            input: Some(1),
            output: Some(5),
            reasoning: Some(2),
            total: Some(6),
            ..Usage::default()
        };
        assert_eq!(usage, expected);
    }
}
