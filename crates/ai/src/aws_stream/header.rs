//! Headers of a frame: name, type and value, one after the other.

use bytes::{Buf, Bytes};
use serde_json::json;

use super::FAILURE;

/// What the headers say of an event.
#[derive(Debug, Default)]
pub(super) struct Told {
    kind: Bytes,
    event: Bytes,
    exception: Bytes,
    code: Bytes,
    message: Bytes,
}

impl Told {
    /// The event's name and data. An error has its text in the headers.
    pub(super) fn event(self, payload: Bytes) -> (Option<Bytes>, Bytes) {
        let failure = |name: &[u8]| Some(Bytes::from([FAILURE.as_bytes(), name].concat()));
        match &*self.kind {
            b"exception" => (failure(&self.exception), payload),
            b"error" => {
                let message = String::from_utf8_lossy(&self.message);
                let data = json!({"message": message}).to_string();
                (failure(&self.code), data.into())
            }
            _ => (Some(self.event).filter(|name| !name.is_empty()), payload),
        }
    }
}

/// Reads all headers, and keeps those that are known. `None` when they are cut or of no known type.
pub(super) fn read(mut bytes: Bytes) -> Option<Told> {
    let mut told = Told::default();
    while !bytes.is_empty() {
        let length = usize::from(bytes.get_u8());
        let name = take(&mut bytes, length)?;
        let kind = bytes.try_get_u8().ok()?;
        let length = match kind {
            // True and false.
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 => 4,
            // A long, and a time.
            5 | 8 => 8,
            // Bytes, and text.
            6 | 7 => usize::from(bytes.try_get_u16().ok()?),
            // A UUID.
            9 => 16,
            _ => return None,
        };
        let value = take(&mut bytes, length)?;
        let known = match &*name {
            b":message-type" => &mut told.kind,
            b":event-type" => &mut told.event,
            b":exception-type" => &mut told.exception,
            b":error-code" => &mut told.code,
            b":error-message" => &mut told.message,
            _ => continue,
        };
        *known = value;
    }
    Some(told)
}

fn take(bytes: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= bytes.len()).then(|| bytes.split_to(length))
}

/// Appends a header whose value is text.
pub(super) fn write(name: &str, value: &str, out: &mut Vec<u8>) {
    let name = &name[..name.len().min(255)];
    let value = &value.as_bytes()[..value.len().min(32_767)];
    out.push(name.len() as u8);
    out.extend_from_slice(name.as_bytes());
    out.push(7);
    out.extend_from_slice(&(value.len() as u16).to_be_bytes());
    out.extend_from_slice(value);
}
