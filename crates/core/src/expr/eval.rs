//! One evaluation: the variables of an expression, visible and hidden, and what it may still spend.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cel::common::types::{CelBool, CelDouble, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Value as CelValue};

use super::compile::Compiled;
use super::error::{EvalError, Limit};
use super::functions::{self, ENVIRONMENT};
use super::input::Input;
use super::json;
use super::limits::STEPS;
use super::record::{self, Record};
use super::value::from_cel;

static TRUE: std::sync::LazyLock<CelBool> = std::sync::LazyLock::new(|| CelBool::from(true));

/// Evaluates `compiled` and hands the result, which borrows the input, to `using`.
pub(super) fn evaluate<T>(
    compiled: &Compiled,
    input: &Input<'_>,
    using: impl FnOnce(&dyn Val) -> Result<T, EvalError>,
) -> Result<T, EvalError> {
    let evaluation = Evaluation {
        compiled,
        input,
        steps: AtomicU32::new(STEPS),
    };
    let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
    context.set_variable_resolver(&evaluation);
    let result = CelValue::resolve_val(&compiled.tree, &context);
    // `default()` must not turn an exhausted budget into its fallback.
    if evaluation.steps.load(Ordering::Relaxed) == 0 {
        return Err(EvalError::Limit(Limit::Steps));
    }
    match result {
        Ok(value) => using(value.as_ref()),
        Err(error) => Err(match from_cel(error, &compiled.source) {
            EvalError::NotJson(body @ "request.body") if !input.has_request_body() => {
                EvalError::Absent(body.to_owned())
            }
            EvalError::NotJson(body @ "response.body") if !input.has_response_body() => {
                EvalError::Absent(body.to_owned())
            }
            error => error,
        }),
    }
}

// The resolver must be shareable between threads though an evaluation never leaves its own: the
// counter is atomic for the type's sake, and relaxed.
struct Evaluation<'e, 'a> {
    compiled: &'e Compiled,
    input: &'e Input<'a>,
    steps: AtomicU32,
}

impl Evaluation<'_, '_> {
    /// Takes one step; `None` if none are left.
    fn step(&self) -> Option<CowVal<'static, 'static>> {
        let left = self.steps.load(Ordering::Relaxed).checked_sub(1)?;
        self.steps.store(left, Ordering::Relaxed);
        (left > 0).then(|| CowVal::Borrowed(&*TRUE as &dyn Val))
    }

    /// The next number of the sequence that `Input::random` seeds (SplitMix64).
    fn random(&self) -> Option<u64> {
        const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
        let seed = self.input.random?;
        let drawn = self
            .input
            .drawn
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_add(1);
        let state = seed.wrapping_add(drawn.wrapping_mul(GAMMA));
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(mixed ^ (mixed >> 31))
    }

    /// A random (version 4) UUID, RFC 9562 §5.4.
    fn uuid(&self) -> Option<String> {
        let bits = u128::from(self.random()?) << 64 | u128::from(self.random()?);
        let bits = bits & !(0xf << 76) | (0x4 << 76);
        let bits = bits & !(0x3 << 62) | (0x2 << 62);
        let hex = format!("{bits:032x}");
        let (a, b, c, d, e) = (
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        );
        Some(format!("{a}-{b}-{c}-{d}-{e}"))
    }

    /// Variables that the compiler writes; users cannot, for `@` is no part of a name.
    fn hidden<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let bool = |yes| CowVal::owned(CelBool::from(yes));
        match name {
            "@step" => self.step(),
            "@request.json" => self.input.request_json().map(|v| CowVal::Borrowed(&**v)),
            "@response.json" => self.input.response_json().map(|v| CowVal::Borrowed(&**v)),
            "@now" => record::timestamp(self.input.now?).map(CowVal::Owned),
            // 53 bits fill the fraction of a double: 0 up to, not including, 1.
            "@random" => {
                let fraction = (self.random()? >> 11) as f64 / (1_u64 << 53) as f64;
                Some(CowVal::owned(CelDouble::from(fraction)))
            }
            "@uuid" => self.uuid().map(|uuid| CowVal::owned(CelString::from(uuid))),
            _ => match name.strip_prefix("@has.") {
                Some(root) => Some(bool(self.resolve(root).is_some())),
                None => {
                    let index: usize = name.strip_prefix("@regex.")?.parse().ok()?;
                    let pattern: &functions::Pattern = self.compiled.patterns.get(index)?;
                    Some(CowVal::Borrowed(pattern))
                }
            },
        }
    }
}

impl VariableResolver for Evaluation<'_, '_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        fn record<'b>(fields: &'b dyn record::Fields) -> CowVal<'b, 'b> {
            CowVal::owned(Record::part(fields))
        }
        if variable.starts_with('@') {
            return self.hidden(variable);
        }
        let input = self.input;
        let tree = match variable {
            "request" => return input.request.as_ref().map(|part| record(part)),
            "response" => return input.response.as_ref().map(|part| record(part)),
            "source" => return input.source.as_ref().map(|part| record(part)),
            "llm" => return input.llm.as_ref().map(|part| record(part)),
            "jwt" => input.jwt?,
            "apiKey" => input.api_key?,
            "basicAuth" => input.basic_auth?,
            "mcp" => input.mcp?,
            "backend" => input.backend?,
            "metadata" => input.metadata?,
            "extauthz" => input.extauthz?,
            "llmRequest" => input.llm_request?,
            _ => return None,
        };
        Some(CowVal::Owned(json::tree(tree)))
    }
}
