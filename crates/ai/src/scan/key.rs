//! Comparing keys to the wanted ones while they come.

/// A key as far as it can still equal a wanted one.
#[derive(Debug, Default)]
pub(super) struct KeyText {
    bytes: [u8; KeyText::LIMIT],
    len: usize,
    /// Too long, or not ASCII: equals nothing wanted.
    foreign: bool,
}

impl KeyText {
    pub(super) const LIMIT: usize = 32;

    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.foreign = false;
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        match self.bytes.get_mut(self.len..self.len + bytes.len()) {
            Some(room) if !self.foreign => {
                room.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            _ => self.foreign = true,
        }
    }

    pub(super) fn push(&mut self, code: u32) {
        match u8::try_from(code) {
            Ok(byte) if byte.is_ascii() => self.extend(&[byte]),
            _ => self.foreign = true,
        }
    }

    pub(super) fn is(&self, key: &str) -> bool {
        !self.foreign && &self.bytes[..self.len] == key.as_bytes()
    }
}
