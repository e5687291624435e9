//! Results of expressions, free of the evaluator's types.

use cel::ExecutionError;
use cel::common::types::{
    CelBool, CelBytes, CelDouble, CelInt, CelNull, CelOptional, CelString, CelUInt, Kind,
};
use cel::common::value::Val;
use http::HeaderValue;
use serde_json::Value as Tree;

use super::error::{EvalError, Limit};
use super::limits::JSON_DEPTH;
use super::{functions, json};

/// What an expression evaluated to.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A signed whole number.
    Int(i64),
    /// An unsigned whole number.
    UInt(u64),
    /// A floating-point number, possibly not finite.
    Double(f64),
    /// Text; also timestamps (RFC 3339), durations (seconds, `1.5s`) and types.
    String(String),
    /// Bytes that are not text.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A map, its keys as text: in the order of the JSON it came from, else sorted.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// The value as JSON: bytes as base64, numbers that JSON does not have as `null`.
    pub fn to_json(&self) -> Tree {
        match self {
            Value::Null => Tree::Null,
            Value::Bool(value) => Tree::Bool(*value),
            Value::Int(value) => Tree::from(*value),
            Value::UInt(value) => Tree::from(*value),
            Value::Double(value) => Tree::from(*value),
            Value::String(text) => Tree::from(text.as_str()),
            Value::Bytes(bytes) => Tree::from(functions::encode_base64(bytes)),
            Value::List(items) => items.iter().map(Value::to_json).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.clone(), value.to_json()))
                .collect(),
        }
    }

    /// The text of a string value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

/// Copies a value out of the evaluation.
pub(super) fn copy(value: &dyn Val, depth: usize) -> Result<Value, ExecutionError> {
    if depth > JSON_DEPTH {
        return Err(functions::error("@limit", "depth"));
    }
    if let Some(value) = value.downcast_ref::<CelString<'_>>() {
        return Ok(Value::String(value.inner().to_owned()));
    }
    if let Some(value) = value.downcast_ref::<CelBool>() {
        return Ok(Value::Bool(*value.inner()));
    }
    if let Some(value) = value.downcast_ref::<CelInt>() {
        return Ok(Value::Int(*value.inner()));
    }
    if let Some(value) = value.downcast_ref::<CelUInt>() {
        return Ok(Value::UInt(*value.inner()));
    }
    if let Some(value) = value.downcast_ref::<CelDouble>() {
        return Ok(Value::Double(*value.inner()));
    }
    if value.downcast_ref::<CelNull>().is_some() {
        return Ok(Value::Null);
    }
    if let Some(value) = value.downcast_ref::<CelBytes<'_>>() {
        return Ok(Value::Bytes(value.inner().to_vec()));
    }
    if let Some(value) = value.downcast_ref::<CelOptional<'_>>() {
        return match value.option() {
            Some(value) => copy(value, depth + 1),
            None => Err(ExecutionError::no_such_key("the optional value")),
        };
    }
    match value.get_type().kind() {
        Kind::List => {
            let items = json::elements(value)?.into_iter();
            items
                .map(|item| copy(item, depth + 1))
                .collect::<Result<_, _>>()
                .map(Value::List)
        }
        Kind::Map => {
            let entries = json::entries(value)?.into_iter();
            let entry = |(key, item): (String, Box<dyn Val + '_>)| {
                copy(item.as_ref(), depth + 1).map(|item| (key, item))
            };
            entries.map(entry).collect::<Result<_, _>>().map(Value::Map)
        }
        Kind::Type => Ok(Value::String(type_name(value))),
        _ => functions::to_text(value).map(Value::String),
    }
}

fn type_name(value: &dyn Val) -> String {
    let named = value.downcast_ref::<cel::common::types::CelType>();
    named.map_or_else(String::new, |named| named.name().to_owned())
}

/// The value as a header: text and bytes as they are, numbers and booleans printed, lists and maps
/// as JSON.
pub(super) fn header(value: &dyn Val, source: &str) -> Result<HeaderValue, EvalError> {
    let unusable = |got| EvalError::Unusable {
        got,
        want: "a header value",
    };
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        return HeaderValue::from_str(text.inner())
            .or_else(|_| HeaderValue::from_bytes(text.inner().as_bytes()))
            .map_err(|_| unusable("string with control characters"));
    }
    if let Some(bytes) = value.downcast_ref::<CelBytes<'_>>() {
        let bytes = HeaderValue::from_bytes(bytes.inner());
        return bytes.map_err(|_| unusable("bytes value with control characters"));
    }
    if let Some(optional) = value.downcast_ref::<CelOptional<'_>>() {
        let inner = optional.option();
        let inner = inner.ok_or_else(|| EvalError::Absent("the optional value".to_owned()))?;
        return header(inner, source);
    }
    let printed = match value.get_type().kind() {
        Kind::NullType => return Err(unusable("null")),
        Kind::List | Kind::Map => {
            let mut out = String::new();
            json::write(&mut out, value, 0).map_err(|error| from_cel(error, source))?;
            out
        }
        Kind::Type => type_name(value),
        _ => functions::to_text(value).map_err(|error| from_cel(error, source))?,
    };
    HeaderValue::from_str(&printed)
        .or_else(|_| HeaderValue::from_bytes(printed.as_bytes()))
        .map_err(|_| unusable("value that prints control characters"))
}

/// The boolean in `value`.
pub(super) fn boolean(value: &dyn Val) -> Result<bool, EvalError> {
    value
        .downcast_ref::<CelBool>()
        .map(|yes| *yes.inner())
        .ok_or(EvalError::Unusable {
            got: kind_name(value),
            want: "a boolean",
        })
}

fn kind_name(value: &dyn Val) -> &'static str {
    match value.get_type().kind() {
        Kind::Bytes => "bytes value",
        Kind::Double => "double",
        Kind::Duration => "duration",
        Kind::Int => "int",
        Kind::List => "list",
        Kind::Map => "map",
        Kind::NullType => "null",
        Kind::String => "string",
        Kind::Timestamp => "timestamp",
        Kind::UInt => "uint",
        _ => "value of this type",
    }
}

/// The evaluator's error, for the expression `source`, without the values it carries.
pub(super) fn from_cel(error: ExecutionError, source: &str) -> EvalError {
    match error {
        ExecutionError::UndeclaredReference(name) => match name.trim_start_matches('.') {
            "@request.json" => EvalError::NotJson("request.body"),
            "@response.json" => EvalError::NotJson("response.body"),
            "@random" | "@uuid" => EvalError::Absent("the source of random numbers".to_owned()),
            "@now" => EvalError::Absent("the time".to_owned()),
            name => EvalError::Absent(name.to_owned()),
        },
        // A key that the expression computed is request data.
        ExecutionError::NoSuchKey(key) if source.contains(&**key) => {
            EvalError::Absent(format!("`{key}`"))
        }
        ExecutionError::NoSuchKey(_) => EvalError::Absent("the key".to_owned()),
        ExecutionError::IndexOutOfBounds(_) => EvalError::Absent("the list element".to_owned()),
        ExecutionError::FunctionError { function, message } => {
            function_error(&function, message.strip_prefix(functions::OWN_REASON))
        }
        ExecutionError::UnexpectedType { got, want } if is_container(&got) => match &*want {
            "iterable" | "missing trait Sizer" => EvalError::Limit(Limit::Entries),
            _ => EvalError::Type(format!("got {got}, want {want}")),
        },
        // `got` may be a value in its debug form.
        ExecutionError::UnexpectedType { want, .. } => EvalError::Type(format!("want {want}")),
        ExecutionError::NoSuchOverload(overload) => EvalError::Type(overload.to_string()),
        ExecutionError::DivisionByZero(_)
        | ExecutionError::RemainderByZero(_)
        | ExecutionError::Overflow(..) => EvalError::Arithmetic,
        ExecutionError::UnsupportedBinaryOperator(operator, ..) => {
            EvalError::Type(format!("these values have no `{operator}`"))
        }
        ExecutionError::ValuesNotComparable(..) => {
            EvalError::Type("these values cannot be compared".to_owned())
        }
        ExecutionError::DuplicateKey(_) => EvalError::Type("a map repeats a key".to_owned()),
        _ => EvalError::Type("no such operation on this value".to_owned()),
    }
}

/// An error of `function`, and its reason if that is fit to print.
fn function_error(function: &str, reason: Option<&str>) -> EvalError {
    match (function, reason) {
        ("@limit", Some("depth")) => EvalError::Limit(Limit::Depth),
        ("@limit", Some("length")) => EvalError::Limit(Limit::Length),
        ("@limit", _) => EvalError::Limit(Limit::Entries),
        ("json", Some("not JSON")) => EvalError::NotJson("the argument of json()"),
        ("fail", _) => EvalError::Failed,
        _ => EvalError::Function {
            function: function.trim_start_matches('@').to_owned(),
            reason: reason.unwrap_or("it does not take this value").to_owned(),
        },
    }
}

fn is_container(name: &str) -> bool {
    matches!(name, "list" | "map")
}
