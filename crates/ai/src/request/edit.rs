//! Changing members of a body without touching its other bytes.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use super::{Member, RequestFacts, StreamOptions, UsageOwner};

/// What to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edits<'a> {
    /// The model to ask for; `None` leaves the client's.
    pub model: Option<&'a str>,
    /// [`UsageOwner::Gateway`] asks for the usage of the stream; see [`RequestFacts::usage_owner`].
    pub usage: UsageOwner,
}

/// A body in pieces, to be sent one after the other. Slices of the original where it is unchanged.
/// What it says never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Spliced {
    pub pieces: Vec<Bytes>,
    /// Sum of the pieces' lengths: the new `Content-Length`.
    pub len: usize,
}

/// Applies `edits` to `body`, of which `facts` were read. A member that is already right stays as
/// it is; with nothing to change the result is the one piece `body`.
pub fn splice(body: &Bytes, facts: &RequestFacts, edits: &Edits<'_>) -> Spliced {
    let mut changes = [model(body, facts, edits.model), usage(facts, edits.usage)];
    // Both may insert at the same place, in either order; a replacement never overlaps the other.
    changes.sort_by_key(|change| change.as_ref().map(|(place, _)| place.start));
    let mut spliced = Spliced {
        pieces: Vec::with_capacity(5),
        len: 0,
    };
    let mut done = 0;
    for (place, text) in changes.into_iter().flatten() {
        spliced.push(body.slice(done..place.start));
        spliced.push(text);
        done = place.end;
    }
    spliced.push(body.slice(done..));
    spliced
}

impl fmt::Debug for Spliced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pieces, len } = self;
        f.debug_struct("Spliced")
            .field("pieces", &pieces.len())
            .field("len", len)
            .finish()
    }
}

impl Spliced {
    fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.len += piece.len();
            self.pieces.push(piece);
        }
    }
}

type Change = (Range<usize>, Bytes);

fn model(body: &[u8], facts: &RequestFacts, wanted: Option<&str>) -> Option<Change> {
    let wanted = wanted?;
    let place = match &facts.model {
        Member::Present(_, model) if **model == *wanted => return None,
        Member::Present(place, _) | Member::Null(place) => place.clone(),
        Member::Absent => facts.opened..facts.opened,
    };
    let insert = place.is_empty();
    debug_assert!(place.end <= body.len());
    let mut text = Vec::with_capacity(wanted.len() + 16);
    if insert {
        text.extend_from_slice(b"\"model\":");
    }
    serde_json::to_writer(&mut text, wanted).ok()?;
    if insert && !facts.empty {
        text.push(b',');
    }
    Some((place, Bytes::from(text)))
}

fn usage(facts: &RequestFacts, owner: UsageOwner) -> Option<Change> {
    if owner == UsageOwner::Client {
        return None;
    }
    Some(match &facts.options {
        Member::Absent if facts.empty => (
            at(facts.opened),
            Bytes::from_static(br#""stream_options":{"include_usage":true}"#),
        ),
        Member::Absent => (
            at(facts.opened),
            Bytes::from_static(br#""stream_options":{"include_usage":true},"#),
        ),
        Member::Null(place) => (
            place.clone(),
            Bytes::from_static(br#"{"include_usage":true}"#),
        ),
        Member::Present(_, StreamOptions::Refused(place)) => {
            (place.clone(), Bytes::from_static(b"true"))
        }
        Member::Present(
            _,
            StreamOptions::Silent {
                opened,
                filled: true,
            },
        ) => (at(*opened), Bytes::from_static(br#""include_usage":true,"#)),
        Member::Present(
            _,
            StreamOptions::Silent {
                opened,
                filled: false,
            },
        ) => (at(*opened), Bytes::from_static(br#""include_usage":true"#)),
        Member::Present(_, StreamOptions::Asked | StreamOptions::Odd) => return None,
    })
}

fn at(offset: usize) -> Range<usize> {
    offset..offset
}
