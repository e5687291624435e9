//! What the translations of all formats must hold to.

use agw_ai::Error;
use agw_ai::format::{Format, Stamp};
use agw_ai::stream::Piece;
use agw_ai::translate::{Call, Exchange};
use bytes::Bytes;

use super::chunks;

pub(super) fn stamp() -> Stamp {
    Stamp {
        id: "fuzz".to_owned(),
        created: 0,
    }
}

/// A call that streams, from a client of `client` to a provider of `provider`.
pub(super) fn call(client: Format, provider: Format) -> Call {
    let (body, path) = match client {
        Format::GeminiContent => (
            r#"{"contents":[{"parts":[{"text":"x"}]}]}"#,
            "/v1beta/models/m:streamGenerateContent?alt=sse",
        ),
        _ => (
            r#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]}"#,
            "",
        ),
    };
    let asked = Exchange::new(client, provider).request(body.as_bytes(), path, None, stamp());
    asked.expect("the request is a plain one").call
}

/// Translates a request; what comes out must be JSON, and so much is told of how it went.
pub(super) fn request(
    client: Format,
    provider: Format,
    path: &str,
    body: &[u8],
) -> Result<String, String> {
    match Exchange::new(client, provider).request(body, path, Some("m"), stamp()) {
        Ok(asked) => {
            json(&asked.body)?;
            Ok(format!("asked, without {}", asked.dropped))
        }
        Err(error) => Ok(refused(&error)),
    }
}

/// Translates a whole answer.
pub(super) fn response(call: &Call, body: &[u8]) -> Result<String, String> {
    match call.response(body) {
        Ok(answer) => {
            json(&answer.body)?;
            let finish = answer.finish.map_or("no chat", |finish| finish.word());
            Ok(format!("answered, {finish}"))
        }
        Err(error) => Ok(refused(&error)),
    }
}

/// Translates a stream: how it is cut into chunks changes nothing.
pub(super) fn stream(call: &Call, bytes: &[u8]) -> Result<String, String> {
    let whole = translated(call, &[bytes]);
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    for cut in [chunks(bytes), single] {
        if translated(call, &cut) != whole {
            return Err(format!("{} chunks are not the whole", cut.len()));
        }
    }
    Ok(format!("{} {}", whole.1, whole.0.len().min(1)))
}

fn translated(call: &Call, chunks: &[&[u8]]) -> (Vec<u8>, String) {
    let mut stream = call.stream().expect("the call is a chat");
    let mut pieces = Vec::new();
    let mut failed = None;
    for chunk in chunks {
        if let Err(error) = stream.push(Bytes::copy_from_slice(chunk), &mut pieces) {
            failed = Some(refused(&error));
            break;
        }
    }
    let end = failed.unwrap_or_else(|| format!("{:?}", stream.finish(&mut pieces)));
    let raw = |piece: &Piece| piece.raw.to_vec();
    (pieces.iter().flat_map(raw).collect(), end)
}

fn json(body: &[u8]) -> Result<(), String> {
    let read = serde_json::from_slice::<serde_json::Value>(body);
    read.map(drop)
        .map_err(|error| format!("what was written is no JSON: {error}"))
}

fn refused(error: &Error) -> String {
    format!("refused: {}", error.code())
}
