//! The parts of an input as maps whose fields are computed when they are read.

use std::borrow::Cow;
use std::sync::OnceLock;

use cel::ExecutionError;
use cel::common::traits::{Container, Indexer, Iterable, Iterator, Sizer};
use cel::common::types::{CelBytes, CelInt, CelString, MAP_TYPE, Type};
use cel::common::value::{CowVal, Val};
use http::HeaderMap;

use super::functions::{Plus, count, decode_percent};
use super::json::{self, Items};
pub(super) use parts::{LLM, REQUEST, RESPONSE, timestamp};

mod parts;

type Boxed<'v> = Box<dyn Val + 'v>;

/// Named values that are computed on demand.
pub(super) trait Fields: Send + Sync {
    /// The names to list; [`Fields::field`] may have no value for some.
    fn names(&self) -> Vec<Cow<'_, str>>;
    /// The value of `name`.
    fn field(&self, name: &str) -> Option<Boxed<'_>>;
}

/// Fields as a CEL map.
pub(super) struct Record<'a> {
    fields: Source<'a>,
    keys: OnceLock<Vec<Boxed<'a>>>,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Part(&'a dyn Fields),
    Headers(&'a HeaderMap),
    Query(&'a str),
}

impl std::fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("record")
    }
}

impl<'a> Record<'a> {
    fn of(fields: Source<'a>) -> Self {
        Self {
            fields,
            keys: OnceLock::new(),
        }
    }

    pub(super) fn part(fields: &'a dyn Fields) -> Self {
        Self::of(Source::Part(fields))
    }

    fn field(&self, name: &str) -> Option<Boxed<'a>> {
        match self.fields {
            Source::Part(fields) => fields.field(name),
            Source::Headers(headers) => header(headers, name),
            Source::Query(query) => {
                let (_, value) = parameters(query).find(|(key, _)| key == name)?;
                Some(Box::new(CelString::from(value)))
            }
        }
    }

    fn keys(&self) -> &[Boxed<'a>] {
        self.keys.get_or_init(|| {
            let names: Vec<Cow<'a, str>> = match self.fields {
                Source::Part(fields) => fields.names(),
                Source::Headers(headers) => headers
                    .keys()
                    .map(|name| Cow::Borrowed(name.as_str()))
                    .collect(),
                Source::Query(query) => {
                    let mut seen = rustc_hash::FxHashSet::default();
                    parameters(query)
                        .map(|(key, _)| key)
                        .filter(|k| seen.insert(k.clone()))
                        .collect()
                }
            };
            let present = names.into_iter().filter(|name| self.field(name).is_some());
            present
                .map(|name| Box::new(CelString::from(name)) as Boxed<'a>)
                .collect()
        })
    }

    fn get(&self, index: &dyn Val) -> Result<Boxed<'a>, ExecutionError> {
        let Some(name) = index.downcast_ref::<CelString<'_>>() else {
            return Err(ExecutionError::UnexpectedType {
                got: index.get_type().name().to_owned(),
                want: "string".to_owned(),
            });
        };
        self.field(name.inner())
            .ok_or_else(|| ExecutionError::no_such_key(name.inner()))
    }
}

impl<'a> Val for Record<'a> {
    fn get_type(&self) -> &Type {
        Self::cel_type()
    }

    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        json::equal(self, other, 0)
    }

    fn clone_as_boxed<'v>(&self) -> Boxed<'v>
    where
        Self: 'v,
    {
        Box::new(Record::of(self.fields))
    }
}

impl Sizer for Record<'_> {
    fn size(&self) -> CelInt {
        count(self.keys().len())
    }
}

impl Container for Record<'_> {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        match self.get(value) {
            Ok(_) => Ok(true),
            Err(ExecutionError::NoSuchKey(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Indexer for Record<'_> {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        Record::get(self, index).map(|value| CowVal::Owned(value as Box<dyn Val + 'v>))
    }

    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        Record::get(&self, index).map(|value| value as Box<dyn Val + 'v>)
    }
}

impl Iterable for Record<'_> {
    fn iter<'b, 'v>(&'b self) -> Box<dyn Iterator<'b, 'v> + 'b>
    where
        Self: 'v,
    {
        Box::new(Items(self.keys().iter()))
    }
}

fn text<'v>(text: impl Into<Cow<'v, str>>) -> Boxed<'v> {
    Box::new(CelString::from(text.into()))
}

fn int<'v>(value: impl TryInto<i64>) -> Boxed<'v> {
    Box::new(CelInt::from(value.try_into().unwrap_or(i64::MAX)))
}

/// A string if the bytes are UTF-8, otherwise bytes.
fn text_or_bytes(bytes: &[u8]) -> Boxed<'_> {
    match str::from_utf8(bytes) {
        Ok(utf8) => text(utf8),
        Err(_) => Box::new(CelBytes::from(bytes)),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<Boxed<'a>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    let Some(second) = values.next() else {
        return Some(text_or_bytes(first.as_bytes()));
    };
    let mut joined = first.as_bytes().to_vec();
    for value in std::iter::once(second).chain(values) {
        joined.extend_from_slice(b", ");
        joined.extend_from_slice(value.as_bytes());
    }
    Some(match String::from_utf8(joined) {
        Ok(utf8) => text(utf8),
        Err(error) => Box::new(CelBytes::from(error.into_bytes())),
    })
}

/// The parameters of a query, decoded. One that cannot be decoded stays as it was sent.
fn parameters(query: &str) -> impl std::iter::Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let decode = |text| decode_percent(text, Plus::Space).unwrap_or(Cow::Borrowed(text));
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(move |pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
}
