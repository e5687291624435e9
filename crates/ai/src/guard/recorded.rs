//! A whole event stream that has been held, for guards that ask somebody about all of it.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use agw_core::guard::{Form, Scope};
use bytes::Bytes;

use super::event::{self, Said};
use super::stream::written;
use crate::error::Error;
use crate::operation::Operation;
use crate::shape::patch::{Patch, quote};
use crate::sse::{Event, Splitter};

/// A stream in the client's format, and the texts that it comes to. What it says never prints.
pub struct Recorded {
    events: Vec<Recording>,
    texts: Vec<String>,
}

struct Recording {
    raw: Bytes,
    data: Bytes,
    places: Vec<(Range<usize>, Place)>,
}

/// What a place of an event says.
#[derive(Clone, Copy)]
enum Place {
    /// The text of this number, or its beginning.
    Start(usize),
    /// How that goes on.
    Rest(usize),
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded")
            .field("events", &self.events.len())
            .field("texts", &self.texts.len())
            .finish()
    }
}

impl Recorded {
    pub fn read(operation: Operation, stream: &Bytes) -> Result<Self, Error> {
        let mut splitter = Splitter::new(usize::MAX);
        splitter.push(stream.clone());
        let mut recorded = Self {
            events: Vec::new(),
            texts: Vec::new(),
        };
        let mut channels = HashMap::new();
        // Some events repeat what others said bit by bit.
        let mut whole = Vec::new();
        while let Some(event) = splitter.next_event()? {
            recorded.event(operation, event, &mut channels, &mut whole)?;
        }
        if let Some(event) = splitter.finish() {
            recorded.event(operation, event, &mut channels, &mut whole)?;
        }
        for (at, place, said) in whole {
            let known = recorded.texts.iter().position(|text| *text == said);
            let text = known.unwrap_or_else(|| {
                recorded.texts.push(said);
                recorded.texts.len() - 1
            });
            recorded.events[at].places.push((place, Place::Start(text)));
        }
        Ok(recorded)
    }

    /// What others are shown of it.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// The stream with other texts, in the same order.
    pub fn rewrite(self, said: &[String]) -> Bytes {
        let changed = |text: usize| said.get(text).is_some_and(|said| self.texts[text] != *said);
        let mut out = Vec::new();
        for Recording { raw, data, places } in self.events {
            let mut patch = Patch::default();
            for (place, what) in places {
                match what {
                    Place::Start(text) if changed(text) => patch.replace(place, quote(&said[text])),
                    Place::Rest(text) if changed(text) => patch.replace(place, quote("")),
                    Place::Start(_) | Place::Rest(_) => {}
                }
            }
            out.extend_from_slice(&written(raw, &data, patch));
        }
        out.into()
    }

    fn event(
        &mut self,
        operation: Operation,
        event: Event,
        channels: &mut HashMap<String, usize>,
        whole: &mut Vec<(usize, Range<usize>, String)>,
    ) -> Result<(), Error> {
        let data = event.data.unwrap_or_default();
        let Said {
            deltas, whole: own, ..
        } = event::read(operation, &data)?;
        let mut places = Vec::new();
        for delta in deltas.into_iter().filter(|delta| delta.form == Form::Plain) {
            match channels.get(&delta.channel) {
                Some(text) => {
                    self.texts[*text].push_str(&delta.said);
                    places.push((delta.place, Place::Rest(*text)));
                }
                None => {
                    channels.insert(delta.channel, self.texts.len());
                    places.push((delta.place, Place::Start(self.texts.len())));
                    self.texts.push(delta.said);
                }
            }
        }
        let shown = own
            .all
            .into_iter()
            .filter(|text| text.scope != Scope::ToolInput);
        whole.extend(shown.map(|text| (self.events.len(), text.place, text.said)));
        self.events.push(Recording {
            raw: event.raw,
            data,
            places,
        });
        Ok(())
    }
}
