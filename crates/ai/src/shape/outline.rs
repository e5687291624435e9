//! Where the parts of a document are, without building it.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::json;

/// A value within a body. What it says never prints.
#[derive(Clone, Copy)]
pub(crate) struct Part<'b> {
    text: &'b str,
    /// Of its first byte in the body.
    start: usize,
}

/// An object: its members in order, repeated ones included.
#[derive(Debug)]
pub(crate) struct Object<'b> {
    whole: Part<'b>,
    members: Vec<(String, Part<'b>)>,
}

/// A list.
#[derive(Debug)]
pub(crate) struct List<'b> {
    whole: Part<'b>,
    pub(crate) items: Vec<Part<'b>>,
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({:?})", self.place())
    }
}

impl<'b> Part<'b> {
    pub(crate) fn text(self) -> &'b str {
        self.text
    }

    pub(crate) fn place(self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    pub(crate) fn is_null(self) -> bool {
        self.text == "null"
    }

    /// What stands between the quotes of a text, escaped as it is.
    pub(crate) fn quoted(self) -> Option<&'b str> {
        self.text.strip_prefix('"')?.strip_suffix('"')
    }

    pub(crate) fn object(self) -> Option<Object<'b>> {
        let Members(members) = serde_json::from_str(self.text).ok()?;
        let members = members.into_iter().map(|(key, raw)| (key, self.part(raw)));
        Some(Object {
            whole: self,
            members: members.collect(),
        })
    }

    pub(crate) fn list(self) -> Option<List<'b>> {
        let items: Vec<&RawValue> = serde_json::from_str(self.text).ok()?;
        Some(List {
            whole: self,
            items: items.into_iter().map(|raw| self.part(raw)).collect(),
        })
    }

    /// A value that was read from this one's text.
    fn part(self, raw: &'b RawValue) -> Part<'b> {
        let text = raw.get();
        let offset = text.as_ptr().addr() - self.text.as_ptr().addr();
        Part {
            text,
            start: self.start + offset,
        }
    }
}

impl<'b> Object<'b> {
    /// Reads a body that is to be an object.
    pub(crate) fn of_body(body: &'b [u8]) -> Result<Self, Error> {
        let Ok(text) = std::str::from_utf8(body) else {
            let at = std::str::from_utf8(body).map_or_else(|e| e.valid_up_to(), str::len);
            return Err(Error::NotJson { at });
        };
        let trimmed = text.trim_start_matches([' ', '\n', '\r', '\t']);
        let whole = Part {
            text: trimmed.trim_end_matches([' ', '\n', '\r', '\t']),
            start: text.len() - trimmed.len(),
        };
        match whole.object() {
            Some(object) => Ok(object),
            // Reads it again, to say what is wrong with it.
            None => Err(json::object(body).err().unwrap_or(Error::NotAnObject)),
        }
    }

    /// The last member of the name, as most readers would have it; null counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<Part<'b>> {
        let found = self.members.iter().rev().find(|(name, _)| name == key);
        found.map(|(_, part)| *part).filter(|part| !part.is_null())
    }

    /// Every member of the name, null included.
    pub(crate) fn all<'o>(&'o self, key: &'o str) -> impl Iterator<Item = Part<'b>> + 'o {
        let found = self.members.iter().filter(move |(name, _)| name == key);
        found.map(|(_, part)| *part)
    }

    pub(crate) fn members(&self) -> &[(String, Part<'b>)] {
        &self.members
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn place(&self) -> Range<usize> {
        self.whole.place()
    }

    /// Where a first member may be inserted.
    pub(crate) fn opened(&self) -> usize {
        self.whole.start + 1
    }
}

impl<'b> List<'b> {
    /// Reads a body that is a list.
    pub(crate) fn of_body(body: &'b [u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let trimmed = text.trim_start_matches([' ', '\n', '\r', '\t']);
        let whole = Part {
            text: trimmed.trim_end_matches([' ', '\n', '\r', '\t']),
            start: text.len() - trimmed.len(),
        };
        whole.text.starts_with('[').then(|| whole.list()).flatten()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Where a first item may be inserted.
    pub(crate) fn opened(&self) -> usize {
        self.whole.start + 1
    }

    /// Where a last item may be inserted: behind the last, or behind the bracket.
    pub(crate) fn end(&self) -> usize {
        let last = self.items.last();
        last.map_or(self.opened(), |item| item.place().end)
    }
}

/// Members in the order they are written.
struct Members<'b>(Vec<(String, &'b RawValue)>);

impl<'de: 'b, 'b> Deserialize<'de> for Members<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                    if members.len() > MOST {
                        return Err(A::Error::custom("too many members"));
                    }
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Reader).map(Members)
    }
}

/// No API has as many members in one object.
const MOST: usize = 65_536;
