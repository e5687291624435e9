//! What a request body may look like, as tables, and the first place where one does not.
//!
//! Each dialect writes down its own tables and words the violations its own way.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

/// The form of a value.
#[derive(Debug)]
pub(crate) enum Shape {
    Any,
    Flag,
    Text,
    /// A string that a test accepts, described by a pattern.
    Pattern(fn(&str) -> bool, &'static str),
    /// One of these strings.
    Word(&'static [&'static str]),
    Integer(RangeInclusive<i64>),
    Number(RangeInclusive<f64>),
    List(&'static Shape),
    /// An object with any fields.
    Map,
    /// An object whose fields, of any name, are all of one form.
    MapOf(&'static Shape),
    Object(&'static Record),
    /// An object with exactly one of the fields.
    Union(&'static Record),
    /// An object whose `type` says which.
    Tagged(&'static [(&'static str, &'static Record)]),
    /// A string, or the other.
    TextOr(&'static Shape),
}

/// The fields of an object; no others may be there.
#[derive(Debug)]
pub(crate) struct Record(pub(crate) &'static [Field]);

/// A field of an object; `null` is absent.
#[derive(Debug)]
pub(crate) struct Field {
    name: &'static str,
    need: Need,
    shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

/// How a dialect writes field names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    Exact,
    /// The names of the table, or the same with underscores.
    CamelOrSnake,
}

/// The first thing that is wrong with a value.
#[derive(Debug, PartialEq)]
pub(crate) struct Violation {
    pub(crate) path: Vec<Step>,
    pub(crate) problem: Problem,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Field(String),
    Index(usize),
    /// The variant of a tagged object.
    Tag(&'static str),
}

#[derive(Debug, PartialEq)]
pub(crate) enum Problem {
    Missing,
    Unknown,
    Type(Kind),
    Word {
        got: String,
        allowed: &'static [&'static str],
    },
    Tag {
        got: Option<String>,
        allowed: Vec<&'static str>,
    },
    Pattern {
        got: String,
        pattern: &'static str,
    },
    IntegerRange {
        got: i64,
        range: RangeInclusive<i64>,
    },
    NumberRange {
        got: f64,
        range: RangeInclusive<f64>,
    },
    /// Not exactly one of a union's fields.
    Union(usize),
}

/// The type that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Flag,
    Text,
    Integer,
    Number,
    List,
    Object,
}

// === impl Field ===

impl Field {
    pub(crate) const fn required(name: &'static str, shape: Shape) -> Self {
        Self {
            name,
            need: Need::Required,
            shape,
        }
    }

    pub(crate) const fn optional(name: &'static str, shape: Shape) -> Self {
        Self {
            name,
            need: Need::Optional,
            shape,
        }
    }
}

// === impl Naming ===

impl Naming {
    fn same(self, field: &str, written: &str) -> bool {
        field == written || (self == Self::CamelOrSnake && snake(field) == written)
    }

    /// A field by the name of the table, however it is written; `null` is absent.
    pub(crate) fn get<'a>(self, object: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
        let found = match object.get(field) {
            None if self == Self::CamelOrSnake => object.get(&snake(field)),
            found => found,
        };
        found.filter(|value| !value.is_null())
    }
}

/// `maxOutputTokens` as `max_output_tokens`.
pub(crate) fn snake(camel: &str) -> String {
    let mut name = String::with_capacity(camel.len() + 4);
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// Checks a body.
pub(crate) fn check(
    body: &Map<String, Value>,
    record: &Record,
    naming: Naming,
) -> Result<(), Violation> {
    let mut walk = Walk {
        naming,
        path: Vec::new(),
    };
    walk.fields(body, record)
}

struct Walk {
    naming: Naming,
    path: Vec<Step>,
}

// === impl Walk ===

impl Walk {
    fn fields(&mut self, object: &Map<String, Value>, record: &Record) -> Result<(), Violation> {
        for (name, value) in object {
            let field = record
                .0
                .iter()
                .find(|field| self.naming.same(field.name, name));
            match field {
                None => return Err(self.at(name, Problem::Unknown)),
                Some(_) if value.is_null() => {}
                Some(field) => {
                    self.path.push(Step::Field(field.name.to_owned()));
                    self.value(value, &field.shape)?;
                    self.path.pop();
                }
            }
        }
        for field in record.0 {
            if field.need == Need::Required && self.naming.get(object, field.name).is_none() {
                return Err(self.at(field.name, Problem::Missing));
            }
        }
        Ok(())
    }

    fn value(&mut self, value: &Value, shape: &Shape) -> Result<(), Violation> {
        match (shape, value) {
            (Shape::Any, _)
            | (Shape::Flag, Value::Bool(_))
            | (Shape::Text | Shape::TextOr(_), Value::String(_))
            | (Shape::Map, Value::Object(_)) => Ok(()),
            (Shape::TextOr(other), value) => self.value(value, other),
            (Shape::Pattern(test, pattern), Value::String(text)) => match test(text) {
                true => Ok(()),
                false => Err(self.here(Problem::Pattern {
                    got: text.clone(),
                    pattern,
                })),
            },
            (Shape::Word(allowed), Value::String(text)) => match allowed.contains(&text.as_str()) {
                true => Ok(()),
                false => Err(self.here(Problem::Word {
                    got: text.clone(),
                    allowed,
                })),
            },
            (Shape::Integer(range), Value::Number(number)) => match integer(number) {
                None => Err(self.here(Problem::Type(Kind::Integer))),
                Some(got) if !range.contains(&got) => {
                    let range = range.clone();
                    Err(self.here(Problem::IntegerRange { got, range }))
                }
                Some(_) => Ok(()),
            },
            (Shape::Number(range), Value::Number(number)) => {
                let got = number.as_f64().unwrap_or(f64::NAN);
                if range.contains(&got) {
                    return Ok(());
                }
                let range = range.clone();
                Err(self.here(Problem::NumberRange { got, range }))
            }
            (Shape::List(item), Value::Array(list)) => {
                for (index, value) in list.iter().enumerate() {
                    self.path.push(Step::Index(index));
                    self.value(value, item)?;
                    self.path.pop();
                }
                Ok(())
            }
            (Shape::MapOf(item), Value::Object(object)) => {
                for (name, value) in object {
                    self.path.push(Step::Field(name.clone()));
                    self.value(value, item)?;
                    self.path.pop();
                }
                Ok(())
            }
            (Shape::Object(record), Value::Object(object)) => self.fields(object, record),
            (Shape::Union(record), Value::Object(object)) => {
                let given = object.values().filter(|value| !value.is_null()).count();
                self.fields(object, record)?;
                match given {
                    1 => Ok(()),
                    given => Err(self.here(Problem::Union(given))),
                }
            }
            (Shape::Tagged(variants), Value::Object(object)) => self.tagged(object, variants),
            (shape, _) => Err(self.here(Problem::Type(shape.kind()))),
        }
    }

    fn tagged(
        &mut self,
        object: &Map<String, Value>,
        variants: &'static [(&'static str, &'static Record)],
    ) -> Result<(), Violation> {
        let got = object.get("type").and_then(Value::as_str);
        match variants.iter().find(|(tag, _)| Some(*tag) == got) {
            Some((tag, record)) => {
                self.path.push(Step::Tag(tag));
                self.fields(object, record)?;
                self.path.pop();
                Ok(())
            }
            None => Err(self.here(Problem::Tag {
                got: got.map(str::to_owned),
                allowed: variants.iter().map(|(tag, _)| *tag).collect(),
            })),
        }
    }

    fn here(&self, problem: Problem) -> Violation {
        Violation {
            path: self.path.clone(),
            problem,
        }
    }

    fn at(&self, field: &str, problem: Problem) -> Violation {
        let mut violation = self.here(problem);
        violation.path.push(Step::Field(field.to_owned()));
        violation
    }
}

/// A whole number, which JSON may write as `1.0`.
fn integer(number: &serde_json::Number) -> Option<i64> {
    let whole = |float: f64| (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64);
    number
        .as_i64()
        .or_else(|| number.as_u64().map(|_| i64::MAX))
        .or_else(|| number.as_f64().and_then(whole))
}

// === impl Shape ===

impl Shape {
    fn kind(&self) -> Kind {
        match self {
            Self::Flag => Kind::Flag,
            Self::Any | Self::Text | Self::Pattern(..) | Self::Word(_) => Kind::Text,
            Self::Integer(_) => Kind::Integer,
            Self::Number(_) => Kind::Number,
            Self::List(_) => Kind::List,
            Self::Map | Self::MapOf(_) | Self::Object(_) | Self::Union(_) | Self::Tagged(_) => {
                Kind::Object
            }
            Self::TextOr(other) => other.kind(),
        }
    }
}

#[cfg(test)]
mod tests;
