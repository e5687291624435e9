//! Members of a body at its top level: set, set unless they are there, taken off.

use bytes::Bytes;

use super::outline::Object;
use super::patch::{Patch, quote};
use crate::error::Error;

/// What a member is to be.
#[derive(Clone, Copy)]
pub(super) enum Wish<'w> {
    /// This, unless the request has the member, be it null.
    Default(&'w str),
    /// This, whatever the request says.
    Set(&'w str),
    /// Absent.
    Remove,
}

/// `body` with the members as they are wished for. A member that stands several times is set
/// everywhere: readers disagree on which one counts. Of several wishes for a member the last
/// counts.
pub(super) fn apply(body: &Bytes, wishes: &[(&str, Wish<'_>)]) -> Result<Bytes, Error> {
    if wishes.is_empty() {
        return Ok(body.clone());
    }
    let object = Object::of_body(body)?;
    let mut patch = Patch::default();
    let mut added = Vec::new();
    let mut removed = Vec::new();
    for (position, (field, wish)) in wishes.iter().enumerate() {
        let later = wishes[position + 1..].iter();
        if decided_later(*wish, field, later) {
            continue;
        }
        let present = object.all(field).next().is_some();
        match wish {
            Wish::Default(_) if present => {}
            Wish::Default(value) | Wish::Set(value) if !present => {
                added.push(format!("{}:{value}", quote(field)));
            }
            Wish::Default(_) => {}
            Wish::Set(value) => {
                for part in object.all(field).filter(|part| part.text() != *value) {
                    patch.replace(part.place(), (*value).to_owned());
                }
            }
            Wish::Remove if present => removed.push(*field),
            Wish::Remove => {}
        }
    }
    patch.add_members(&object, &added);
    let set = patch.apply(body);
    if removed.is_empty() {
        return Ok(set);
    }
    without(&set, &removed)
}

/// Whether a later wish for the same member makes this one moot. A default does not: where it
/// counts, the one before it does too.
fn decided_later<'a, 'w: 'a>(
    wish: Wish<'_>,
    field: &str,
    mut later: impl Iterator<Item = &'a (&'w str, Wish<'w>)>,
) -> bool {
    later.any(|(other, next)| {
        *other == field && (!matches!(next, Wish::Default(_)) || matches!(wish, Wish::Default(_)))
    })
}

/// The body without some members. Those that stay keep their bytes, the space between them is
/// lost.
fn without(body: &Bytes, fields: &[&str]) -> Result<Bytes, Error> {
    let object = Object::of_body(body)?;
    let kept = object
        .members()
        .iter()
        .filter(|(key, _)| !fields.contains(&key.as_str()))
        .map(|(key, part)| format!("{}:{}", quote(key), part.text()));
    let text = format!("{{{}}}", kept.collect::<Vec<_>>().join(","));
    let mut patch = Patch::default();
    patch.replace(object.place(), text);
    Ok(patch.apply(body))
}
