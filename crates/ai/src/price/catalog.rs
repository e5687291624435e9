//! Prices that users bring, in US dollars per million tokens.
//!
//! ```json
//! {"models": {"my-model": {"input": 0.5, "output": "1.5", "cache_read": 0.05}}}
//! ```
//!
//! What is paid by the search has `search_unit`: US dollars for one of them.
//!
//! Catalogs by provider are read too: `{"providers": {"openai": {"models": …}}}`, or the same
//! without `providers`, as models.dev publishes them. A model's prices may stand in `cost` or
//! `rates`.

use std::sync::Arc;

use agw_core::price::{Price, Prices};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::json;
use crate::request::MODEL_LIMIT;

/// Decimals of a dollar that [`Price`] has.
const DIGITS: i64 = 6;
/// No model costs more for a million tokens.
const MOST: u64 = 1_000_000_000_000;

/// A catalog that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    pub prices: Prices,
    /// Rows that are left out.
    pub bad: Vec<BadRow>,
}

/// A row that has no price that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    pub model: String,
    pub why: &'static str,
}

/// Where a row stands decides what has to be in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The user's own table: each row is there for its price.
    Table,
    /// A list of all that providers have, some of it without a price.
    List,
}

/// Whether `text` may be a catalog, at a glance.
pub fn may_be(text: &str) -> bool {
    text.trim_start().starts_with('{') && text.contains("\"models\"")
}

impl Catalog {
    /// Reads a catalog. An error says what is wrong with the whole.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut body = json::object(text.as_bytes())?;
        let mut catalog = Self::default();
        match body.remove("models") {
            Some(Value::Object(models)) => catalog.rows(models, Kind::Table),
            Some(_) => return Err(Self::shapeless("models")),
            None => {
                let providers = match body.remove("providers") {
                    Some(Value::Object(providers)) => providers,
                    Some(_) => return Err(Self::shapeless("providers")),
                    None => body,
                };
                let mut found = false;
                for (_, mut provider) in providers {
                    if let Some(Value::Object(models)) = provider.get_mut("models").map(Value::take)
                    {
                        found = true;
                        catalog.rows(models, Kind::List);
                    }
                }
                if !found {
                    return Err(Self::shapeless("models"));
                }
            }
        }
        Ok(catalog)
    }

    fn shapeless(path: &str) -> Error {
        Error::WrongMember {
            path: path.into(),
            expected: "an object of models by their names",
        }
    }

    fn rows(&mut self, models: Map<String, Value>, kind: Kind) {
        for (model, row) in models {
            let read = match model.len() {
                1..=MODEL_LIMIT => price(row, kind),
                _ => Err("its name is empty or too long"),
            };
            match read {
                // Of a model that several providers have, the first one's counts.
                Ok(Some(price)) => {
                    self.prices.entry(Arc::from(model)).or_insert(price);
                }
                Ok(None) => {}
                Err(why) => self.bad.push(BadRow { model, why }),
            }
        }
    }
}

/// The price in a row; `None` where a list has none.
fn price(row: Value, kind: Kind) -> Result<Option<Price>, &'static str> {
    const ROW: &str = "its row is no object of prices";
    let Value::Object(mut row) = row else {
        return Err(ROW);
    };
    let inner = row.remove("cost").or_else(|| row.remove("rates"));
    let rates = match inner {
        Some(Value::Object(rates)) => rates,
        Some(Value::Null) if kind == Kind::List => return Ok(None),
        Some(_) => return Err(ROW),
        None => row,
    };
    let read = |keys: &[&str]| {
        let value = keys.iter().find_map(|key| rates.get(*key));
        value
            .filter(|value| !value.is_null())
            .map(micro_usd)
            .transpose()
    };
    let output = read(&["output"])?;
    let search_unit = read(&["search_unit", "searchUnit"])?;
    let input = match (read(&["input"])?, output, search_unit, kind) {
        (Some(input), ..) => input,
        (None, None, Some(_), _) => 0,
        (None, None, None, Kind::List) => return Ok(None),
        _ => return Err("it has no `input` price"),
    };
    Ok(Some(Price {
        input,
        output: output.unwrap_or(0),
        cached: read(&["cache_read", "cacheRead", "cached"])?,
        cache_write: read(&["cache_write", "cacheWrite"])?,
        search_unit,
    }))
}

/// Dollars as a number or a text, exactly.
fn micro_usd(value: &Value) -> Result<u64, &'static str> {
    const PRICE: &str = "a price of it is no number of dollars from 0 on";
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return Err(PRICE),
    };
    // JSON writes small numbers with an exponent.
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| PRICE)?),
        None => (text.as_str(), 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: String = [whole, fraction].concat();
    if whole.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) || digits.len() > 24 {
        return Err(PRICE);
    }
    let number: u128 = digits.parse().map_err(|_| PRICE)?;
    let decimals = i64::try_from(fraction.len()).map_err(|_| PRICE)?;
    let shift = i64::from(exponent) + DIGITS - decimals;
    let scaled = match u32::try_from(shift.unsigned_abs()).map(|n| 10u128.checked_pow(n)) {
        _ if number == 0 => Some(0),
        Ok(Some(power)) if shift >= 0 => number.checked_mul(power),
        Ok(Some(power)) if number.is_multiple_of(power) => Some(number / power),
        Ok(_) if shift < 0 => return Err("a price of it has more than six decimals"),
        _ => None,
    };
    scaled
        .and_then(|scaled| u64::try_from(scaled).ok())
        .filter(|scaled| *scaled <= MOST)
        .ok_or("a price of it is more than a million dollars")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Catalog {
        Catalog::parse(&value.to_string()).unwrap()
    }

    #[test]
    fn tables_and_lists_are_read_exactly() {
        let table = json!({"models": {
            "a": {"input": 2.5, "output": "10", "cache_read": 0.075, "cacheWrite": 1e-6},
            "b": {"cost": {"input": 0}},
            "c": {"search_unit": "0.002"},
        }});
        let price = read(&table).prices[&*Arc::<str>::from("a")];
        let expected = Price {
            input: 2_500_000,
            output: 10_000_000,
            cached: Some(75_000),
            cache_write: Some(1),
            search_unit: None,
        };
        assert_eq!(price, expected);
        assert_eq!(read(&table).prices["b"].input, 0);
        let searched = read(&table).prices["c"];
        assert_eq!((searched.input, searched.search_unit), (0, Some(2_000)));
        let rows = json!({"a": {"cost": {"input": 1.5, "output": 2}}, "free": {"id": "free"}});
        let list = json!({"openai": {"id": "openai", "models": rows},
            "other": {"models": {"a": {"rates": {"input": 7}}, "c": {"rates": {"input": 7}}}}});
        for list in [list.clone(), json!({"providers": list})] {
            let catalog = read(&list);
            assert_eq!(catalog.bad, []);
            let inputs = catalog.prices.iter().map(|(name, p)| (&**name, p.input));
            assert!(inputs.eq([("a", 1_500_000), ("c", 7_000_000)]));
        }
    }

    #[test]
    fn bad_rows_are_named_and_the_others_count() {
        let catalog = read(&json!({"models": {
            "good": {"input": 1},
            "nothing": {}, "text": "1", "negative": {"input": -1}, "word": {"input": "cheap"},
            "fine": {"input": 0.0000001}, "dear": {"input": 1e9}, "odd": {"input": true},
            "half": {"output": 1}, "": {"input": 1}, "nan": {"input": "."}, "list": {"cost": [1]},
        }}));
        assert_eq!(catalog.prices.len(), 1);
        let bad: Vec<_> = catalog.bad.iter().map(|row| row.model.as_str()).collect();
        assert_eq!(bad.len(), 11, "{bad:?}");
        let why = |name: &str| {
            catalog
                .bad
                .iter()
                .find(|row| row.model == name)
                .unwrap()
                .why
        };
        assert!(why("fine").contains("six decimals") && why("dear").contains("million"));
        assert!(why("half").contains("`input`"));
    }

    #[test]
    fn what_is_no_catalog_is_an_error() {
        for text in [
            "",
            "[]",
            "{",
            "{}",
            r#"{"models":[]}"#,
            r#"{"openai":{}}"#,
            r#"{"providers":1}"#,
        ] {
            assert!(Catalog::parse(text).is_err(), "{text}");
        }
        assert!(may_be(" {\"models\": {}}") && !may_be("-----BEGIN CERTIFICATE-----"));
    }
}
