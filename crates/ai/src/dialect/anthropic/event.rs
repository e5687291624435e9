//! Events of a stream of messages: named and typed, ended by `message_stop`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::openai::error;
use crate::dialect::{Class, Reading, Started};
use crate::sse::Event;
use crate::usage::Wire;

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(borrow, default)]
    content_block: Option<Block<'a>>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(default)]
    usage: Option<Wire>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    #[serde(default)]
    usage: Option<Wire>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    stop_reason: Option<Cow<'a, str>>,
}

pub(super) fn read(event: &Event, started: Started) -> Reading<'_> {
    let Some(data) = event.data.as_deref() else {
        return Reading::of(Class::Empty);
    };
    if started == Started::Yes && event.name.as_deref() == Some(b"content_block_delta") {
        return Reading::of(Class::Content);
    }
    let Ok(event) = serde_json::from_slice::<Typed<'_>>(data) else {
        return Reading::of(Class::Empty);
    };
    let class = match &*event.kind {
        "error" => {
            let object = event
                .error
                .map_or(&b"{}"[..], |error| error.get().as_bytes());
            Class::Error(Box::new(error::read(object)))
        }
        "message_stop" => Class::Done,
        "content_block_delta" | "message_delta" => Class::Content,
        "content_block_start" => match &event.content_block {
            // What they hold comes in their deltas.
            Some(block) if matches!(&*block.kind, "text" | "thinking") => Class::Empty,
            _ => Class::Content,
        },
        _ => Class::Empty,
    };
    let (model, begun) = match event.message {
        Some(message) => (message.model, message.usage),
        None => (None, None),
    };
    Reading {
        class,
        usage: event
            .usage
            .or(begun)
            .map(Wire::partial)
            .filter(|usage| !usage.is_empty()),
        model: model.filter(|model| !model.is_empty()),
        finish_reason: event.delta.and_then(|delta| delta.stop_reason),
        usage_only: false,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::dialect::Class;
    use crate::dialect::anthropic::Anthropic;
    use crate::operation::Operation;
    use crate::request::UsageOwner;
    use crate::stream::{Ending, Piece, StreamReader};
    use crate::usage::Usage;

    fn read(bytes: &'static [u8], size: usize) -> (String, Vec<u8>, Ending, Usage) {
        let mut reader = StreamReader::new(&Anthropic, Operation::Messages, UsageOwner::Client);
        let mut pieces: Vec<Piece> = Vec::new();
        for chunk in bytes.chunks(size) {
            reader.push(Bytes::from_static(chunk), &mut pieces).unwrap();
        }
        let ending = reader.finish(&mut pieces);
        let mut classes = String::new();
        for piece in &pieces {
            let class = match piece.class {
                Class::Empty => 'e',
                Class::Content => 'c',
                Class::Error(_) => '!',
                Class::Done => '.',
            };
            let text = std::str::from_utf8(&piece.raw).unwrap();
            classes.extend(std::iter::repeat_n(class, text.matches("event: ").count()));
        }
        let sent = pieces.iter().flat_map(|piece| piece.raw.to_vec()).collect();
        (classes, sent, ending, *reader.usage())
    }

    #[test]
    fn streams_pass_byte_for_byte_and_are_counted() {
        macro_rules! case {
            ($name:literal, $classes:literal, $ending:ident, $usage:expr) => {
                (
                    &include_bytes!(concat!(
                        "../../../tests/golden/anthropic_messages/stream.",
                        $name,
                        ".sse"
                    ))[..],
                    $classes,
                    Ending::$ending,
                    $usage,
                )
            };
        }
        let cases = [
            case!("text", "eeecccc.", Complete, (1010, 9, 1019, Some(1000))),
            case!("tools", "eeccccccccccccc.", Complete, (10, 40, 50, None)),
            case!("error", "e!", Failed, (10, 1, 11, None)),
            case!("cut", "eec", Cut, (10, 1, 11, None)),
        ];
        for (bytes, classes, ending, (input, output, total, cached)) in cases {
            for size in [1, 7, 100_000] {
                let (seen, sent, ended, usage) = read(bytes, size);
                assert_eq!((seen.as_str(), ended), (classes, ending), "{size}");
                assert_eq!(sent, bytes);
                let counts = (usage.input, usage.output, usage.total, usage.cached);
                assert_eq!(counts, (Some(input), Some(output), Some(total), cached));
            }
        }
    }
}
