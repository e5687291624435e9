//! An incremental scanner over a JSON object that notes where its top-level members are.
//!
//! It checks the whole grammar of RFC 8259 but for UTF-8 inside strings, builds no tree, and keeps
//! only the members it is asked for. Long strings are crossed at `memchr` speed. How the input is cut
//! into chunks never changes the result.

mod field;
mod grammar;
mod key;
mod run;

use crate::error::Error;
use grammar::{Number, Role, State, Word};
use key::KeyText;

pub use field::{Field, Kind, Repeat, Want};

/// Containers may be nested this deep, the outermost object included.
pub const MAX_DEPTH: u32 = 128;

/// The scanner. After an error it stays failed.
#[derive(Debug)]
pub struct Scanner {
    wants: &'static [Want],
    /// Parallel to `wants`.
    fields: Vec<Option<Field>>,
    state: State,
    /// One bit per open container, innermost lowest: 1 is an object.
    stack: u128,
    depth: u32,
    /// Absolute offset of the current chunk.
    offset: usize,
    /// Absolute offset behind the outermost `{`.
    opened: Option<usize>,
    /// Text and place of the top-level key read last.
    key: KeyText,
    key_start: usize,
    key_end: usize,
    /// Wanted member whose value comes next or is being read.
    current: Option<usize>,
    failed: Option<Error>,
}

impl Scanner {
    pub fn new(wants: &'static [Want]) -> Self {
        debug_assert!(wants.iter().all(|want| want.key.len() <= KeyText::LIMIT));
        Self {
            wants,
            fields: vec![None; wants.len()],
            state: State::Start,
            stack: 0,
            depth: 0,
            offset: 0,
            opened: None,
            key: KeyText::default(),
            key_start: 0,
            key_end: 0,
            current: None,
            failed: None,
        }
    }

    /// Reads on. The error is the first in the input, at its absolute offset.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let mut at = 0;
        while at < chunk.len() {
            match self.step(chunk, at) {
                Ok(next) => at = next,
                Err(error) => {
                    self.failed = Some(error.clone());
                    return Err(error);
                }
            }
        }
        self.keep(chunk, self.offset + chunk.len());
        self.offset += chunk.len();
        Ok(())
    }

    /// Tells whether the input may end here.
    pub fn finish(&self) -> Result<(), Error> {
        match (&self.failed, self.state) {
            (Some(error), _) => Err(error.clone()),
            (None, State::End) => Ok(()),
            (None, State::Start) => Err(Error::Empty),
            (None, _) => Err(Error::Truncated { at: self.offset }),
        }
    }

    /// Whether the outermost object is closed.
    pub fn is_complete(&self) -> bool {
        self.failed.is_none() && matches!(self.state, State::End)
    }

    /// The wanted member `key`, from the first byte of its value on.
    pub fn field(&self, key: &str) -> Option<&Field> {
        let index = self.wants.iter().position(|want| want.key == key)?;
        self.fields[index].as_ref()
    }

    /// Absolute offset behind the outermost `{`: where a member may be inserted.
    pub fn opened(&self) -> Option<usize> {
        self.opened
    }

    /// Consumes at least one byte of `chunk` from `at` on, if there is one; returns where to go on.
    fn step(&mut self, chunk: &[u8], at: usize) -> Result<usize, Error> {
        match self.state {
            State::Text(role) => self.text(chunk, at, role),
            State::Escape(role) => self.escape(chunk[at], at, role),
            State::Hex { role, left, code } => self.hex(chunk[at], at, role, left, code),
            State::Word(word, read) => self.word(chunk, at, word, read),
            State::Number(number) => self.number(chunk, at, number),
            _ => self.structure(chunk, at),
        }
    }

    #[inline]
    fn structure(&mut self, chunk: &[u8], at: usize) -> Result<usize, Error> {
        let byte = chunk[at];
        if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            return Ok(at + 1);
        }
        match (self.state, byte) {
            (State::Start, b'{') => {
                self.opened = Some(self.offset + at + 1);
                self.open(byte)?;
            }
            (State::Start, b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                return Err(Error::NotAnObject);
            }
            (State::FirstItem, b']') => self.close(chunk, at),
            (State::Value | State::FirstItem, _) => {
                self.begin(byte, at)?;
                // On with what most values are, without a step between.
                match self.state {
                    State::Text(role) => return self.text(chunk, at + 1, role),
                    State::Number(number) => return self.number(chunk, at + 1, number),
                    _ => {}
                }
            }
            (State::FirstKey, b'}') => self.close(chunk, at),
            (State::FirstKey | State::NextKey, b'"') => {
                self.key.clear();
                self.key_start = self.offset + at;
                self.state = State::Text(Role::Key);
                return self.text(chunk, at + 1, Role::Key);
            }
            (State::Colon, b':') => self.state = State::Value,
            (State::After, b',') if self.in_object() => self.state = State::NextKey,
            (State::After, b',') => self.state = State::Value,
            (State::After, b'}') if self.in_object() => self.close(chunk, at),
            (State::After, b']') if !self.in_object() => self.close(chunk, at),
            _ => return Err(self.unexpected(at)),
        }
        Ok(at + 1)
    }

    #[inline]
    fn begin(&mut self, byte: u8, at: usize) -> Result<(), Error> {
        let Some((state, kind)) = State::of_value(byte) else {
            return Err(self.unexpected(at));
        };
        if let Some(index) = self.current {
            match self.depth {
                1 => {
                    let key = self.key_start..self.key_end;
                    self.fields[index] = Some(Field::begin(key, self.offset + at, kind));
                }
                2 => self.fields[index]
                    .iter_mut()
                    .for_each(|field| field.filled = true),
                _ => {}
            }
        }
        match state {
            Some(state) => self.state = state,
            None => self.open(byte)?,
        }
        Ok(())
    }

    fn open(&mut self, byte: u8) -> Result<(), Error> {
        if self.depth == MAX_DEPTH {
            return Err(Error::TooDeep { limit: MAX_DEPTH });
        }
        self.depth += 1;
        let object = byte == b'{';
        self.stack = self.stack << 1 | u128::from(object);
        self.state = if object {
            State::FirstKey
        } else {
            State::FirstItem
        };
        Ok(())
    }

    fn close(&mut self, chunk: &[u8], at: usize) {
        self.depth -= 1;
        self.stack >>= 1;
        self.ended(chunk, at + 1);
    }

    /// The value that ends before `end`, an index into `chunk`, is complete.
    #[inline]
    fn ended(&mut self, chunk: &[u8], end: usize) {
        self.state = if self.depth == 0 {
            State::End
        } else {
            State::After
        };
        if self.depth == 1
            && let Some(index) = self.current
        {
            self.keep(chunk, self.offset + end);
            if let Some(field) = &mut self.fields[index] {
                field.end = Some(self.offset + end);
            }
            self.current = None;
        }
    }

    /// Copies what is to be kept of the current value up to the absolute offset `upto`.
    fn keep(&mut self, chunk: &[u8], upto: usize) {
        if let Some(index) = self.current
            && let Some(field) = &mut self.fields[index]
            && field.end.is_none()
        {
            field.keep(chunk, self.offset, upto, self.wants[index].keep);
        }
    }

    fn text(&mut self, chunk: &[u8], mut at: usize, role: Role) -> Result<usize, Error> {
        let is_top_key = role == Role::Key && self.depth == 1;
        loop {
            let end = at + run::plain(&chunk[at..]);
            if is_top_key {
                self.key.extend(&chunk[at..end]);
            }
            match (chunk.get(end), chunk.get(end + 1)) {
                (None, _) => return Ok(end),
                (Some(b'"'), _) => {
                    self.text_ended(chunk, end + 1, role)?;
                    if role == Role::Key && chunk.get(end + 1) == Some(&b':') {
                        self.state = State::Value;
                        return Ok(end + 2);
                    }
                    return Ok(end + 1);
                }
                // The short escapes inside values, without a change of state.
                (Some(b'\\'), Some(b'n' | b'"' | b'\\' | b't' | b'r' | b'/' | b'b' | b'f'))
                    if !is_top_key =>
                {
                    at = end + 2;
                }
                (Some(b'\\'), _) => {
                    self.state = State::Escape(role);
                    return Ok(end + 1);
                }
                (Some(_), _) => return Err(self.unexpected(end)),
            }
        }
    }

    fn text_ended(&mut self, chunk: &[u8], end: usize, role: Role) -> Result<(), Error> {
        if role == Role::Value {
            self.ended(chunk, end);
            return Ok(());
        }
        self.state = State::Colon;
        if self.depth == 1 {
            self.key_end = self.offset + end;
            self.current = self.wants.iter().position(|want| self.key.is(want.key));
            if let Some(index) = self.current
                && self.wants[index].repeat == Repeat::Reject
                && self.fields[index].is_some()
            {
                return Err(Error::DuplicateKey {
                    key: self.wants[index].key,
                });
            }
        } else if self.depth == 2
            && let Some(index) = self.current
            && let Some(field) = &mut self.fields[index]
        {
            field.filled = true;
        }
        Ok(())
    }

    fn escape(&mut self, byte: u8, at: usize, role: Role) -> Result<usize, Error> {
        self.state = State::Text(role);
        match byte {
            b'u' => {
                self.state = State::Hex {
                    role,
                    left: 4,
                    code: 0,
                }
            }
            b'"' | b'\\' | b'/' => self.decoded(u32::from(byte), role),
            // No wanted key holds a control character.
            b'b' | b'f' | b'n' | b'r' | b't' => self.decoded(0, role),
            _ => return Err(self.unexpected(at)),
        }
        Ok(at + 1)
    }

    fn hex(
        &mut self,
        byte: u8,
        at: usize,
        role: Role,
        left: u8,
        code: u16,
    ) -> Result<usize, Error> {
        let Some(digit) = char::from(byte).to_digit(16) else {
            return Err(self.unexpected(at));
        };
        let code = code << 4 | digit as u16;
        self.state = State::Hex {
            role,
            left: left - 1,
            code,
        };
        if left == 1 {
            self.state = State::Text(role);
            self.decoded(u32::from(code), role);
        }
        Ok(at + 1)
    }

    fn decoded(&mut self, code: u32, role: Role) {
        if role == Role::Key && self.depth == 1 {
            self.key.push(code);
        }
    }

    fn word(&mut self, chunk: &[u8], at: usize, word: Word, read: u8) -> Result<usize, Error> {
        let text = word.text();
        if text.get(usize::from(read)) != Some(&chunk[at]) {
            return Err(self.unexpected(at));
        }
        self.state = State::Word(word, read + 1);
        if usize::from(read) + 1 == text.len() {
            self.ended(chunk, at + 1);
        }
        Ok(at + 1)
    }

    fn number(&mut self, chunk: &[u8], mut at: usize, mut number: Number) -> Result<usize, Error> {
        loop {
            if number.takes_digits() {
                at += run::digits(&chunk[at..]);
            }
            let Some(byte) = chunk.get(at) else {
                self.state = State::Number(number);
                return Ok(at);
            };
            match number.next(*byte) {
                Some(next) => number = next,
                None if number.may_end() => {
                    self.ended(chunk, at);
                    return self.structure(chunk, at);
                }
                None => return Err(self.unexpected(at)),
            }
            at += 1;
        }
    }

    fn in_object(&self) -> bool {
        self.stack & 1 == 1
    }

    fn unexpected(&self, at: usize) -> Error {
        Error::NotJson {
            at: self.offset + at,
        }
    }
}

#[cfg(test)]
mod tests;
