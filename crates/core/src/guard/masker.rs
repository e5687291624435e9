//! Looking through a text that comes in pieces.
//!
//! What no match can come of any more goes on; the rest is held until it is known. So the pieces
//! that go on say what a look at the whole text would have left of it, however it was cut, as long
//! as no match is longer than [`WINDOW`].

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use regex_automata::hybrid::dfa::Cache;

use super::rules::{Action, Rule, Rules};

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Plain,
    /// JSON, as what a tool is called with. What stands in it behind an escape counts as apart; a
    /// mask in place of a number becomes a text.
    Document,
}

/// So much of a text is held back at most, in bytes. Of a longer match only what stands within is
/// masked.
pub const WINDOW: usize = 4096;

/// So far behind a match its check looks, in bytes.
const AHEAD: usize = 8;
/// So much of what has gone on is kept, for what looks in front of a match.
const BEHIND: usize = 128;

/// Looks through one text. What it holds never prints.
pub struct Masker {
    rules: Rules,
    caches: Vec<Cache>,
    form: Form,
    /// What has not gone on, and the end of what has, as it is looked through.
    pub(super) text: String,
    /// The same as it was said, where that is not the same.
    said: Option<String>,
    /// How what is looked through goes on.
    added: Document,
    /// How what goes on does.
    gone: Document,
    /// Where in `text` that begins.
    done: usize,
    /// No match starts between `done` and here.
    dead: usize,
    /// Ends of the pieces that `text` came in.
    pieces: VecDeque<(u64, usize)>,
    masked: u64,
}

/// What goes on of a piece, which may be one of several parts.
#[derive(Clone, PartialEq, Eq)]
pub struct Piece {
    /// Of the piece that it stood in; a mask stands where its match began.
    pub of: u64,
    pub text: String,
}

/// A match of rules that reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found;

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masker")
            .field("rules", &self.rules)
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Piece")
            .field("of", &self.of)
            .field("bytes", &self.text.len())
            .finish()
    }
}

impl Rules {
    /// `text` with its matches masked, or `None` where there are none.
    pub fn mask(&self, text: &str, form: Form) -> Result<Option<String>, Found> {
        let none = |text: &str| self.rules().iter().all(|rule| rule.find(text, 0).is_none());
        if form == Form::Plain && none(text) {
            return Ok(None);
        }
        let mut masker = Masker::new(self.clone(), form);
        let mut out = Vec::new();
        masker.add(0, text);
        masker.finish(&mut out)?;
        let masked = || out.into_iter().map(|piece| piece.text).collect();
        Ok((masker.masked > 0).then(masked))
    }
}

impl Masker {
    pub fn new(rules: Rules, form: Form) -> Self {
        let caches = rules.rules().iter().map(|rule| rule.alive.cache());
        Self {
            caches: caches.collect(),
            rules,
            form,
            text: String::new(),
            said: (form == Form::Document).then(String::new),
            added: Document::default(),
            gone: Document::default(),
            done: 0,
            dead: 0,
            pieces: VecDeque::new(),
            masked: 0,
        }
    }

    /// Takes the next piece, called `of`, and appends to `out` what may go on. The names of pieces
    /// only rise.
    pub fn push(&mut self, of: u64, piece: &str, out: &mut Vec<Piece>) -> Result<(), Found> {
        self.add(of, piece);
        self.go_on(Input::More, out)
    }

    /// The text has ended: all of it goes on.
    pub fn finish(&mut self, out: &mut Vec<Piece>) -> Result<(), Found> {
        self.go_on(Input::Ended, out)
    }

    /// The first piece of which something is held.
    pub fn waiting(&self) -> Option<u64> {
        self.pieces.front().map(|(of, _)| *of)
    }

    /// How much is held, in bytes.
    pub fn held(&self) -> usize {
        self.text.len() - self.done
    }

    /// How many matches it has masked.
    pub fn masked(&self) -> u64 {
        self.masked
    }

    fn add(&mut self, of: u64, piece: &str) {
        if !piece.is_empty() {
            match &mut self.said {
                None => self.text.push_str(piece),
                Some(said) => {
                    said.push_str(piece);
                    let added = &mut self.added;
                    self.text
                        .extend(piece.chars().map(|char| added.seen_as(char)));
                }
            }
            self.pieces.push_back((of, self.text.len()));
        }
    }

    fn go_on(&mut self, input: Input, out: &mut Vec<Piece>) -> Result<(), Found> {
        let (known, forced) = self.known(input);
        loop {
            let found = self.first_match();
            let sure = |found: &Match| match input {
                Input::Ended => true,
                Input::More if found.range.start < forced => true,
                Input::More => {
                    found.range.start < known && found.range.end + AHEAD <= self.text.len()
                }
            };
            match found {
                Some(found) if sure(&found) => {
                    if self.rules.action() == Action::Reject {
                        return Err(Found);
                    }
                    self.masked += 1;
                    self.release(found.range.start, out);
                    self.replace(&found, out);
                }
                Some(found) => {
                    self.release(found.range.start.min(known), out);
                    break;
                }
                None => {
                    self.release(known, out);
                    break;
                }
            }
        }
        self.forget();
        Ok(())
    }

    /// Up to where no start of a match depends on more text, and up to where it is not waited for
    /// any longer.
    fn known(&mut self, input: Input) -> (usize, usize) {
        let length = self.text.len();
        if input == Input::Ended {
            return (length, length);
        }
        let forced = floor(&self.text, length.saturating_sub(WINDOW)).max(self.done);
        let mut at = self.dead.max(forced);
        while at < length {
            let mut rules = self.rules.rules().iter().zip(&mut self.caches);
            if rules.any(|(rule, cache)| rule.alive.at(cache, &self.text, at)) {
                break;
            }
            at = next(&self.text, at);
        }
        self.dead = at;
        (at, forced)
    }

    /// The leftmost match, of those the longest, of those the first rule's.
    fn first_match(&self) -> Option<Match> {
        let mut first: Option<Match> = None;
        for rule in self.rules.rules() {
            let Some(range) = rule.find(&self.text, self.done) else {
                continue;
            };
            let better = first.as_ref().is_none_or(|first| {
                let key = |range: &Range<usize>| (range.start, usize::MAX - range.end);
                key(&range) < key(&first.range)
            });
            if better {
                let rule = rule.clone();
                first = Some(Match { range, rule });
            }
        }
        first
    }

    /// Lets go of the text up to `to`, piece by piece.
    fn release(&mut self, to: usize, out: &mut Vec<Piece>) {
        while self.done < to {
            let Some((of, end)) = self.pieces.front().copied() else {
                return;
            };
            let until = end.min(to);
            let text = self.said()[self.done..until].to_owned();
            out.push(Piece { of, text });
            self.advance(until);
        }
    }

    fn replace(&mut self, found: &Match, out: &mut Vec<Piece>) {
        if let Some((of, _)) = self.pieces.front().copied() {
            let mask = found.rule.mask;
            let bare = self.form == Form::Document && !self.gone.quoted;
            let text = if bare {
                format!("\"{mask}\"")
            } else {
                mask.to_owned()
            };
            out.push(Piece { of, text });
        }
        self.advance(found.range.end);
    }

    fn said(&self) -> &str {
        self.said.as_deref().unwrap_or(&self.text)
    }

    fn advance(&mut self, to: usize) {
        if let Some(said) = &self.said {
            let gone = &mut self.gone;
            for char in said[self.done..to].chars() {
                gone.seen_as(char);
            }
        }
        self.done = to;
        self.dead = self.dead.max(to);
        while self.pieces.front().is_some_and(|(_, end)| *end <= to) {
            self.pieces.pop_front();
        }
    }

    fn forget(&mut self) {
        let keep = floor(&self.text, self.done.saturating_sub(BEHIND));
        // Moving the rest costs less when it is done seldom.
        if keep < WINDOW && keep < self.text.len() / 2 {
            return;
        }
        self.text.drain(..keep);
        if let Some(said) = &mut self.said {
            said.drain(..keep);
        }
        self.done -= keep;
        self.dead -= keep;
        for (_, end) in &mut self.pieces {
            *end -= keep;
        }
    }
}

/// Where in a JSON document one is.
#[derive(Debug, Clone, Copy, Default)]
struct Document {
    quoted: bool,
    escaped: bool,
}

impl Document {
    /// What is looked at in the place of the next character: as many bytes.
    fn seen_as(&mut self, char: char) -> char {
        match (char, std::mem::take(&mut self.escaped)) {
            ('b' | 'f' | 'n' | 'r' | 't', true) => ' ',
            (char, true) => char,
            ('\\', false) => {
                self.escaped = self.quoted;
                ' '
            }
            ('"', false) => {
                self.quoted = !self.quoted;
                '"'
            }
            (char, false) => char,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    More,
    Ended,
}

struct Match {
    range: Range<usize>,
    rule: Arc<Rule>,
}

fn next(text: &str, at: usize) -> usize {
    let char = text[at..].chars().next();
    at + char.map_or(1, char::len_utf8)
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}
