//! Responses over HTTP/1.1: how the bytes are cut changes nothing, and chunks are what a decoder
//! that sees all of them at once finds.

use agw_core::http1::{BodyLength, Chunks, Garbage, ResponseHead, Step};
use bytes::Bytes;
use http::{HeaderMap, Method};

use super::{Behaviour, Target, Verdict, chunks};

pub(super) const TARGET: Target = Target {
    name: "http1",
    dictionary: &[
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.0 ",
        "HTTP/1.1 ",
        "100 Continue\r\n\r\n",
        "204 ",
        "304 ",
        "Content-Length: ",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n\r\n",
        "Transfer-Encoding: ",
        "chunked",
        "identity",
        "Connection: close\r\n",
        "keep-alive",
        "\r\n",
        "\r\n\r\n",
        "\n",
        "\r",
        ": ",
        ", ",
        ";a=b",
        "0\r\n\r\n",
        "0\r\nX: 1\r\n\r\n",
        "5\r\nhello\r\n",
        "a\r\n",
        "ffffffffffffffff",
        "00000000000000000",
        "\0",
    ],
    more_seeds: &[],
    run,
};

/// Longest head whose every prefix is tried.
const EVERY_PREFIX: usize = 512;

/// A body in chunks: its data, its trailers and where it ends, or why it is none.
#[derive(Debug, PartialEq, Eq)]
struct Body {
    data: Vec<u8>,
    end: Result<Option<(Option<HeaderMap>, usize)>, Garbage>,
}

fn run(input: &[u8]) -> Verdict {
    let mut text = String::new();
    let body = match head(input, &mut text)? {
        Some(at) => &input[at..],
        None => input,
    };
    let whole = read(&[body]);
    let single: Vec<&[u8]> = body.chunks(1).collect();
    for cut in [chunks(body), single] {
        let other = read(&cut);
        if other != whole {
            return Err(format!(
                "{whole:?} as one piece, {other:?} in {} pieces",
                cut.len()
            ));
        }
    }
    compare(body, &whole)?;
    text.push_str(match &whole.end {
        Ok(None) => "open",
        Ok(Some((None, _))) => "complete",
        Ok(Some((Some(_), _))) => "trailers",
        Err(garbage) => return Ok(Behaviour::of(&format!("{text} {garbage}"))),
    });
    Ok(Behaviour::of(&text))
}

/// Where the head ends, if there is one. It is complete at its last byte and not before.
fn head(input: &[u8], text: &mut String) -> Result<Option<usize>, String> {
    let parse = |bytes: &[u8]| {
        let mut headers = HeaderMap::new();
        let head = ResponseHead::parse(&Bytes::copy_from_slice(bytes), &mut headers);
        head.map(|head| head.map(|head| (head, headers)))
    };
    let whole = parse(input);
    for end in 0..input.len().min(EVERY_PREFIX) {
        let part = parse(&input[..end]);
        let fits = match (&part, &whole) {
            (Ok(None), Ok(Some((head, _)))) => end < head.bytes,
            (Ok(Some((head, _))), _) => part == whole && head.bytes <= end,
            (Ok(None), _) => true,
            (Err(_), whole) => whole.is_err(),
        };
        if !fits {
            return Err(format!("{part:?} of {end} bytes, {whole:?} of all"));
        }
    }
    let (head, headers) = match whole {
        Ok(Some(found)) => found,
        Ok(None) => {
            text.push_str("partial ");
            return Ok(None);
        }
        Err(garbage) => {
            text.push_str(&format!("{garbage} "));
            return Ok(None);
        }
    };
    let length = head.body(&Method::GET, &headers);
    let nothing = head.body(&Method::HEAD, &headers);
    if nothing != Ok(BodyLength::Nothing) {
        return Err(format!("{nothing:?} under a response to HEAD"));
    }
    text.push_str(&format!("{length:?} {} ", head.persists(&headers)));
    Ok(Some(head.bytes))
}

fn read(pieces: &[&[u8]]) -> Body {
    let mut chunks = Chunks::default();
    let mut data = Vec::new();
    let mut before = 0;
    for piece in pieces {
        let mut at = 0;
        loop {
            match chunks.step(piece, &mut at) {
                Ok(Step::Data(range)) => data.extend_from_slice(&piece[range]),
                Ok(Step::More) => break,
                Ok(Step::End(trailers)) => {
                    let end = Ok(Some((trailers, before + at)));
                    return Body { data, end };
                }
                Err(garbage) => {
                    let end = Err(garbage);
                    return Body { data, end };
                }
            }
        }
        before += piece.len();
    }
    Body {
        data,
        end: Ok(None),
    }
}

/// Compares a body that is complete with what the naive decoder finds.
fn compare(body: &[u8], found: &Body) -> Result<(), String> {
    let naive = naive(body);
    match (&found.end, &naive) {
        (Ok(Some((_, end))), Some((data, want))) if found.data == *data && end == want => Ok(()),
        (Ok(Some(_)), _) => Err(format!("{found:?}, but naively {naive:?}")),
        // The naive decoder does not look at trailers, and has no bounds.
        (Err(Garbage::Trailers | Garbage::TrailersTooLarge | Garbage::ChunkExtensions), _) => {
            Ok(())
        }
        (_, Some(_)) => Err(format!("{found:?}, but naively {naive:?}")),
        (_, None) => Ok(()),
    }
}

/// The data of a complete body and its length, line by line.
fn naive(body: &[u8]) -> Option<(Vec<u8>, usize)> {
    let line = |from: usize| {
        let length = body[from..].windows(2).position(|two| two == b"\r\n")?;
        Some((&body[from..from + length], from + length + 2))
    };
    let mut data = Vec::new();
    let mut at = 0;
    loop {
        let (size, after) = line(at)?;
        let digits = size.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let rest = size[digits..].trim_ascii_start();
        let space = size[digits..].len() - rest.len();
        let blank = size[digits..digits + space].iter();
        let odd = blank.clone().any(|b| !matches!(b, b' ' | b'\t'))
            || rest.first().is_some_and(|&b| b != b';')
            || rest.contains(&b'\n')
            || rest.contains(&b'\r');
        if odd || !(1..=16).contains(&digits) {
            return None;
        }
        let size = std::str::from_utf8(&size[..digits]).ok()?;
        let size = usize::try_from(u64::from_str_radix(size, 16).ok()?).ok()?;
        at = after;
        if size == 0 {
            break;
        }
        data.extend_from_slice(body.get(at..at.checked_add(size)?)?);
        at += size;
        if body.get(at..at + 2)? != b"\r\n" {
            return None;
        }
        at += 2;
    }
    loop {
        let (trailer, after) = line(at)?;
        at = after;
        if trailer.is_empty() {
            return Some((data, at));
        }
        if trailer.contains(&b'\n') || trailer.contains(&b'\r') {
            return None;
        }
    }
}
