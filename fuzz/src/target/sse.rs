//! Event streams: how the bytes are cut into chunks changes nothing, and no byte is lost.

use agw_ai::sse::{Event, Splitter};
use bytes::Bytes;

use super::{Behaviour, Target, Verdict, chunks};

pub(super) const TARGET: Target = Target {
    name: "sse",
    dictionary: &[
        "data:",
        "data: ",
        "data",
        "event:",
        "event: ",
        "event",
        "id: ",
        "retry: ",
        ":",
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "\r\r",
        "\r\n\r\n",
        "\u{feff}",
        "[DONE]",
        "{}",
        "\n\ndata: ",
        "\0",
    ],
    more_seeds: &[],
    run,
};

/// Limits of an event's length: one that is met, and one that is not.
const LIMITS: [usize; 2] = [48, 1 << 20];

/// What came out: the events, and the one that the end of the input completes or the error.
#[derive(Debug, PartialEq, Eq)]
struct Split {
    events: Vec<Event>,
    end: Result<Option<Event>, String>,
}

fn run(input: &[u8]) -> Verdict {
    let mut text = String::new();
    for limit in LIMITS {
        let whole = split(&[input], limit);
        let single: Vec<&[u8]> = input.chunks(1).collect();
        for cut in [chunks(input), single] {
            let other = split(&cut, limit);
            if other != whole {
                return Err(format!(
                    "limit {limit}: {whole:?} as one chunk, {other:?} in {} chunks",
                    cut.len()
                ));
            }
        }
        if let Ok(last) = &whole.end {
            let events = whole.events.iter().chain(last);
            let joined: Vec<u8> = events.flat_map(|e| e.raw.to_vec()).collect();
            if joined != input {
                return Err("the events are not the input".to_owned());
            }
        }
        describe(&whole, &mut text);
    }
    Ok(Behaviour::of(&text))
}

fn split(chunks: &[&[u8]], limit: usize) -> Split {
    let mut splitter = Splitter::new(limit);
    let mut events = Vec::new();
    for chunk in chunks {
        splitter.push(Bytes::copy_from_slice(chunk));
        loop {
            match splitter.next_event() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => {
                    let end = Err(error.to_string());
                    return Split { events, end };
                }
            }
        }
    }
    let end = Ok(splitter.finish());
    Split { events, end }
}

/// The first few events in short: which parts they have, and how they end.
fn describe(split: &Split, text: &mut String) {
    for event in split.events.iter().take(3) {
        text.push(if event.name.is_some() { 'e' } else { '-' });
        let lines = event
            .data
            .as_ref()
            .map(|d| d.split(|b| *b == b'\n').count());
        text.push_str(match lines {
            None => "none",
            Some(1) => "one",
            Some(_) => "more",
        });
        text.push_str(match &event.raw[event.raw.len().saturating_sub(2)..] {
            b"\r\n" => "crlf",
            [.., b'\r'] => "cr",
            _ => "lf",
        });
    }
    text.push_str(match &split.end {
        Ok(None) => "clean",
        Ok(Some(_)) => "rest",
        Err(_) => "error",
    });
}
