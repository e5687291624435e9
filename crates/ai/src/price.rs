//! What tokens and searches cost, by the providers' public price lists.

mod catalog;

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use agw_core::price::Prices;
use serde::Deserialize;

use crate::usage::Usage;

pub use agw_core::price::Price;
pub use catalog::{BadRow, Catalog, may_be};

/// Prices by model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceTable {
    /// Where the prices are from.
    pub source: String,
    /// When they were.
    pub date: String,
    pub models: HashMap<String, Price>,
}

/// Thousandths of a millionth of a US dollar: sums of it are exact, and small requests do not round
/// to nothing. Shown as dollars, in decimal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NanoUsd(pub u64);

impl NanoUsd {
    const PER_USD: u64 = 1_000_000_000;

    /// Both; at most what a `u64` holds, which is eighteen billion dollars.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// For what takes floating point alone, such as an exposition of metrics.
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact below 2^53 nano-dollars, nine million dollars"
    )]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / Self::PER_USD as f64
    }
}

impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, mut rest) = (self.0 / Self::PER_USD, self.0 % Self::PER_USD);
        write!(f, "{dollars}")?;
        if rest == 0 {
            return Ok(());
        }
        let mut digits = 9;
        while rest % 10 == 0 {
            (rest, digits) = (rest / 10, digits - 1);
        }
        write!(f, ".{rest:0digits$}")
    }
}

impl PriceTable {
    /// The table that comes with the program.
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<PriceTable> = LazyLock::new(|| {
            PriceTable::parse(include_str!("prices.json")).expect("a test parses the same file")
        });
        &BUILTIN
    }

    /// Reads a table in the form of `prices.json`.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The price of `model`, of which `own` knows before this table: of that very name, else of the
    /// name without a vendor before a slash, else without the dates and versions at its end,
    /// nearest first. Fine-tuned models (`ft:…`) cost something else and have none but their own.
    pub fn price<'t>(&'t self, own: &'t Prices, model: &str) -> Option<&'t Price> {
        let known = |name: &str| own.get(name).or_else(|| self.models.get(name));
        let mut name = model;
        if let Some(price) = known(name) {
            return Some(price);
        }
        name = name.rsplit('/').next().unwrap_or(name);
        loop {
            if let Some(price) = known(name) {
                return Some(price);
            }
            name = undated(name)?;
        }
    }

    /// Cost of `usage` with `model`. `None` when the model has no price or nothing is known of the
    /// usage.
    pub fn cost(&self, own: &Prices, model: &str, usage: &Usage) -> Option<NanoUsd> {
        let tokens = usage.input.is_some() || usage.output.is_some();
        let price = self.price(own, model)?;
        let searches = usage.search_units.is_some() && price.search_unit.is_some();
        (tokens || searches).then(|| cost(price, usage))
    }
}

/// See [`PriceTable::cost`].
fn cost(price: &Price, usage: &Usage) -> NanoUsd {
    let input = usage.input.unwrap_or(0);
    let cached = usage.cached.unwrap_or(0).min(input);
    let written = usage.cache_write.unwrap_or(0).min(input - cached);
    let parts = [
        (input - cached - written, price.input),
        (cached, price.cached.unwrap_or(price.input)),
        (written, price.cache_write.unwrap_or(price.input)),
        (usage.output.unwrap_or(0), price.output),
    ];
    let tokens: u128 = parts
        .iter()
        .map(|(n, price)| u128::from(*n) * u128::from(*price))
        .sum();
    // Micro-USD per million tokens are pico-USD per token.
    let tokens = tokens / 1000;
    let units = u128::from(usage.search_units.unwrap_or(0));
    let searches = units * u128::from(price.search_unit.unwrap_or(0));
    let sum = searches.saturating_mul(1000).saturating_add(tokens);
    NanoUsd(u64::try_from(sum).unwrap_or(u64::MAX))
}

/// `model` without the last date or version at its end: `-2024-08-06`, `-20250514`, `@20250514`,
/// `-0613`, `-001`, `-latest`.
fn undated(model: &str) -> Option<&str> {
    let digits = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let (head, tail) = model.rsplit_once(['-', '@'])?;
    if tail == "latest" || digits(tail, 8) || digits(tail, 4) || digits(tail, 3) {
        return Some(head);
    }
    if !digits(tail, 2) {
        return None;
    }
    let (head, month) = head.rsplit_once('-')?;
    let (head, year) = head.rsplit_once('-')?;
    (digits(month, 2) && digits(year, 4)).then_some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(input: u64, output: u64) -> Usage {
        Usage {
            input: Some(input),
            output: Some(output),
            ..Usage::default()
        }
    }

    #[test]
    fn finds_a_price_by_name_and_by_what_a_dated_name_is_a_version_of() {
        let table = PriceTable::builtin();
        let cases = [
            ("gpt-4o", Some("gpt-4o")),
            ("gpt-4o-2024-08-06", Some("gpt-4o")),
            ("gpt-4o-mini-2024-07-18", Some("gpt-4o-mini")),
            ("openai/gpt-4o-mini", Some("gpt-4o-mini")),
            ("gpt-3.5-turbo-0125", Some("gpt-3.5-turbo")),
            ("gpt-4-0613", Some("gpt-4")),
            ("claude-sonnet-4-20250514", Some("claude-sonnet-4")),
            ("claude-sonnet-4@20250514", Some("claude-sonnet-4")),
            ("claude-3-5-haiku-latest", Some("claude-3-5-haiku")),
            ("gemini-2.0-flash-001", Some("gemini-2.0-flash")),
            ("ft:gpt-4o-mini-2024-07-18:org::id", None),
            ("gpt-4o-secret", None),
            ("", None),
        ];
        for (model, same_as) in cases {
            assert_eq!(
                table.price(&Prices::new(), model),
                same_as.map(|name| &table.models[name]),
                "{model}"
            );
        }
        // A version that has a price of its own is not priced as its family.
        let own = Prices::new();
        let price = |model| table.price(&own, model);
        assert_ne!(price("gpt-4o-2024-05-13"), price("gpt-4o"));
    }

    #[test]
    fn prices_of_ones_own_go_first_where_they_are_as_near() {
        let table = PriceTable::builtin();
        let mine = Price {
            input: 7,
            output: 8,
            ..Price::default()
        };
        let own = Prices::from([("gpt-4o".into(), mine), ("ft:x".into(), mine)]);
        for (model, is_mine) in [
            ("gpt-4o", true),
            ("openai/gpt-4o", true),
            ("gpt-4o-2024-08-06", true),
            // The program knows this very version.
            ("gpt-4o-2024-05-13", false),
            ("gpt-4o-mini", false),
            ("ft:x", true),
        ] {
            assert_eq!(table.price(&own, model) == Some(&mine), is_mine, "{model}");
        }
        let cost = table.cost(&own, "gpt-4o", &tokens(1_000_000, 1_000_000));
        assert_eq!(cost, Some(NanoUsd(15_000)));
    }

    #[test]
    fn small_requests_have_a_cost_and_cached_tokens_their_own_price() {
        let table = PriceTable::builtin();
        let own = Prices::new();
        let cost = |model, usage: Usage| table.cost(&own, model, &usage).map(|cost| cost.0);
        assert_eq!(cost("gpt-4o-mini", tokens(1, 1)), Some(150 + 600));
        assert_eq!(
            cost("gpt-4o", tokens(1_000_000, 1_000_000)),
            Some(12_500_000_000)
        );
        let cached = Usage {
            cached: Some(600),
            ..tokens(1000, 0)
        };
        assert_eq!(cost("gpt-4o", cached), Some(400 * 2500 + 600 * 1250));
        let odd = Usage {
            cached: Some(5000),
            ..tokens(1000, 0)
        };
        assert_eq!(cost("gpt-4o", odd), Some(1000 * 1250));
        let written = Usage {
            cached: Some(100),
            cache_write: Some(200),
            ..tokens(1000, 10)
        };
        let expected = 700 * 3000 + 100 * 300 + 200 * 3750 + 10 * 15_000;
        assert_eq!(cost("claude-sonnet-4-5", written), Some(expected));
        let embedded = Usage {
            input: Some(50),
            ..Usage::default()
        };
        assert_eq!(cost("text-embedding-3-small", embedded), Some(50 * 20));
        assert_eq!(cost("gpt-4o", Usage::default()), None);
        assert_eq!(cost("unknown", tokens(1, 1)), None);
        assert_eq!(cost("gpt-4o", tokens(u64::MAX, u64::MAX)), Some(u64::MAX));
    }

    #[test]
    fn searches_cost_by_the_unit() {
        let table = PriceTable::builtin();
        let searches = |units, tokens| Usage {
            search_units: Some(units),
            input: tokens,
            ..Usage::default()
        };
        let cost = |model, units, tokens| {
            let cost = table.cost(&Prices::new(), model, &searches(units, tokens));
            cost.map(|cost| cost.to_string())
        };
        // Two dollars a thousand, whatever its tokens.
        assert_eq!(cost("rerank-v3.5", 1, None).unwrap(), "0.002");
        assert_eq!(cost("cohere.rerank-v3-5:0", 3, None).unwrap(), "0.006");
        assert_eq!(cost("amazon.rerank-v1:0", 7, Some(900)).unwrap(), "0.007");
        let ranker = "semantic-ranker-default@latest";
        assert_eq!(cost(ranker, 2, None).unwrap(), "0.002");
        // Known, but not by the search.
        assert_eq!(cost("gpt-4o", 1, None), None);
        let both = Price {
            input: 500_000,
            search_unit: Some(1),
            ..Price::default()
        };
        let own = Prices::from([("both".into(), both)]);
        let cost = table.cost(&own, "both", &searches(5, Some(10)));
        assert_eq!(cost, Some(NanoUsd(5 * 1000 + 10 * 500)));
        let all = table.cost(&own, "both", &searches(u64::MAX, Some(u64::MAX)));
        assert_eq!(all, Some(NanoUsd(u64::MAX)));
    }

    #[test]
    fn money_is_shown_in_full_and_adds_up() {
        for (nano, shown) in [
            (0, "0"),
            (1, "0.000000001"),
            (750, "0.00000075"),
            (1_000_000_000, "1"),
            (12_500_000_000, "12.5"),
        ] {
            assert_eq!(NanoUsd(nano).to_string(), shown);
        }
        let tenths = (0..10).fold(NanoUsd(0), |sum, _| sum.plus(NanoUsd(100_000_000)));
        assert_eq!((tenths.to_string().as_str(), tenths.dollars()), ("1", 1.0));
        assert_eq!(NanoUsd(u64::MAX).plus(NanoUsd(1)), NanoUsd(u64::MAX));
    }

    #[test]
    fn cached_tokens_never_cost_more_than_fresh_ones() {
        let table = PriceTable::builtin();
        assert!(table.models.len() > 40);
        let by_tokens = |price: &Price| price.search_unit.is_none();
        let models = table.models.iter();
        for (model, price) in models.filter(|(_, price)| by_tokens(price)) {
            assert!(price.cached.unwrap_or(0) < price.input, "{model}");
            assert!(
                price.cache_write.is_none_or(|write| write > price.input),
                "{model}"
            );
        }
    }
}
