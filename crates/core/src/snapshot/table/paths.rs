//! Entries that are found by the whole text of their path.
//!
//! A table is made anew with every change to a Gateway, which may have thousands of paths: it owns
//! no text, and what it takes is in two pieces.

use std::hash::{BuildHasher, BuildHasherDefault};

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use super::Entry;
use crate::matcher::PathMatch;

/// Entries by path; those of one path in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Paths {
    places: Vec<Place>,
    lists: HashTable<List>,
}

#[derive(Debug)]
struct Place {
    entry: Entry,
    /// The next one of the same path.
    next: Option<u32>,
}

/// The entries of one path, by their places.
#[derive(Debug)]
struct List {
    /// Of the path: a table that grows need not read all paths again.
    hash: u64,
    first: u32,
    last: u32,
}

impl Paths {
    pub(super) fn insert(&mut self, entry: Entry) {
        let added = u32::try_from(self.places.len()).expect("no Gateway has that many matches");
        let (places, hash) = (&mut self.places, hash(path(&entry)));
        let same = |list: &List| {
            list.hash == hash && path(&places[list.first as usize].entry) == path(&entry)
        };
        match self.lists.find_mut(hash, same) {
            Some(list) => {
                places[list.last as usize].next = Some(added);
                list.last = added;
            }
            None => {
                let list = List {
                    hash,
                    first: added,
                    last: added,
                };
                self.lists.insert_unique(hash, list, |list| list.hash);
            }
        }
        places.push(Place { entry, next: None });
    }

    /// The entries whose path is this text.
    pub(super) fn of(&self, text: &str) -> impl Iterator<Item = &Entry> {
        let same = |list: &List| path(&self.places[list.first as usize].entry) == text;
        let list = self.lists.find(hash(text), same);
        let mut next = list.map(|list| list.first);
        std::iter::from_fn(move || {
            let place = &self.places[next? as usize];
            next = place.next;
            Some(&place.entry)
        })
    }
}

/// The text that an entry is found by; an expression is found by none.
fn path(entry: &Entry) -> &str {
    match &entry.matched().path {
        PathMatch::Exact(path) | PathMatch::Prefix(path) => path,
        PathMatch::Regex(_) => "",
    }
}

fn hash(text: &str) -> u64 {
    BuildHasherDefault::<FxHasher>::default().hash_one(text)
}
