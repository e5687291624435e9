//! From what a proxy holds to what it should hold.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use prost::Message as _;

use super::{Content, Entry};
use crate::limits;
use crate::proto;
use crate::resource::{Hash, ResourceId};

/// Resources by their names and hashes, as a proxy says that it holds them.
pub(crate) type Held = BTreeMap<ResourceId, Hash>;

/// What a proxy holds.
#[derive(Debug)]
pub(crate) enum Baseline {
    /// Nothing, or nothing that is known.
    Nothing,
    /// What it said.
    Stated { version: u64, held: Held },
    /// What was sent to it.
    Sent(Arc<Content>),
}

impl Baseline {
    /// The version that updates from here are relative to.
    fn version(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Stated { version, .. } => *version,
            Self::Sent(content) => content.version,
        }
    }

    /// The messages that lead from here to `content`; at least one.
    pub(crate) fn updates(&self, content: &Content) -> VecDeque<proto::Update> {
        let mut delta = Delta::default();
        match self {
            Self::Nothing => delta.between(std::iter::empty(), &content.entries),
            Self::Stated { held, .. } => {
                delta.between(held.iter().map(|(id, hash)| (id, *hash)), &content.entries);
            }
            Self::Sent(before) => {
                let before = before.entries.iter();
                let before = before.map(|e| (&e.encoded.id, e.encoded.hash));
                delta.between(before, &content.entries);
            }
        }
        delta.messages(self.version(), content.version)
    }
}

#[derive(Default)]
struct Delta {
    upsert: Vec<proto::Resource>,
    remove: Vec<proto::ResourceId>,
}

impl Delta {
    /// Both are in the order of their ids.
    fn between<'a>(
        &mut self,
        from: impl Iterator<Item = (&'a ResourceId, Hash)>,
        to: &[Arc<Entry>],
    ) {
        let mut from = from.peekable();
        for entry in to {
            let encoded = &entry.encoded;
            while let Some((gone, _)) = from.next_if(|(id, _)| **id < encoded.id) {
                self.remove.push(gone.into());
            }
            let held = from.next_if(|(id, _)| **id == encoded.id);
            if held.is_none_or(|(_, hash)| hash != encoded.hash) {
                self.upsert.push(encoded.into());
            }
        }
        self.remove
            .extend(from.map(|(gone, _)| proto::ResourceId::from(gone)));
    }

    fn messages(self, base: u64, version: u64) -> VecDeque<proto::Update> {
        let empty = || proto::Update {
            version,
            base,
            ..proto::Update::default()
        };
        let mut messages = VecDeque::new();
        let mut last = empty();
        let mut size = 0;
        let mut room = |last: &mut proto::Update, more: usize| {
            if size > 0 && size + more > limits::CHUNK {
                messages.push_back(std::mem::replace(last, empty()));
                size = 0;
            }
            size += more;
        };
        for resource in self.upsert {
            room(&mut last, resource.encoded_len());
            last.upsert.push(resource);
        }
        for id in self.remove {
            room(&mut last, id.encoded_len());
            last.remove.push(id);
        }
        last.complete = true;
        messages.push_back(last);
        messages
    }
}
