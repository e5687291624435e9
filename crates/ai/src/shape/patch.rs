//! Changes of a body, made at once: what they do not name keeps its bytes.

use std::ops::Range;

use bytes::Bytes;

use super::outline::{List, Object, Part};

/// Changes that are to be made. A place is changed at most once; of insertions at one place the
/// first comes first.
#[derive(Default)]
pub(crate) struct Patch {
    changes: Vec<(Range<usize>, String)>,
}

impl Patch {
    pub(crate) fn replace(&mut self, place: Range<usize>, text: String) {
        self.changes.push((place, text));
    }

    pub(crate) fn insert(&mut self, at: usize, text: String) {
        self.replace(at..at, text);
    }

    /// Puts members in front of those that an object has. `members` are `"key":value` each.
    pub(crate) fn add_members(&mut self, object: &Object<'_>, members: &[String]) {
        if members.is_empty() {
            return;
        }
        let mut text = members.join(",");
        if !object.is_empty() {
            text.push(',');
        }
        self.insert(object.opened(), text);
    }

    /// Puts items around those that a list has.
    pub(crate) fn add_items(&mut self, list: &List<'_>, before: &[String], behind: &[String]) {
        if list.is_empty() {
            self.insert(list.opened(), [before, behind].concat().join(","));
            return;
        }
        if !before.is_empty() {
            self.insert(list.opened(), before.join(",") + ",");
        }
        if !behind.is_empty() {
            self.insert(list.end(), ",".to_owned() + &behind.join(","));
        }
    }

    /// Puts paragraphs around what a text says; whether `part` is one.
    pub(crate) fn add_paragraphs(
        &mut self,
        part: Part<'_>,
        before: &[String],
        behind: &[String],
    ) -> bool {
        let Some(said) = part.quoted() else {
            return false;
        };
        let place = part.place();
        if said.is_empty() {
            let all = [before, behind].concat().join(PARAGRAPH);
            self.insert(place.start + 1, escaped(&all));
            return true;
        }
        if !before.is_empty() {
            let text = before.join(PARAGRAPH) + PARAGRAPH;
            self.insert(place.start + 1, escaped(&text));
        }
        if !behind.is_empty() {
            let text = PARAGRAPH.to_owned() + &behind.join(PARAGRAPH);
            self.insert(place.end - 1, escaped(&text));
        }
        true
    }

    /// `body` with the changes; the same bytes when there are none.
    pub(crate) fn apply(mut self, body: &Bytes) -> Bytes {
        self.changes
            .retain(|(place, text)| !(place.is_empty() && text.is_empty()));
        if self.changes.is_empty() {
            return body.clone();
        }
        self.changes.sort_by_key(|(place, _)| place.start);
        let added: usize = self.changes.iter().map(|(_, text)| text.len()).sum();
        let mut out = Vec::with_capacity(body.len() + added);
        let mut done = 0;
        for (place, text) in &self.changes {
            debug_assert!(done <= place.start, "changes overlap");
            out.extend_from_slice(&body[done..place.start]);
            out.extend_from_slice(text.as_bytes());
            done = place.end;
        }
        out.extend_from_slice(&body[done..]);
        out.into()
    }
}

/// Between what several say in one text.
pub(crate) const PARAGRAPH: &str = "\n\n";

/// `text` as a JSON text, quotes included.
pub(crate) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn escaped(text: &str) -> String {
    let quoted = quote(text);
    quoted[1..quoted.len() - 1].to_owned()
}
