//! A provider's JSON response on its way to the client.

use crate::dialect::{Dialect, ProviderError};
use crate::error::Error;
use crate::operation::Operation;
use crate::scan::{Field, Kind, Repeat, Scanner, Want};
use crate::usage::Usage;

/// A response that has not shown what it is within so many bytes is taken as good: holding more
/// back costs more than it can save.
pub const DECIDE_WITHIN: usize = 64 * 1024;

/// Whether a response with a good status is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// More bytes will tell.
    Undecided,
    Good,
    /// An error object in place of the answer.
    ErrorObject,
    /// Not JSON, or nothing that answers the request.
    Garbage,
}

/// Reads a response as it passes.
#[derive(Debug)]
pub struct ResponseReader {
    dialect: &'static dyn Dialect,
    /// Empty where any JSON object is good.
    success: &'static [&'static str],
    scanner: Scanner,
    seen: usize,
    verdict: Verdict,
}

/// What a response said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Never undecided.
    pub verdict: Verdict,
    /// Whether the response was read to its end.
    pub complete: bool,
    pub usage: Usage,
    /// The model that answered.
    pub model: Option<String>,
    pub error: Option<ProviderError>,
}

const WANTS: [Want; 16] = {
    const fn want(key: &'static str, keep: usize) -> Want {
        Want {
            key,
            repeat: Repeat::LastWins,
            keep,
        }
    }
    const SMALL: usize = 16 * 1024;
    [
        want("choices", 0),
        want("output", 0),
        want("data", 0),
        want("content", 0),
        want("input_tokens", 0),
        want("id", 0),
        want("error", SMALL),
        want("model", 1024),
        want("usage", SMALL),
        want("candidates", 0),
        want("promptFeedback", 0),
        want("totalTokens", 0),
        want("modelVersion", 1024),
        want("usageMetadata", SMALL),
        want("results", 0),
        want("meta", SMALL),
    ]
};

impl ResponseReader {
    pub fn new(dialect: &'static dyn Dialect, operation: Operation) -> Self {
        Self {
            dialect,
            success: dialect.success_keys(operation),
            scanner: Scanner::new(&WANTS),
            seen: 0,
            verdict: Verdict::Undecided,
        }
    }

    /// Reads on. A verdict, once made, stays.
    pub fn push(&mut self, chunk: &[u8]) -> Verdict {
        let scanned = self.scanner.push(chunk);
        self.seen += chunk.len();
        if self.verdict == Verdict::Undecided {
            self.verdict = match (self.told(), scanned) {
                // What came before the fault has not told anything.
                (Verdict::Undecided, Err(_)) => Verdict::Garbage,
                (verdict, _) => verdict,
            };
            if self.verdict == Verdict::Undecided && self.seen > DECIDE_WITHIN {
                self.verdict = Verdict::Good;
            }
        }
        self.verdict
    }

    /// Ends the input.
    pub fn finish(self) -> Summary {
        let ended: Result<(), Error> = self.scanner.finish();
        let verdict = match self.verdict {
            Verdict::Undecided if ended.is_err() => Verdict::Garbage,
            // An empty list of choices is an answer too.
            Verdict::Undecided if self.success.is_empty() || self.answers().is_some() => {
                Verdict::Good
            }
            Verdict::Undecided => Verdict::Garbage,
            verdict => verdict,
        };
        let kept = |key| self.scanner.field(key).and_then(Field::kept);
        Summary {
            verdict,
            complete: ended.is_ok(),
            usage: kept("usage")
                .or(kept("usageMetadata"))
                .and_then(Usage::parse)
                .or_else(|| kept("meta").and_then(Usage::of_meta))
                .unwrap_or_default(),
            model: kept("model")
                .or(kept("modelVersion"))
                .and_then(|json| serde_json::from_slice(json).ok()),
            error: self.error(),
        }
    }

    /// The error object, once it has come whole.
    pub fn error(&self) -> Option<ProviderError> {
        let field = self
            .scanner
            .field("error")
            .filter(|field| is_error(field))?;
        field.kept().map(|json| self.dialect.read_error(json))
    }

    fn told(&self) -> Verdict {
        // The one that came first counts: an answer is not taken back by what follows it.
        let error = self.scanner.field("error").filter(|field| is_error(field));
        let answer = self
            .answers()
            .filter(|field| field.kind != Kind::Array || field.filled);
        match (error, answer) {
            (Some(error), Some(answer)) if answer.start < error.start => Verdict::Good,
            (Some(_), _) => Verdict::ErrorObject,
            (None, Some(_)) => Verdict::Good,
            (None, None) => Verdict::Undecided,
        }
    }

    fn answers(&self) -> Option<&Field> {
        self.success
            .iter()
            .filter_map(|key| self.scanner.field(key))
            .find(|field| field.kind != Kind::Null)
    }
}

fn is_error(field: &Field) -> bool {
    matches!(field.kind, Kind::Object | Kind::String)
}

#[cfg(test)]
mod tests;
