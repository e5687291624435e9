//! Streams for clients that did not ask for events: one JSON array that grows.

use bytes::Bytes;

use crate::sse::Splitter;

/// Turns the events of a stream, translated or not, into the items of an array.
#[derive(Debug, Default)]
pub struct JsonList {
    begun: bool,
}

impl JsonList {
    /// `Content-Type` of the array.
    pub const CONTENT_TYPE: &'static str = "application/json; charset=UTF-8";

    /// The items that whole events are: a piece of a stream, or its cut event.
    pub fn items(&mut self, events: Bytes) -> Bytes {
        let mut out = Vec::with_capacity(events.len());
        let mut splitter = Splitter::new(usize::MAX);
        splitter.push(events);
        while let Ok(Some(event)) = splitter.next_event() {
            self.item(event.data, &mut out);
        }
        self.item(splitter.finish().and_then(|event| event.data), &mut out);
        out.into()
    }

    /// What ends the array, also behind an error that was said in it.
    pub fn end(&mut self) -> Bytes {
        match std::mem::replace(&mut self.begun, true) {
            true => Bytes::from_static(b"]"),
            false => Bytes::from_static(b"[]"),
        }
    }

    fn item(&mut self, data: Option<Bytes>, out: &mut Vec<u8>) {
        let Some(data) = data.filter(|data| !data.trim_ascii().is_empty()) else {
            return;
        };
        let before = match std::mem::replace(&mut self.begun, true) {
            true => &b",\r\n"[..],
            false => b"[",
        };
        out.extend_from_slice(before);
        out.extend_from_slice(&data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(pieces: &[&'static str]) -> String {
        let mut list = JsonList::default();
        let mut out = Vec::new();
        for piece in pieces {
            out.extend_from_slice(&list.items(Bytes::from_static(piece.as_bytes())));
        }
        out.extend_from_slice(&list.end());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn events_become_the_items_of_an_array() {
        let table: [(&[&'static str], &str); 4] = [
            (&[], "[]"),
            (&["data: {\"a\":1}\r\n\r\n"], "[{\"a\":1}]"),
            (
                &[
                    "data: {\"a\":1}\n\n: ping\n\ndata: {\"b\":2}\n\n",
                    "data:{\"error\":{}}",
                ],
                "[{\"a\":1},\r\n{\"b\":2},\r\n{\"error\":{}}]",
            ),
            (&[": ping\n\n", "data: \n\n"], "[]"),
        ];
        for (pieces, expected) in table {
            assert_eq!(list(pieces), expected);
        }
    }
}
