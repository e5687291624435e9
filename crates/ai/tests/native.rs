//! Exchanges with providers that have an API of their own, whole and as streams.
//!
//! `UPDATE_GOLDEN=1 cargo test -p agw-ai --test native` writes the expectations anew; read the
//! difference.

use std::fs;
use std::path::{Path, PathBuf};

use agw_ai::format::{Format, Stamp};
use agw_ai::stream::Piece;
use agw_ai::translate::{Call, Exchange};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A request and what may come back for it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    client: String,
    provider: String,
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    request: Value,
    #[serde(default)]
    asked: Value,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    answers: Vec<Answer>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    streams: Vec<Stream>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    response: Value,
    #[serde(default)]
    expected: Value,
}

/// Events as a provider sends them, and as the client gets them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stream {
    events: Vec<Value>,
    #[serde(default)]
    expected: Vec<Value>,
    #[serde(default)]
    ending: String,
    #[serde(default)]
    usage: Value,
}

fn cases() -> Vec<PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut paths = Vec::new();
    for folder in ["gemini"] {
        for entry in fs::read_dir(golden.join(folder)).unwrap() {
            paths.push(entry.unwrap().path());
        }
    }
    paths.sort();
    paths
}

fn format(word: &str) -> Format {
    Format::of(word).unwrap_or_else(|| panic!("no format {word}"))
}

fn stamp() -> Stamp {
    Stamp {
        id: "s1".to_owned(),
        created: 1_700_000_000,
    }
}

#[test]
fn exchanges_are_translated_as_kept() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut failures = String::new();
    let paths = cases();
    assert!(paths.len() >= 6, "{paths:?}");
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let mut case: Case = serde_json::from_str(&text).unwrap();
        run(&mut case);
        let mut now = serde_json::to_string_pretty(&case).unwrap();
        now.push('\n');
        if update {
            fs::write(&path, &now).unwrap();
        } else if now != text {
            let lines = now.lines().zip(text.lines());
            let first = lines.enumerate().find(|(_, (now, kept))| now != kept);
            failures += &format!("{}: {first:?}\n", path.display());
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

fn run(case: &mut Case) {
    let exchange = Exchange::new(format(&case.client), format(&case.provider));
    let body = serde_json::to_vec(&case.request).unwrap();
    let model = case.model.as_deref();
    let translated = match exchange.request(&body, &case.path, model, stamp()) {
        Ok(translated) => translated,
        Err(error) => {
            case.asked = json!({"error": error.to_string()});
            return;
        }
    };
    let sent: Value = serde_json::from_slice(&translated.body).unwrap();
    let dropped: Vec<&str> = translated.dropped.paths().collect();
    case.asked = json!({"path": translated.path, "body": sent, "dropped": dropped});
    for answer in &mut case.answers {
        let body = serde_json::to_vec(&answer.response).unwrap();
        answer.expected = match translated.call.response(&body) {
            Ok(response) => serde_json::from_slice(&response.body).unwrap(),
            Err(error) => json!({"error": error.to_string()}),
        };
    }
    for stream in &mut case.streams {
        run_stream(&translated.call, stream);
    }
}

fn run_stream(call: &Call, stream: &mut Stream) {
    let bytes: Vec<u8> = stream
        .events
        .iter()
        .flat_map(|event| format!("data: {event}\r\n\r\n").into_bytes())
        .collect();
    let whole = translate(call, [&bytes[..]]);
    for size in [1, 7, 64] {
        assert_eq!(
            translate(call, bytes.chunks(size)),
            whole,
            "in chunks of {size}"
        );
    }
    let (text, ending, usage) = whole;
    stream.expected = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap_or_else(|_| data.into()))
        .collect();
    stream.ending = ending;
    stream.usage = usage;
}

fn translate<'c>(
    call: &Call,
    chunks: impl IntoIterator<Item = &'c [u8]>,
) -> (String, String, Value) {
    let mut stream = call.stream();
    let mut pieces = Vec::new();
    for chunk in chunks {
        stream
            .push(Bytes::copy_from_slice(chunk), &mut pieces)
            .unwrap();
    }
    let ending = stream.finish(&mut pieces);
    let bytes: Vec<u8> = pieces
        .iter()
        .flat_map(|Piece { raw, .. }| raw.to_vec())
        .collect();
    let usage = stream.usage();
    let usage = json!([
        usage.input,
        usage.output,
        usage.cached,
        usage.cache_write,
        usage.reasoning
    ]);
    let text = String::from_utf8(bytes).unwrap();
    (text, format!("{ending:?}"), usage)
}
