//! Every fixture of every format, translated into every other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use agw_ai::dialect::Class;
use agw_ai::envelope::ErrorBody;
use agw_ai::format::{Format, Stamp};
use agw_ai::stream::Piece;
use agw_ai::translate::{Call, Exchange};
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

/// What the provider of a format is asked for.
const MODELS: [(Format, &str); 3] = [
    (Format::OpenAiChat, "gpt-4o"),
    (Format::OpenAiResponses, "gpt-5"),
    (Format::AnthropicMessages, "claude-sonnet-4-5"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn stamp() -> Stamp {
    Stamp {
        id: "0001".to_owned(),
        created: 1_750_000_000,
    }
}

/// The fixtures of `format` whose names start with `kind`.
fn fixtures(format: Format, kind: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(root().join(format.word())).unwrap();
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(name, _)| name.starts_with(kind))
        .map(|(name, path)| (name, fs::read(path).unwrap()))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{} has no {kind}", format.word());
    found
}

fn others(format: Format) -> impl Iterator<Item = (Format, &'static str)> {
    MODELS
        .into_iter()
        .filter(move |(other, _)| *other != format)
}

/// Compares with the expected file; what is wrong is appended to `wrong`.
fn check(from: Format, to: Format, name: &str, seen: &str, wrong: &mut String) {
    let folder = format!("expected/{}-{}", from.word(), to.word());
    let path = root().join(&folder).join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, seen).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if expected != seen {
        writeln!(wrong, "{folder}/{name}:\n{seen}").unwrap();
    }
}

/// A request of a client of `client` that a provider of `provider` is asked.
fn call(client: Format, provider: Format, streams: bool) -> Call {
    let body = match client {
        Format::OpenAiResponses => format!(r#"{{"model":"m","input":"x","stream":{streams}}}"#),
        _ => format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"x"}}],"stream":{streams},
            "stream_options":{{"include_usage":true}}}}"#
        ),
    };
    let exchange = Exchange::new(client, provider);
    exchange
        .request(body.as_bytes(), "", None, stamp())
        .unwrap()
        .call
}

#[test]
fn requests() {
    let mut wrong = String::new();
    for (client, _) in MODELS {
        for (name, body) in fixtures(client, "request.") {
            for (provider, model) in others(client) {
                let exchange = Exchange::new(client, provider);
                let seen = match exchange.request(&body, "", Some(model), stamp()) {
                    Err(error) => format!("error: {error}\n"),
                    Ok(request) => {
                        let body: Value = serde_json::from_slice(&request.body).unwrap();
                        format!(
                            "{body:#}\n\n{} dropped: {}\n",
                            request.path, request.dropped
                        )
                    }
                };
                check(
                    client,
                    provider,
                    &name.replace(".json", ".txt"),
                    &seen,
                    &mut wrong,
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn responses() {
    let mut wrong = String::new();
    for (provider, _) in MODELS {
        for (name, body) in fixtures(provider, "response.") {
            for (client, _) in others(provider) {
                let response = call(client, provider, false).response(&body).unwrap();
                let body: Value = serde_json::from_slice(&response.body).unwrap();
                let seen = format!("{body:#}\n\n{:?} {:?}\n", response.model, response.usage);
                check(
                    provider,
                    client,
                    &name.replace(".json", ".txt"),
                    &seen,
                    &mut wrong,
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn stream(call: &Call, chunks: &[&[u8]]) -> String {
    let mut stream = call.stream().unwrap();
    let mut pieces: Vec<Piece> = Vec::new();
    for chunk in chunks {
        stream
            .push(Bytes::copy_from_slice(chunk), &mut pieces)
            .unwrap();
    }
    let ending = stream.finish(&mut pieces);
    let mut seen = String::new();
    for Piece { raw, class } in pieces {
        let class = match class {
            Class::Empty => "empty",
            Class::Content => "content",
            Class::Error(_) => "error",
            Class::Done => "done",
        };
        let raw = std::str::from_utf8(&raw).unwrap();
        writeln!(seen, "--- {class}\n{raw}").unwrap();
    }
    if ending == agw_ai::stream::Ending::Cut {
        let error = ErrorBody::new(StatusCode::BAD_GATEWAY, "the stream was cut").code("cut");
        let event = stream.cut_event(&error);
        writeln!(seen, "--- cut\n{}", std::str::from_utf8(&event).unwrap()).unwrap();
    }
    let (model, reason) = (stream.model(), stream.finish_reason());
    writeln!(
        seen,
        "=== {ending:?} {model:?} {reason:?} {:?}",
        stream.usage()
    )
    .unwrap();
    seen
}

#[test]
fn streams() {
    let mut wrong = String::new();
    for (provider, _) in MODELS {
        for (name, body) in fixtures(provider, "stream.") {
            for (client, _) in others(provider) {
                let call = call(client, provider, true);
                let seen = stream(&call, &[&body]);
                check(
                    provider,
                    client,
                    &name.replace(".sse", ".txt"),
                    &seen,
                    &mut wrong,
                );
                for size in [1, 2, 3, 7, 64, 333] {
                    let chunks: Vec<_> = body.chunks(size).collect();
                    assert_eq!(stream(&call, &chunks), seen, "{name} in chunks of {size}");
                }
                let text = String::from_utf8(body.clone()).unwrap();
                for end in ["\r\n", "\r"] {
                    let body = text.replace('\n', end);
                    let chunks: Vec<_> = body.as_bytes().chunks(5).collect();
                    assert_eq!(stream(&call, &chunks), seen, "{name} with {end:?}");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_broken_stream_never_looks_complete() {
    for (provider, _) in MODELS {
        for (name, body) in fixtures(provider, "stream.") {
            for (client, _) in others(provider) {
                let call = call(client, provider, true);
                for end in (0..body.len()).step_by(11) {
                    let seen = stream(&call, &[&body[..end]]);
                    let complete = seen.contains("[DONE]")
                        || seen.contains("event: message_stop")
                        || seen.contains("event: response.completed")
                        || seen.contains("event: response.incomplete");
                    let good = seen.contains("=== Complete") || seen.contains("=== Unmarked");
                    assert_eq!(complete, good, "{name} up to {end}: {seen}");
                    assert!(
                        good || seen.contains("\"error\":"),
                        "{name} up to {end}: {seen}"
                    );
                }
            }
        }
    }
}

#[test]
fn errors() {
    let mut wrong = String::new();
    for (provider, _) in MODELS {
        for (name, body) in fixtures(provider, "error.") {
            for (client, _) in others(provider) {
                let exchange = Exchange::new(client, provider);
                let error = exchange.error(StatusCode::TOO_MANY_REQUESTS, None, &body, "r-1");
                let text = std::str::from_utf8(&error.body).unwrap();
                let seen = format!("{} {text}\n", error.status.as_u16());
                check(
                    provider,
                    client,
                    &name.replace(".json", ".txt"),
                    &seen,
                    &mut wrong,
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
