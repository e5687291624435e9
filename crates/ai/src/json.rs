//! Reading documents member by member, so that what nobody read is known.

use std::fmt;

use serde_json::{Map, Value};

use crate::chat::{Dropped, Text};
use crate::error::Error;

/// Where a value is in a document. Costs nothing until it is written down.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Path<'p> {
    Root,
    Key(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

/// The members of an object that have not been read yet. Null counts as absent. What it says never
/// prints.
pub(crate) struct Members<'p> {
    map: Map<String, Value>,
    path: Path<'p>,
}

impl Path<'_> {
    pub(crate) fn key<'a>(&'a self, key: &'a str) -> Path<'a> {
        Path::Key(self, key)
    }

    pub(crate) fn item(&self, index: usize) -> Path<'_> {
        Path::Item(self, index)
    }

    /// The same for all items of a list.
    pub(crate) fn pattern(&self) -> String {
        self.written(|_| "[]".to_owned())
    }

    fn written(&self, index: fn(usize) -> String) -> String {
        match self {
            Self::Root => String::new(),
            Self::Item(parent, at) => parent.written(index) + &index(*at),
            Self::Key(parent, key) => {
                let key: String = key.chars().take(64).collect();
                match parent.written(index) {
                    parent if parent.is_empty() => key,
                    parent => format!("{parent}.{key}"),
                }
            }
        }
    }

    pub(crate) fn wrong(&self, expected: &'static str) -> Error {
        Error::WrongMember {
            path: self.to_string().into(),
            expected,
        }
    }

    pub(crate) fn untranslatable(&self, why: &'static str) -> Error {
        Error::Untranslatable {
            path: self.to_string().into(),
            why,
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written(|at| format!("[{at}]")))
    }
}

impl fmt::Debug for Members<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left: Vec<_> = self.map.keys().collect();
        f.debug_struct("Members")
            .field("left", &left.len())
            .finish()
    }
}

/// Reads a body that is to be a JSON object.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, Error> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Error::NotAnObject),
        Err(_) if body.trim_ascii().is_empty() => Err(Error::Empty),
        Err(error) if error.is_eof() => Err(Error::Truncated { at: body.len() }),
        Err(error) => Err(Error::NotJson {
            at: offset(body, error.line(), error.column()),
        }),
    }
}

/// Where the byte is that `serde_json` calls by line and column, both from 1.
fn offset(body: &[u8], line: usize, column: usize) -> usize {
    let before = body
        .split_inclusive(|byte| *byte == b'\n')
        .take(line.saturating_sub(1));
    (before.map(<[u8]>::len).sum::<usize>() + column.saturating_sub(1)).min(body.len())
}

pub(crate) fn bytes(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("maps with text as keys always serialise")
}

impl<'p> Members<'p> {
    pub(crate) fn new(map: Map<String, Value>, path: Path<'p>) -> Self {
        Self { map, path }
    }

    pub(crate) fn of(value: Value, path: Path<'p>) -> Result<Self, Error> {
        match value {
            Value::Object(map) => Ok(Self { map, path }),
            _ => Err(path.wrong("an object")),
        }
    }

    /// The members of an answer: what is no object has none.
    pub(crate) fn lenient(value: Value) -> Members<'static> {
        let map = match value {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        Members {
            map,
            path: Path::Root,
        }
    }

    pub(crate) fn path(&self) -> Path<'p> {
        self.path
    }

    pub(crate) fn take(&mut self, key: &str) -> Option<Value> {
        self.map.remove(key).filter(|value| !value.is_null())
    }

    /// Members that need no word in other formats.
    pub(crate) fn skip(&mut self, keys: &[&str]) {
        for key in keys {
            self.map.remove(*key);
        }
    }

    /// Members that, where they are false, ask for nothing.
    pub(crate) fn skip_false(&mut self, keys: &[&str]) {
        for key in keys {
            if self.map.get(*key) == Some(&Value::Bool(false)) {
                self.map.remove(*key);
            }
        }
    }

    pub(crate) fn text(&mut self, key: &str) -> Result<Option<String>, Error> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.path.key(key).wrong("a string")),
        }
    }

    pub(crate) fn prose(&mut self, key: &str) -> Result<Option<Text>, Error> {
        Ok(self.text(key)?.map(Text))
    }

    pub(crate) fn required(&mut self, key: &str) -> Result<String, Error> {
        self.text(key)?
            .ok_or_else(|| self.path.key(key).wrong("a string"))
    }

    pub(crate) fn flag(&mut self, key: &str) -> Result<Option<bool>, Error> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(self.path.key(key).wrong("true or false")),
        }
    }

    pub(crate) fn count(&mut self, key: &str) -> Result<Option<u64>, Error> {
        self.take(key)
            .map(|value| {
                let whole = value.as_f64().filter(|n| n.fract() == 0.0 && *n >= 0.0);
                // 2^53: up to here a float holds every whole number.
                let whole = whole.filter(|n| *n <= 9_007_199_254_740_992.0);
                value.as_u64().or(whole.map(|n| n as u64))
            })
            .map(|count| count.ok_or_else(|| self.path.key(key).wrong("a whole number from 0 on")))
            .transpose()
    }

    pub(crate) fn integer(&mut self, key: &str) -> Result<Option<i64>, Error> {
        self.take(key)
            .map(|value| {
                value
                    .as_i64()
                    .ok_or_else(|| self.path.key(key).wrong("a whole number"))
            })
            .transpose()
    }

    pub(crate) fn number(&mut self, key: &str) -> Result<Option<f64>, Error> {
        self.take(key)
            .map(|value| {
                value
                    .as_f64()
                    .ok_or_else(|| self.path.key(key).wrong("a number"))
            })
            .transpose()
    }

    pub(crate) fn list(&mut self, key: &str) -> Result<Vec<Value>, Error> {
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(self.path.key(key).wrong("a list")),
        }
    }

    pub(crate) fn map(&mut self, key: &str) -> Result<Option<Map<String, Value>>, Error> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(self.path.key(key).wrong("an object")),
        }
    }

    /// What was not read.
    pub(crate) fn into_map(self) -> Map<String, Value> {
        self.map
    }

    /// Reports what was not read.
    pub(crate) fn rest(self, dropped: &mut Dropped) {
        for (key, value) in &self.map {
            if !value.is_null() {
                dropped.add(&self.path.key(key));
            }
        }
    }
}

/// A list; null when it is empty.
pub(crate) fn filled(items: impl Iterator<Item = Value>) -> Value {
    let items: Vec<_> = items.collect();
    match items.is_empty() {
        true => Value::Null,
        false => items.into(),
    }
}

/// An object without the members that are null.
pub(crate) fn compact<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}
