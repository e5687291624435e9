//! What answers are made of on the wire: JSON, server-sent events, timestamps.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::Serialize;

/// `data: …` alone.
pub(crate) fn data_event(value: &impl Serialize) -> Bytes {
    event(b"data: ", value)
}

/// `event: …` and `data: …`.
pub(crate) fn named_event(name: &str, value: &impl Serialize) -> Bytes {
    event(format!("event: {name}\ndata: ").as_bytes(), value)
}

fn event(lead: &[u8], value: &impl Serialize) -> Bytes {
    let mut event = Vec::with_capacity(lead.len() + 320);
    event.extend_from_slice(lead);
    serde_json::to_writer(&mut event, value).expect("answers have string keys only");
    event.extend_from_slice(b"\n\n");
    event.into()
}

pub(crate) fn to_bytes(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value)
        .expect("answers have string keys only")
        .into()
}

/// Seconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
