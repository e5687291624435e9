use proptest::prelude::*;

use super::*;

type Split = (Vec<Event>, Result<(), Error>);

fn split<'c>(chunks: impl IntoIterator<Item = &'c [u8]>, limit: usize) -> Split {
    let mut splitter = AwsSplitter::new(limit);
    let mut events = Vec::new();
    for chunk in chunks {
        splitter.push(chunk);
        loop {
            match splitter.next_event() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Err(error)),
            }
        }
    }
    (events, Ok(()))
}

/// A frame with these headers as they are.
fn raw(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let total = PRELUDE + headers.len() + payload.len() + CHECKSUM;
    let mut out = Vec::new();
    out.extend_from_slice(&(total as u32).to_be_bytes());
    out.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out
}

#[test]
fn the_checksum_is_that_of_the_standard() {
    // The check value of CRC-32/ISO-HDLC.
    assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
    // An empty frame as AWS's own implementations write it.
    let empty = [
        0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff,
    ];
    assert_eq!(raw(b"", b""), empty);
    let (events, end) = split([&empty[..]], 1024);
    assert_eq!((events.len(), end), (1, Ok(())));
    assert_eq!(events[0].name, None);
}

#[test]
fn names_tell_events_from_failures() {
    let frames = [
        frame(Message::Event, "messageStart", b"{}").to_vec(),
        frame(
            Message::Exception,
            "throttlingException",
            b"{\"message\":\"slow\"}",
        )
        .to_vec(),
        {
            let mut headers = Vec::new();
            // One header of each fixed length, which nobody reads.
            for (kind, length) in [
                (0, 0),
                (1, 0),
                (2, 1),
                (3, 2),
                (4, 4),
                (5, 8),
                (8, 8),
                (9, 16),
            ] {
                headers.extend_from_slice(&[1, b'x', kind]);
                headers.extend_from_slice(&vec![0; length]);
            }
            headers.extend_from_slice(&[1, b'y', 6, 0, 2, 1, 2]);
            header::write(":message-type", "error", &mut headers);
            header::write(":error-code", "InternalError", &mut headers);
            header::write(":error-message", "a \"b\"", &mut headers);
            raw(&headers, b"")
        },
    ];
    let (events, end) = split(frames.iter().map(Vec::as_slice), 1024);
    assert_eq!(end, Ok(()));
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            (
                event.name.as_deref().unwrap(),
                event.data.as_deref().unwrap(),
            )
        })
        .collect();
    let expected: [(&[u8], &[u8]); 3] = [
        (b"messageStart", b"{}"),
        (b"exception:throttlingException", b"{\"message\":\"slow\"}"),
        (b"exception:InternalError", b"{\"message\":\"a \\\"b\\\"\"}"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn broken_frames_end_the_stream() {
    let good = frame(Message::Event, "a", b"{}");
    let flipped = |at: usize| {
        let mut bytes = good.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    for at in 0..good.len() {
        let bytes = flipped(at);
        let (events, end) = split([&bytes[..]], 1 << 20);
        assert!(events.is_empty(), "byte {at}");
        assert!(
            matches!(end, Err(Error::BrokenStream { .. })),
            "byte {at}: {end:?}"
        );
    }
    for headers in [
        &b"\x05ab"[..],
        b"\x01a",
        b"\x01a\x0a",
        b"\x01a\x07\x00",
        b"\x01a\x07\x00\x09x",
    ] {
        let (_, end) = split([&raw(headers, b"")[..]], 1024);
        assert!(
            matches!(end, Err(Error::BrokenStream { .. })),
            "{headers:?}"
        );
    }
    let (events, end) = split([&good[..]], good.len() - 1);
    let limit = good.len() - 1;
    assert_eq!(
        (events.len(), end),
        (0, Err(Error::EventTooLarge { limit }))
    );
    let (events, end) = split([&good[..good.len() - 1]], 1024);
    assert_eq!((events.len(), end), (0, Ok(())));
}

proptest! {
    #[test]
    fn chunks_change_nothing(
        payloads in proptest::collection::vec("[a-z{}]{0,40}", 0..6),
        junk in proptest::collection::vec(any::<u8>(), 0..40),
        size in 1..50_usize,
    ) {
        let mut bytes = Vec::new();
        for payload in &payloads {
            bytes.extend_from_slice(&frame(Message::Event, "e", payload.as_bytes()));
        }
        bytes.extend_from_slice(&junk);
        let whole = split([&bytes[..]], 256);
        prop_assert!(whole.0.len() >= payloads.len());
        prop_assert_eq!(&split(bytes.chunks(size), 256), &whole);
        let joined: Vec<u8> = whole.0.iter().flat_map(|event| event.raw.to_vec()).collect();
        prop_assert!(bytes.starts_with(&joined));
    }
}
