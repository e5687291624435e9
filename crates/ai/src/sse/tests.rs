use proptest::prelude::*;

use super::*;

fn drain(splitter: &mut Splitter, events: &mut Vec<Event>) {
    while let Some(event) = splitter.next_event().unwrap() {
        events.push(event);
    }
}

fn split(chunks: &[&[u8]]) -> Vec<Event> {
    let mut splitter = Splitter::default();
    let mut events = Vec::new();
    for chunk in chunks {
        splitter.push(Bytes::copy_from_slice(chunk));
        drain(&mut splitter, &mut events);
    }
    events.extend(splitter.finish());
    events
}

#[test]
fn reads_events_of_every_form() {
    type Seen<'a> = (&'a str, Option<&'a str>, Option<&'a str>);
    let table: &[(&str, &[Seen<'_>])] = &[
        ("data: a\n\n", &[("data: a\n\n", None, Some("a"))]),
        ("data:a\r\n\r\n", &[("data:a\r\n\r\n", None, Some("a"))]),
        ("data:  a\r\r", &[("data:  a\r\r", None, Some(" a"))]),
        (
            "data: a\r\n\rdata: b\n\r\n",
            &[
                ("data: a\r\n\r", None, Some("a")),
                ("data: b\n\r\n", None, Some("b")),
            ],
        ),
        (
            "data: a\ndata\ndata: c\n\n",
            &[("data: a\ndata\ndata: c\n\n", None, Some("a\n\nc"))],
        ),
        (
            "event: x\nevent: y\ndata: {}\nid: 1\n\n",
            &[(
                "event: x\nevent: y\ndata: {}\nid: 1\n\n",
                Some("y"),
                Some("{}"),
            )],
        ),
        (
            ": ping\n\n\ndata: a\n\n",
            &[
                (": ping\n\n", None, None),
                ("\n", None, None),
                ("data: a\n\n", None, Some("a")),
            ],
        ),
        (
            "\u{feff}data: a\n\ndatab: c\n\n",
            &[
                ("\u{feff}data: a\n\n", None, Some("a")),
                ("datab: c\n\n", None, None),
            ],
        ),
        ("data: [DONE]", &[("data: [DONE]", None, Some("[DONE]"))]),
        ("", &[]),
    ];
    for (input, expected) in table {
        let events = split(&[input.as_bytes()]);
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let seen: Vec<_> = events
            .iter()
            .map(|e| {
                (
                    text(&e.raw),
                    e.name.as_ref().map(text),
                    e.data.as_ref().map(text),
                )
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(r, n, d)| (r.to_string(), n.map(String::from), d.map(String::from)))
            .collect();
        assert_eq!(seen, expected, "{input:?}");
    }
}

#[test]
fn an_event_within_one_chunk_is_not_copied() {
    let chunk = Bytes::from(b"data: a\n\ndata: b\n\n".to_vec());
    let mut splitter = Splitter::default();
    splitter.push(chunk.clone());
    let first = splitter.next_event().unwrap().unwrap();
    let second = splitter.next_event().unwrap().unwrap();
    assert_eq!(first.raw.as_ptr(), chunk.as_ptr());
    assert_eq!(second.raw.as_ptr(), chunk[9..].as_ptr());
    assert_eq!(second.data.unwrap().as_ptr(), chunk[15..].as_ptr());
}

#[test]
fn rejects_an_event_over_the_limit_however_it_comes() {
    for size in [1, 7, 64] {
        let input = [&b"data: ok\n\n"[..], &b"data: 0123456789012\n\n"[..]].concat();
        let mut splitter = Splitter::new(16);
        let mut seen = Vec::new();
        let mut failed = None;
        for chunk in input.chunks(size) {
            splitter.push(Bytes::copy_from_slice(chunk));
            loop {
                match splitter.next_event() {
                    Ok(Some(event)) => seen.push(event.raw),
                    Ok(None) => break,
                    Err(error) => {
                        failed.get_or_insert(error);
                        break;
                    }
                }
            }
        }
        assert_eq!(
            seen.first().map(|raw| &raw[..]),
            Some(&b"data: ok\n\n"[..]),
            "{size}"
        );
        assert_eq!(failed, Some(Error::EventTooLarge { limit: 16 }), "{size}");
    }
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just(&b"\n"[..]),
        Just(&b"\r"[..]),
        Just(&b"\r\n"[..]),
        Just(&b"data: x"[..]),
        Just(&b"data:"[..]),
        Just(&b"event: e"[..]),
        Just(&b": c"[..]),
        Just(&b"\xEF\xBB\xBF"[..]),
        Just(&b"\xff"[..]),
    ];
    proptest::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn chunks_change_nothing_and_no_byte_is_lost(
        input in stream(),
        cuts in proptest::collection::vec(0usize..48, 0..6),
    ) {
        let whole = split(&[&input]);
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(input.len())).collect();
        cuts.extend([0, input.len()]);
        cuts.sort_unstable();
        let chunks: Vec<_> = cuts.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect();
        prop_assert_eq!(&split(&chunks), &whole);
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        prop_assert_eq!(&split(&bytes), &whole);
        let mut at = 0;
        for event in &whole {
            prop_assert_eq!(event.at, at);
            at += event.raw.len();
        }
        let raw: Vec<_> = whole.iter().flat_map(|event| event.raw.to_vec()).collect();
        prop_assert_eq!(raw, input);
    }
}
