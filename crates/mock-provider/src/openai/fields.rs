//! Typed access to a request body, with OpenAI's errors for what does not fit.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::error::ApiError;

/// The fields of a JSON object; `null` is absent.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    /// Where the object is, as in `messages[0]`; empty for the body.
    path: String,
}

// === impl Fields ===

impl<'a> Fields<'a> {
    pub(super) fn root(object: &'a Map<String, Value>) -> Self {
        Self {
            object,
            path: String::new(),
        }
    }

    /// A nested object that must be one.
    pub(super) fn nested(value: &'a Value, path: String) -> Result<Self, ApiError> {
        match value {
            Value::Object(object) => Ok(Self { object, path }),
            other => Err(wrong(path, "an object", other)),
        }
    }

    /// The full name of a field, for errors.
    pub(super) fn path(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// The value as it came, or `default`: for fields that an answer repeats.
    pub(super) fn or(&self, name: &str, default: Value) -> Value {
        self.get(name).cloned().unwrap_or(default)
    }

    pub(super) fn required(&self, name: &str) -> Result<&'a Value, ApiError> {
        self.get(name).ok_or_else(|| ApiError::Missing {
            param: self.path(name),
        })
    }

    pub(super) fn string(&self, name: &str) -> Result<Option<&'a str>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(self.path(name), "a string", other)),
        }
    }

    pub(super) fn required_string(&self, name: &str) -> Result<&'a str, ApiError> {
        self.string(name)?.ok_or_else(|| ApiError::Missing {
            param: self.path(name),
        })
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(wrong(self.path(name), "a boolean", other)),
        }
    }

    pub(super) fn array(&self, name: &str) -> Result<Option<&'a [Value]>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(other) => Err(wrong(self.path(name), "an array", other)),
        }
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<Self>, ApiError> {
        self.get(name)
            .map(|value| Self::nested(value, self.path(name)))
            .transpose()
    }

    pub(super) fn integer(
        &self,
        name: &str,
        range: RangeInclusive<usize>,
    ) -> Result<Option<usize>, ApiError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let number = match value {
            Value::Number(number) if !number.is_f64() => number,
            other => return Err(wrong(self.path(name), "an integer", other)),
        };
        let path = self.path(name);
        let below = number.as_i64().is_some_and(|number| number < 0);
        match number
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
        {
            Some(number) if range.contains(&number) => Ok(Some(number)),
            Some(number) if number > *range.end() => Err(ApiError::value(
                &path,
                "integer_above_max_value",
                format!(
                    "Invalid '{path}': integer above maximum value. Expected a value <= {}, but got {number} instead.",
                    range.end()
                ),
            )),
            found if found.is_some() || below => Err(ApiError::value(
                &path,
                "integer_below_min_value",
                format!(
                    "Invalid '{path}': integer below minimum value. Expected a value >= {}, but got {number} instead.",
                    range.start()
                ),
            )),
            _ => Err(wrong(path, "an integer", value)),
        }
    }

    pub(super) fn number(
        &self,
        name: &str,
        range: RangeInclusive<f64>,
    ) -> Result<Option<f64>, ApiError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let path = self.path(name);
        let Some(number) = value.as_f64() else {
            return Err(wrong(path, "a decimal", value));
        };
        if range.contains(&number) {
            return Ok(Some(number));
        }
        let (code, message) = if number < *range.start() {
            (
                "decimal_below_min_value",
                format!("below minimum value. Expected a value >= {}", range.start()),
            )
        } else {
            (
                "decimal_above_max_value",
                format!("above maximum value. Expected a value <= {}", range.end()),
            )
        };
        Err(ApiError::value(
            &path,
            code,
            format!("Invalid '{path}': decimal {message}, but got {number} instead."),
        ))
    }
}

/// A value of a wrong type.
pub(super) fn wrong(param: String, expected: &'static str, value: &Value) -> ApiError {
    let got = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    ApiError::Type {
        param,
        expected,
        got,
    }
}

/// One of a fixed set of names, with OpenAI's error when it is none of them.
pub(super) fn one_of<T: Copy>(
    path: &str,
    value: &str,
    options: &[(&str, T)],
) -> Result<T, ApiError> {
    options
        .iter()
        .find(|(name, _)| *name == value)
        .map(|(_, option)| *option)
        .ok_or_else(|| {
            let names: Vec<String> = options
                .iter()
                .map(|(name, _)| format!("'{name}'"))
                .collect();
            let message = format!(
                "Invalid value: '{value}'. Supported values are: {}.",
                names.join(", ")
            );
            ApiError::value(path, "invalid_value", message)
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_errors_as_openai_does() {
        let body = json!({"a": 1, "n": 0, "big": 200, "neg": -1, "t": 3.5, "s": "x", "nul": null});
        let Value::Object(body) = body else {
            unreachable!()
        };
        let body = Fields::root(&body);
        for (error, expected) in [
            (
                body.string("a").map(drop),
                "Invalid type for 'a': expected a string, but got an integer instead.",
            ),
            (
                body.integer("n", 1..=128).map(drop),
                "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.",
            ),
            (
                body.integer("neg", 1..=128).map(drop),
                "Invalid 'neg': integer below minimum value. Expected a value >= 1, but got -1 instead.",
            ),
            (
                body.integer("big", 1..=128).map(drop),
                "Invalid 'big': integer above maximum value. Expected a value <= 128, but got 200 instead.",
            ),
            (
                body.number("t", 0.0..=2.0).map(drop),
                "Invalid 't': decimal above maximum value. Expected a value <= 2, but got 3.5 instead.",
            ),
            (
                body.required("nul").map(drop),
                "Missing required parameter: 'nul'.",
            ),
            (
                one_of("r", "y", &[("x", ()), ("z", ())]),
                "Invalid value: 'y'. Supported values are: 'x', 'z'.",
            ),
        ] {
            assert_eq!(error.unwrap_err().to_string(), expected);
        }
        assert_eq!(body.string("nul").unwrap(), None);
        assert_eq!(body.string("s").unwrap(), Some("x"));
    }
}
