//! AWS's event stream: length-prefixed messages with headers and two checksums.

use bytes::Bytes;
use serde::Serialize;
use serde_json::json;

use super::error;
use crate::{error::ApiError, wire::to_bytes};

/// The type of a header whose value is a string.
const STRING: u8 = 7;
/// Two lengths and their checksum before the headers, the checksum of all at the end.
const OVERHEAD: usize = 16;

/// An event of a stream.
pub(super) fn event(name: &str, payload: &impl Serialize) -> Bytes {
    message(
        &[
            (":event-type", name),
            (":content-type", "application/json"),
            (":message-type", "event"),
        ],
        &to_bytes(payload),
    )
}

/// An error in place of the next event, which ends the stream.
pub(super) fn exception(error: &ApiError) -> Bytes {
    message(
        &[
            (":exception-type", error::stream_kind(error)),
            (":content-type", "application/json"),
            (":message-type", "exception"),
        ],
        &to_bytes(&json!({"message": error::message(error)})),
    )
}

fn message(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let mut head = Vec::new();
    for (name, value) in headers {
        head.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        head.extend_from_slice(name.as_bytes());
        head.push(STRING);
        head.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    let total = OVERHEAD + head.len() + payload.len();
    let mut message = Vec::with_capacity(total);
    for length in [total, head.len()] {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        message.extend_from_slice(&length.to_be_bytes());
    }
    message.extend_from_slice(&crc32(&message).to_be_bytes());
    message.extend_from_slice(&head);
    message.extend_from_slice(payload);
    message.extend_from_slice(&crc32(&message).to_be_bytes());
    message.into()
}

/// CRC-32 as in ISO 3309 and gzip.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let step = |crc: u32, _| (crc >> 1) ^ (POLYNOMIAL & 0_u32.wrapping_sub(crc & 1));
    !bytes
        .iter()
        .fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_as_published() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn lays_a_message_out() {
        let message = message(&[(":a", "bc")], b"{}");
        let head = b"\x02:a\x07\x00\x02bc";
        assert_eq!(message.len(), OVERHEAD + head.len() + 2);
        assert_eq!(message[..4], 26_u32.to_be_bytes());
        assert_eq!(message[4..8], 8_u32.to_be_bytes());
        assert_eq!(message[8..12], crc32(&message[..8]).to_be_bytes());
        assert_eq!(message[12..20], head[..]);
        assert_eq!(message[20..22], b"{}"[..]);
        assert_eq!(message[22..], crc32(&message[..22]).to_be_bytes());
    }
}
