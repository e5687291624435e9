//! The chunked transfer coding (RFC 9112 §7.1), read as it comes.

use std::ops::Range;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Garbage, MAX_FIELDS};

/// Digits of a chunk's size: what fits 64 bits.
const MAX_DIGITS: u32 = 16;
/// Bytes of all chunk extensions of one body. They are dropped.
const MAX_EXTENSIONS: usize = 16 << 10;
/// Bytes of the trailers.
const MAX_TRAILERS: usize = 16 << 10;

/// Finds the data in a body that comes in chunks.
#[derive(Debug, Default)]
pub struct Chunks {
    state: State,
    /// Bytes of the current chunk that are still to come.
    left: u64,
    /// Digits of its size.
    digits: u32,
    extensions: usize,
    trailers: Vec<u8>,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// The data at this place of the input.
    Data(Range<usize>),
    /// The input is used up.
    More,
    /// The body is complete. Trailers are told once.
    End(Option<HeaderMap>),
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    /// White space after the size.
    Space,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the start of a line of the trailers, or of the empty line after them.
    Line,
    Trailer,
    TrailerLf,
    LastLf,
    End,
}

impl Chunks {
    /// Reads on in `input`, of which everything before `at` was read before.
    ///
    /// # Errors
    /// The coding is broken. Nothing may be read after that.
    pub fn step(&mut self, input: &[u8], at: &mut usize) -> Result<Step, Garbage> {
        self.pass(input, at)?;
        match self.state {
            State::End => Ok(Step::End(self.trailers()?)),
            State::Data if *at < input.len() => {
                let start = *at;
                let left = usize::try_from(self.left).unwrap_or(usize::MAX);
                *at += left.min(input.len() - start);
                self.left -= (*at - start) as u64;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
                Ok(Step::Data(start..*at))
            }
            _ => Ok(Step::More),
        }
    }

    /// Reads on up to the next data, and gives the body's end if it comes before that: whether a
    /// body goes on is then known with its last data.
    pub fn end(
        &mut self,
        input: &[u8],
        at: &mut usize,
    ) -> Option<Result<Option<HeaderMap>, Garbage>> {
        match self.pass(input, at) {
            Err(garbage) => Some(Err(garbage)),
            Ok(()) if self.state == State::End => Some(self.trailers()),
            Ok(()) => None,
        }
    }

    fn pass(&mut self, input: &[u8], at: &mut usize) -> Result<(), Garbage> {
        while !matches!(self.state, State::Data | State::End)
            && let Some(&byte) = input.get(*at)
        {
            *at += 1;
            self.state = self.after(byte)?;
        }
        Ok(())
    }

    fn after(&mut self, byte: u8) -> Result<State, Garbage> {
        match (self.state, byte) {
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.digit(byte),
            (State::Size | State::Space, b'\r') if self.digits > 0 => Ok(State::SizeLf),
            (State::Size | State::Space, b';') if self.digits > 0 => Ok(State::Extension),
            (State::Size | State::Space, b' ' | b'\t') if self.digits > 0 => {
                self.skipped(State::Space)
            }
            (State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Extension, b'\n') => Err(Garbage::ChunkSize),
            (State::Extension, _) => self.skipped(State::Extension),
            (State::SizeLf, b'\n') => {
                self.digits = 0;
                Ok(match self.left {
                    0 => State::Line,
                    _ => State::Data,
                })
            }
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size),
            (State::DataCr | State::DataLf, _) => Err(Garbage::ChunkEnd),
            (State::Line, b'\r') => Ok(State::LastLf),
            (State::Line | State::Trailer, b'\n') => Err(Garbage::Trailers),
            (State::Trailer, b'\r') => self.trailer(byte, State::TrailerLf),
            (State::Line | State::Trailer, _) => self.trailer(byte, State::Trailer),
            (State::TrailerLf, b'\n') => self.trailer(byte, State::Line),
            (State::LastLf, b'\n') => Ok(State::End),
            (State::TrailerLf | State::LastLf, _) => Err(Garbage::Trailers),
            _ => Err(Garbage::ChunkSize),
        }
    }

    fn digit(&mut self, byte: u8) -> Result<State, Garbage> {
        if self.digits == MAX_DIGITS {
            return Err(Garbage::ChunkSize);
        }
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            _ => (byte | 0x20) - b'a' + 10,
        };
        self.digits += 1;
        self.left = self.left << 4 | u64::from(digit);
        Ok(State::Size)
    }

    fn skipped(&mut self, next: State) -> Result<State, Garbage> {
        self.extensions += 1;
        if self.extensions > MAX_EXTENSIONS {
            return Err(Garbage::ChunkExtensions);
        }
        Ok(next)
    }

    fn trailer(&mut self, byte: u8, next: State) -> Result<State, Garbage> {
        if self.trailers.len() == MAX_TRAILERS {
            return Err(Garbage::TrailersTooLarge);
        }
        self.trailers.push(byte);
        Ok(next)
    }

    fn trailers(&mut self) -> Result<Option<HeaderMap>, Garbage> {
        if self.trailers.is_empty() {
            return Ok(None);
        }
        let mut text = std::mem::take(&mut self.trailers);
        text.extend_from_slice(b"\r\n");
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let fields = match httparse::parse_headers(&text, &mut fields) {
            Ok(httparse::Status::Complete((_, fields))) => fields,
            Err(httparse::Error::TooManyHeaders) => return Err(Garbage::TrailersTooLarge),
            Ok(httparse::Status::Partial) | Err(_) => return Err(Garbage::Trailers),
        };
        let mut trailers = HeaderMap::with_capacity(fields.len());
        for field in fields {
            let name = HeaderName::from_bytes(field.name.as_bytes());
            let value = HeaderValue::from_bytes(field.value);
            let (Ok(name), Ok(value)) = (name, value) else {
                return Err(Garbage::Trailers);
            };
            trailers.append(name, value);
        }
        Ok(Some(trailers))
    }
}

#[cfg(test)]
mod tests;
