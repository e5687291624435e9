//! The written forms of a fault: the header list, the JSON object, and back.

use std::{borrow::Cow, fmt, num::NonZeroU32, str::FromStr, time::Duration};

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{Action, Fault, FaultError, FaultRule};

/// Every field, in the order in which it is written.
const FIELDS: [Field; 12] = [
    Field::Status,
    Field::RetryAfter,
    Field::Delay,
    Field::ChunkDelay,
    Field::CutAfter,
    Field::EndAfter,
    Field::ErrorIn200,
    Field::EmptyStream,
    Field::Garbage,
    Field::Silence,
    Field::Reset,
    Field::Times,
];

/// An hour: longer waits are `silence`.
const LONGEST_DELAY: Duration = Duration::from_secs(3600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Status,
    RetryAfter,
    Delay,
    ChunkDelay,
    CutAfter,
    EndAfter,
    ErrorIn200,
    EmptyStream,
    Garbage,
    Silence,
    Reset,
    Times,
}

/// A value as written: absent (`garbage`), or text (`cut-after=3`).
#[derive(Clone, Debug)]
enum Written<'a> {
    Bare,
    Text(Cow<'a, str>),
}

/// Fields collected so far.
#[derive(Debug, Default)]
struct Draft {
    seen: Vec<Field>,
    delay: Duration,
    chunk_delay: Option<Duration>,
    retry_after: Option<u32>,
    times: Option<NonZeroU32>,
    action: Option<(Field, Action)>,
}

/// The names a user may write, for error texts.
pub(super) fn allowed() -> String {
    FIELDS.map(Field::name).join(", ")
}

// === impl Field ===

impl Field {
    fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::RetryAfter => "retry-after",
            Self::Delay => "delay",
            Self::ChunkDelay => "chunk-delay",
            Self::CutAfter => "cut-after",
            Self::EndAfter => "end-after",
            Self::ErrorIn200 => "error-in-200",
            Self::EmptyStream => "empty-stream",
            Self::Garbage => "garbage",
            Self::Silence => "silence",
            Self::Reset => "reset",
            Self::Times => "times (control API only)",
        }
    }

    /// Finds a field by name; `retry_after` is `retry-after`.
    fn find(written: &str) -> Option<Self> {
        let same = |name: &str| {
            name.len() == written.len()
                && name.bytes().zip(written.bytes()).all(|(name, byte)| {
                    name == byte.to_ascii_lowercase() || (name == b'-' && byte == b'_')
                })
        };
        if same("times") {
            return Some(Self::Times);
        }
        FIELDS.into_iter().find(|field| same(field.name()))
    }

    fn invalid(self, value: &str, expected: &'static str) -> FaultError {
        let field = if self == Self::Times {
            "times"
        } else {
            self.name()
        };
        FaultError::Value {
            field,
            value: value.chars().take(64).collect(),
            expected,
        }
    }
}

// === impl Written ===

impl Written<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Bare => "",
            Self::Text(text) => text,
        }
    }

    fn whole_number(&self, field: Field, expected: &'static str) -> Result<u32, FaultError> {
        self.text()
            .parse()
            .map_err(|_| field.invalid(self.text(), expected))
    }

    fn duration(&self, field: Field) -> Result<Duration, FaultError> {
        const EXPECTED: &str = "a whole number with 'ms' or 's', at most one hour, as in 200ms";
        let text = self.text();
        let (digits, unit) = match text.strip_suffix("ms") {
            Some(digits) => (digits, 1),
            None => text
                .strip_suffix('s')
                .map_or((text, 1), |digits| (digits, 1000)),
        };
        digits
            .trim_end()
            .parse::<u32>()
            .ok()
            .map(|count| Duration::from_millis(u64::from(count) * unit))
            .filter(|duration| *duration <= LONGEST_DELAY)
            .ok_or_else(|| field.invalid(text, EXPECTED))
    }

    fn flag(&self, field: Field) -> Result<(), FaultError> {
        match self {
            Self::Bare => Ok(()),
            Self::Text(text) => Err(field.invalid(text, "no value")),
        }
    }
}

// === impl Draft ===

impl Draft {
    fn set(&mut self, field: Field, value: &Written<'_>) -> Result<(), FaultError> {
        const COUNT: &str = "a whole number of chunks";
        if self.seen.contains(&field) {
            return Err(FaultError::Twice {
                field: field.name(),
            });
        }
        self.seen.push(field);
        let action = match field {
            Field::Delay => {
                self.delay = value.duration(field)?;
                return Ok(());
            }
            Field::ChunkDelay => {
                self.chunk_delay = Some(value.duration(field)?);
                return Ok(());
            }
            Field::RetryAfter => {
                self.retry_after = Some(value.whole_number(field, "a whole number of seconds")?);
                return Ok(());
            }
            Field::Times => {
                let times = value.whole_number(field, "a whole number above 0")?;
                let times = NonZeroU32::new(times)
                    .ok_or_else(|| field.invalid(value.text(), "a whole number above 0"))?;
                self.times = Some(times);
                return Ok(());
            }
            Field::Status => Action::Status {
                code: status(field, value)?,
                retry_after: None,
            },
            Field::CutAfter => Action::CutAfter(value.whole_number(field, COUNT)?),
            Field::EndAfter => Action::EndAfter(value.whole_number(field, COUNT)?),
            Field::ErrorIn200 => Action::ErrorIn200 {
                after: match value {
                    Written::Bare => 0,
                    Written::Text(_) => value.whole_number(field, COUNT)?,
                },
            },
            Field::EmptyStream => value.flag(field).map(|()| Action::EmptyStream)?,
            Field::Garbage => value.flag(field).map(|()| Action::Garbage)?,
            Field::Silence => value.flag(field).map(|()| Action::Silence)?,
            Field::Reset => value.flag(field).map(|()| Action::Reset)?,
        };
        match self.action.replace((field, action)) {
            None => Ok(()),
            Some((other, _)) => Err(FaultError::Conflict {
                field: field.name(),
                other: other.name(),
            }),
        }
    }

    fn finish(self) -> Result<FaultRule, FaultError> {
        if self.seen.iter().all(|field| *field == Field::Times) {
            return Err(FaultError::Empty);
        }
        let action = match (self.action.map(|(_, action)| action), self.retry_after) {
            (Some(Action::Status { code, .. }), retry_after) => {
                Some(Action::Status { code, retry_after })
            }
            (_, Some(_)) => return Err(FaultError::RetryAfterWithoutStatus),
            (action, None) => action,
        };
        let fault = Fault {
            delay: self.delay,
            chunk_delay: self.chunk_delay,
            action,
        };
        Ok(FaultRule {
            fault,
            times: self.times,
        })
    }
}

fn status(field: Field, value: &Written<'_>) -> Result<StatusCode, FaultError> {
    const EXPECTED: &str = "a status from 300 to 599";
    let code = value.whole_number(field, EXPECTED)?;
    u16::try_from(code)
        .ok()
        .filter(|code| (300..600).contains(code))
        .and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or_else(|| field.invalid(value.text(), EXPECTED))
}

// === impl Fault ===

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(list: &str) -> Result<Self, FaultError> {
        let mut draft = Draft::default();
        for item in list
            .split(';')
            .map(str::trim)
            .filter(|item| !item.is_empty())
        {
            let (name, value) = match item.split_once('=') {
                Some((name, value)) => (name.trim(), Written::Text(value.trim().into())),
                None => (item, Written::Bare),
            };
            match Field::find(name).filter(|field| *field != Field::Times) {
                Some(field) => draft.set(field, &value)?,
                None => {
                    return Err(FaultError::Unknown {
                        field: name.chars().take(64).collect(),
                    });
                }
            }
        }
        draft.finish().map(|rule| rule.fault)
    }
}

impl Fault {
    /// The fields as (name, value), flags without a value.
    fn fields(&self) -> Vec<(&'static str, Option<u64>)> {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).ok();
        let mut fields = Vec::with_capacity(4);
        if !self.delay.is_zero() {
            fields.push(("delay", millis(self.delay)));
        }
        if let Some(gap) = self.chunk_delay {
            fields.push(("chunk-delay", millis(gap)));
        }
        match self.action {
            None => {}
            Some(Action::Status { code, retry_after }) => {
                fields.push(("status", Some(u64::from(code.as_u16()))));
                if let Some(seconds) = retry_after {
                    fields.push(("retry-after", Some(u64::from(seconds))));
                }
            }
            Some(Action::CutAfter(count)) => fields.push(("cut-after", Some(u64::from(count)))),
            Some(Action::EndAfter(count)) => fields.push(("end-after", Some(u64::from(count)))),
            Some(Action::ErrorIn200 { after: 0 }) => fields.push(("error-in-200", None)),
            Some(Action::ErrorIn200 { after }) => {
                fields.push(("error-in-200", Some(u64::from(after))));
            }
            Some(Action::EmptyStream) => fields.push(("empty-stream", None)),
            Some(Action::Garbage) => fields.push(("garbage", None)),
            Some(Action::Silence) => fields.push(("silence", None)),
            Some(Action::Reset) => fields.push(("reset", None)),
        }
        fields
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.fields().into_iter().enumerate() {
            let separator = if index == 0 { "" } else { ";" };
            let unit = if name.ends_with("delay") { "ms" } else { "" };
            match value {
                Some(value) => write!(f, "{separator}{name}={value}{unit}")?,
                None => write!(f, "{separator}{name}")?,
            }
        }
        Ok(())
    }
}

// === impl FaultRule ===

impl FaultRule {
    /// Reads the control API's object: the header's fields with `_` or `-`, numbers or strings as values,
    /// `true` for flags, and `times`.
    pub(crate) fn from_json(value: &Value) -> Result<Self, FaultError> {
        let Value::Object(fields) = value else {
            return Err(FaultError::NotAnObject);
        };
        let mut draft = Draft::default();
        for (name, value) in fields {
            let field = Field::find(name).ok_or_else(|| FaultError::Unknown {
                field: name.chars().take(64).collect(),
            })?;
            let written = match value {
                Value::Null | Value::Bool(false) => continue,
                Value::Bool(true) => Written::Bare,
                Value::Number(number) => Written::Text(number.to_string().into()),
                Value::String(text) => Written::Text(text.trim().into()),
                other => {
                    return Err(field.invalid(&other.to_string(), "a number, a string or true"));
                }
            };
            draft.set(field, &written)?;
        }
        draft.finish()
    }

    /// The object that [`FaultRule::from_json`] reads.
    pub(crate) fn to_json(&self) -> Value {
        let mut object = Map::new();
        for (name, value) in self.fault.fields() {
            let value = match value {
                Some(millis) if name.ends_with("delay") => json!(format!("{millis}ms")),
                Some(value) => json!(value),
                None => Value::Bool(true),
            };
            object.insert(name.replace('-', "_"), value);
        }
        if let Some(times) = self.times {
            object.insert("times".to_owned(), json!(times));
        }
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests;
