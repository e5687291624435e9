//! Looking through an event stream without holding more of it than must be.
//!
//! A text goes on from event to event. What of it may still become a match is held, and with it the
//! event that it stands in and those behind that one: events never change their order.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::ops::Range;

use agw_core::guard::{Guard, Masker, Piece as Part, PromptGuard, Refusal, Rules};
use bytes::Bytes;

use super::event::{self, Ended, Said};
use super::{Verdict, refused};
use crate::error::Error;
use crate::operation::Operation;
use crate::shape::patch::{Patch, quote};
use crate::sse::{Event, Splitter};
use crate::stream::Piece;

/// Events of so many bytes are held at most; texts are then looked at as if they had ended.
const HELD: usize = 256 << 10;

/// More texts at once are in no answer.
const CHANNELS: usize = 256;

/// Guards of a stream in the client's format. What it holds never prints.
pub struct StreamGuard {
    operation: Operation,
    guards: Vec<(Rules, Refusal)>,
    /// Texts that go on, with a masker for each guard.
    channels: HashMap<String, Vec<Masker>>,
    held: VecDeque<Held>,
    bytes: usize,
    /// Name of the next slot.
    next: u64,
    verdict: Verdict,
}

/// An event that waits for its texts.
struct Held {
    piece: Piece,
    data: Bytes,
    slots: Vec<Slot>,
    patch: Patch,
    /// Its slots are all before this one.
    until: u64,
}

/// A part of a text, and what is left of it.
struct Slot {
    of: u64,
    place: Range<usize>,
    said: String,
    left: String,
}

impl fmt::Debug for StreamGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamGuard")
            .field("operation", &self.operation)
            .field("events", &self.held.len())
            .field("bytes", &self.bytes)
            .field("verdict", &self.verdict)
            .finish_non_exhaustive()
    }
}

impl StreamGuard {
    /// `None` where there is nothing to look for.
    pub fn new(guard: &PromptGuard, operation: Operation) -> Option<Self> {
        let rules = |(rules, guard): (&Rules, &Guard)| (rules.clone(), guard.refusal.clone());
        let guards: Vec<_> = guard.response_rules().map(rules).collect();
        if guards.is_empty() || !event::streams(operation) {
            return None;
        }
        Some(Self {
            operation,
            guards,
            channels: HashMap::new(),
            held: VecDeque::new(),
            bytes: 0,
            next: 0,
            verdict: Verdict::Allow,
        })
    }

    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Takes what comes next and appends what may go on. An error ends the stream; what was
    /// appended before it is valid.
    pub fn push_all(&mut self, pieces: Vec<Piece>, out: &mut Vec<Piece>) -> Result<(), Error> {
        for piece in pieces {
            let pushed = self.push(piece);
            self.release(out);
            pushed?;
        }
        Ok(())
    }

    /// The stream has ended.
    pub fn finish(&mut self, out: &mut Vec<Piece>) -> Result<(), Error> {
        let ended = self.end(&Ended::All);
        self.release(out);
        ended
    }

    fn push(&mut self, piece: Piece) -> Result<(), Error> {
        let mut splitter = Splitter::new(usize::MAX);
        splitter.push(piece.raw);
        while let Some(event) = splitter.next_event()? {
            self.event(event, piece.class.clone())?;
        }
        match splitter.finish() {
            Some(event) => self.event(event, piece.class),
            None => Ok(()),
        }
    }

    fn event(&mut self, event: Event, class: crate::dialect::Class) -> Result<(), Error> {
        let data = event.data.unwrap_or_default();
        let said = event::read(self.operation, &data)?;
        self.bytes += event.raw.len();
        self.held.push_back(Held {
            piece: Piece {
                raw: event.raw,
                class,
            },
            data,
            slots: Vec::new(),
            patch: Patch::default(),
            until: self.next,
        });
        self.take(said)
    }

    fn take(&mut self, said: Said) -> Result<(), Error> {
        let Said {
            deltas,
            whole,
            ended,
        } = said;
        if let Some(held) = self.held.back_mut() {
            for (place, blank) in whole.blanks {
                held.patch.replace(place, blank.to_owned());
            }
        }
        for text in whole.all {
            let masked = self.mask(&text.said, text.form)?;
            if let (Some(masked), Some(held)) = (masked, self.held.back_mut()) {
                held.patch.replace(text.place, quote(&masked));
            }
        }
        for delta in deltas {
            let of = self.next;
            self.next += 1;
            if let Some(held) = self.held.back_mut() {
                held.until = self.next;
                held.slots.push(Slot {
                    of,
                    place: delta.place,
                    said: delta.said.clone(),
                    left: String::new(),
                });
            }
            if self.channels.len() >= CHANNELS && !self.channels.contains_key(&delta.channel) {
                self.end(&Ended::All)?;
            }
            let maskers = self.channels.entry(delta.channel).or_insert_with(|| {
                let maskers = self.guards.iter();
                let new = |(rules, _): &(Rules, _)| Masker::new(rules.clone(), delta.form);
                maskers.map(new).collect()
            });
            let parts = vec![Part {
                of,
                text: delta.said,
            }];
            let left = pass(maskers, &self.guards, parts, &mut self.verdict, Last::No)?;
            self.fill(left);
        }
        self.end(&ended)?;
        if self.bytes > HELD {
            self.end(&Ended::All)?;
        }
        Ok(())
    }

    /// A text that stands for itself, as the guards leave it.
    fn mask(&mut self, said: &str, form: agw_core::guard::Form) -> Result<Option<String>, Error> {
        let mut left: Option<String> = None;
        for (rules, refusal) in &self.guards {
            let text = left.as_deref().unwrap_or(said);
            match rules.mask(text, form) {
                Ok(None) => {}
                Ok(Some(masked)) => {
                    self.verdict = self.verdict.max(Verdict::Mask);
                    left = Some(masked);
                }
                Err(_) => {
                    self.verdict = Verdict::Reject;
                    return Err(refused(refusal));
                }
            }
        }
        Ok(left)
    }

    fn end(&mut self, ended: &Ended) -> Result<(), Error> {
        let over = |channel: &String| match ended {
            Ended::None => false,
            Ended::Of(starts) => starts.iter().any(|start| channel.starts_with(start)),
            Ended::All => true,
        };
        if *ended == Ended::None {
            return Ok(());
        }
        let mut channels: Vec<_> = self.channels.keys().filter(|c| over(c)).cloned().collect();
        channels.sort_unstable();
        for channel in channels {
            if let Some(mut maskers) = self.channels.remove(&channel) {
                let none = Vec::new();
                let left = pass(
                    &mut maskers,
                    &self.guards,
                    none,
                    &mut self.verdict,
                    Last::Yes,
                )?;
                self.fill(left);
            }
        }
        Ok(())
    }

    fn fill(&mut self, parts: Vec<Part>) {
        for Part { of, text } in parts {
            let at = self.held.partition_point(|held| held.until <= of);
            let slots = self.held.get_mut(at).map(|held| &mut held.slots);
            let slot = slots.and_then(|slots| slots.iter_mut().find(|slot| slot.of == of));
            if let Some(slot) = slot {
                slot.left.push_str(&text);
            }
        }
    }

    /// Lets go of the events whose texts are known.
    fn release(&mut self, out: &mut Vec<Piece>) {
        let maskers = self.channels.values().flatten();
        let waiting = maskers
            .filter_map(Masker::waiting)
            .min()
            .unwrap_or(u64::MAX);
        while let Some(held) = self
            .held
            .pop_front_if(|held| held.slots.last().is_none_or(|slot| slot.of < waiting))
        {
            self.bytes -= held.piece.raw.len();
            out.push(held.written());
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Yes,
    No,
}

/// Parts of a text on their way through one guard after another.
fn pass(
    maskers: &mut [Masker],
    guards: &[(Rules, Refusal)],
    mut parts: Vec<Part>,
    verdict: &mut Verdict,
    last: Last,
) -> Result<Vec<Part>, Error> {
    for (masker, (_, refusal)) in maskers.iter_mut().zip(guards) {
        let mut left = Vec::new();
        let before = masker.masked();
        let mut looked = Ok(());
        for Part { of, text } in parts {
            looked = looked.and_then(|()| masker.push(of, &text, &mut left));
        }
        if last == Last::Yes {
            looked = looked.and_then(|()| masker.finish(&mut left));
        }
        if looked.is_err() {
            *verdict = Verdict::Reject;
            return Err(refused(refusal));
        }
        if masker.masked() > before {
            *verdict = (*verdict).max(Verdict::Mask);
        }
        parts = left;
    }
    Ok(parts)
}

impl Held {
    fn written(self) -> Piece {
        let mut patch = self.patch;
        for slot in self.slots {
            if slot.left != slot.said {
                patch.replace(slot.place, quote(&slot.left));
            }
        }
        let Piece { raw, class } = self.piece;
        Piece {
            raw: written(raw, &self.data, patch),
            class,
        }
    }
}

/// An event with changes in its data.
pub(super) fn written(raw: Bytes, data: &Bytes, patch: Patch) -> Bytes {
    let new = patch.apply(data);
    if new.as_ptr() == data.as_ptr() {
        return raw;
    }
    // Data on one line is a part of the event's bytes.
    let start = data.as_ptr().addr().checked_sub(raw.as_ptr().addr());
    let within = start
        .map(|start| start..start + data.len())
        .filter(|data| data.end <= raw.len());
    let raw = match within {
        Some(place) => [&raw[..place.start], &new, &raw[place.end..]].concat(),
        None => on_lines(&raw, &new),
    };
    raw.into()
}

/// An event whose data was on several lines, with other data.
fn on_lines(raw: &[u8], data: &[u8]) -> Vec<u8> {
    let lines = raw.split(|byte| matches!(byte, b'\n' | b'\r'));
    let others = lines.filter(|line| !line.is_empty() && !line.starts_with(b"data"));
    let mut out = Vec::with_capacity(raw.len());
    for line in others {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    for line in data.split(|byte| *byte == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
    out
}
