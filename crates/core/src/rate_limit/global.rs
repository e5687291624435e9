//! Limits that a server counts for all proxies.

use std::sync::Arc;

use serde::Serialize;

use super::Unit;
use crate::expr::{EvalError, Expression, Input, Value};
use crate::guard::FailureMode;
use crate::secret::Secret;
use crate::server::Server;

/// Limits that a server knows, and counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GlobalLimit {
    pub server: Server,
    pub by: Counting,
    pub domain: Arc<str>,
    pub descriptors: Vec<Descriptor>,
    pub failure_mode: FailureMode,
}

/// How a server counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Counting {
    /// It is asked as Envoy asks it, and knows the limits.
    Service,
    /// It is Redis, and descriptors have their limits.
    Redis(Login),
}

/// How one is let into Redis.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Login {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    pub database: u32,
}

/// What is counted, and by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Descriptor {
    pub entries: Vec<(Arc<str>, Expression)>,
    pub unit: Unit,
    /// How much is counted; one request, or the answer's tokens, where this is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Expression>,
    /// The limit, if it is not the server's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Expression>,
    /// The limit where the server knows none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
}

/// A descriptor with the values of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// Position in [`GlobalLimit::descriptors`].
    pub descriptor: usize,
    pub entries: Vec<(Arc<str>, String)>,
    pub limit: Option<Window>,
    /// How much is counted now.
    pub amount: u64,
}

/// How much of what is counted there may be in a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Window {
    pub amount: u32,
    pub per: Span,
}

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Span {
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Year,
}

/// What has no value for a request: the name of the expression, and why.
type Failures = Vec<(String, EvalError)>;

impl GlobalLimit {
    /// Whether a request's body has to be held before it can be asked about.
    pub fn reads_body(&self) -> bool {
        self.descriptors.iter().any(|descriptor| {
            let entries = descriptor.entries.iter().map(|(_, e)| e);
            let more = descriptor.cost.iter().chain(&descriptor.limit);
            entries.chain(more).any(|e| e.reads().request_body)
        })
    }

    /// What is asked for a request: the descriptors whose entries all have a value. Tokens are
    /// counted later.
    pub fn counts(&self, input: &Input<'_>) -> (Vec<Count>, Failures) {
        let mut failures = Vec::new();
        let descriptors = self.descriptors.iter().enumerate();
        let counts = descriptors.filter_map(|(index, descriptor)| {
            let entries = descriptor.entries.iter().map(|(name, expression)| {
                let value = expression.eval_header(input);
                let value = value.map_err(|error| failures.push((name.to_string(), error)));
                let value = value.ok()?.to_str().ok()?.to_owned();
                (!value.is_empty()).then(|| (name.clone(), value))
            });
            let entries = entries.collect::<Option<Vec<_>>>()?;
            let amount = match (descriptor.unit, &descriptor.cost) {
                (Unit::Tokens, _) => 0,
                (Unit::Requests, None) => 1,
                (Unit::Requests, Some(cost)) => amount(cost, input).unwrap_or_else(|error| {
                    failures.push(("cost".to_owned(), error));
                    1
                }),
            };
            let limit = descriptor.limit.as_ref().and_then(|limit| {
                let read = limit.eval(input).and_then(|value| Window::read(&value));
                read.map_err(|error| failures.push(("limitOverride".to_owned(), error)))
                    .ok()
            });
            Some(Count {
                descriptor: index,
                entries,
                limit: limit.or(descriptor.window),
                amount,
            })
        });
        (counts.collect(), failures)
    }

    /// What is still to be counted when an answer has come, of `counts`: tokens, by their cost.
    pub fn debts(
        &self,
        counts: &[Count],
        tokens: Option<u64>,
        input: &Input<'_>,
    ) -> (Vec<Count>, Failures) {
        let mut failures = Vec::new();
        let counts = counts.iter().filter_map(|count| {
            let descriptor = self.descriptors.get(count.descriptor)?;
            let amount = match (descriptor.unit, &descriptor.cost) {
                (Unit::Requests, _) => return None,
                (Unit::Tokens, None) => tokens?,
                (Unit::Tokens, Some(cost)) => amount(cost, input)
                    .map_err(|error| failures.push(("cost".to_owned(), error)))
                    .ok()?,
            };
            (amount > 0).then(|| Count {
                amount,
                ..count.clone()
            })
        });
        (counts.collect(), failures)
    }

    /// Whether something is counted that only an answer tells.
    pub fn has_debts(&self) -> bool {
        self.descriptors.iter().any(|d| d.unit == Unit::Tokens)
    }

    /// Whether what an answer costs depends on more than its tokens.
    pub fn computes_debts(&self) -> bool {
        let computes = |d: &Descriptor| d.unit == Unit::Tokens && d.cost.is_some();
        self.descriptors.iter().any(computes)
    }
}

/// A number that is counted: nothing below nothing, and parts count whole.
fn amount(cost: &Expression, input: &Input<'_>) -> Result<u64, EvalError> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float beyond the bounds becomes the bound"
    )]
    match cost.eval(input)? {
        Value::Int(n) => Ok(u64::try_from(n).unwrap_or_default()),
        Value::UInt(n) => Ok(n),
        Value::Double(n) => Ok(n.ceil() as u64),
        _ => Err(EvalError::Unusable {
            got: "value",
            want: "a number",
        }),
    }
}

impl Window {
    fn read(value: &Value) -> Result<Self, EvalError> {
        let written = value.to_json();
        let named = |names: [&str; 2]| names.iter().find_map(|name| written.get(name));
        let amount = named(["requestsPerUnit", "requests_per_unit"]);
        let amount = amount.and_then(|n| u32::try_from(n.as_u64()?).ok());
        let per = written
            .get("unit")
            .and_then(|unit| Span::parse(unit.as_str()?));
        match (amount, per) {
            (Some(amount), Some(per)) => Ok(Self { amount, per }),
            _ => Err(EvalError::Unusable {
                got: "value",
                want: "a limit with `requestsPerUnit` and `unit`",
            }),
        }
    }
}

impl Span {
    /// A month is thirty days here, a year 365.
    pub fn millis(self) -> u64 {
        let seconds = match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
            Self::Month => 30 * 86_400,
            Self::Year => 365 * 86_400,
        };
        seconds * 1000
    }

    fn parse(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        match lower.strip_suffix('s').unwrap_or(&lower) {
            "second" => Some(Self::Second),
            "minute" => Some(Self::Minute),
            "hour" => Some(Self::Hour),
            "day" => Some(Self::Day),
            "month" => Some(Self::Month),
            "year" => Some(Self::Year),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::LlmInput;
    use crate::server::Place;

    fn descriptor(unit: Unit, entry: &str, cost: Option<&str>) -> Descriptor {
        let compile = |source: &str| Expression::compile(source).unwrap();
        Descriptor {
            entries: vec![("k".into(), compile(entry))],
            unit,
            cost: cost.map(compile),
            limit: Some(compile("{'requestsPerUnit': 5, 'unit': 'MINUTE'}")),
            window: None,
        }
    }

    #[test]
    fn requests_are_counted_at_once_and_tokens_when_they_are_known() {
        let limit = GlobalLimit {
            server: Server {
                at: Place::Url {
                    scheme: crate::filter::RedirectScheme::Http,
                    host: "h".into(),
                    port: 1,
                },
                authority: "h:1".into(),
            },
            by: Counting::Service,
            domain: "d".into(),
            descriptors: vec![
                descriptor(Unit::Requests, "'a'", None),
                descriptor(Unit::Requests, "'b'", Some("1.5 + 1.0")),
                descriptor(Unit::Requests, "request.headers['x']", None),
                descriptor(Unit::Tokens, "'c'", None),
                descriptor(Unit::Tokens, "'d'", Some("llm.outputTokens * 2")),
            ],
            failure_mode: FailureMode::FailClosed,
        };
        let mut input = Input::new();
        let (counts, failures) = limit.counts(&input);
        let told: Vec<_> = counts.iter().map(|c| (c.descriptor, c.amount)).collect();
        assert_eq!(told, [(0, 1), (1, 3), (3, 0), (4, 0)]);
        assert_eq!(failures.len(), 1, "an entry without a value: {failures:?}");
        assert_eq!(
            counts[0].limit,
            Some(Window {
                amount: 5,
                per: Span::Minute
            })
        );
        input.llm = Some(LlmInput {
            output_tokens: Some(7),
            ..LlmInput::default()
        });
        let (debts, _) = limit.debts(&counts, Some(10), &input);
        let told: Vec<_> = debts.iter().map(|c| (c.descriptor, c.amount)).collect();
        assert_eq!(told, [(3, 10), (4, 14)]);
        let (debts, failures) = limit.debts(&counts, None, &Input::new());
        assert!(debts.is_empty() && failures.len() == 1);
    }
}
