//! Bedrock's answers and streams of frames, whatever is in them.

use agw_ai::aws_stream::{AwsSplitter, Message, frame};
use agw_ai::format::Format;

use super::{Behaviour, Target, Verdict, chunks, exchange};

pub(super) const TARGET: Target = Target {
    name: "bedrock",
    dictionary: &[
        "\nmessageStart {\"role\":\"assistant\"}",
        "\ncontentBlockStart {\"contentBlockIndex\":0,\"start\":{\"toolUse\":{\"toolUseId\":\"a\",\"name\":\"f\"}}}",
        "\ncontentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"text\":\"x\"}}",
        "\ncontentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"toolUse\":{\"input\":\"{}\"}}}",
        "\ncontentBlockDelta {\"delta\":{\"reasoningContent\":{\"signature\":\"x\"}}}",
        "\ncontentBlockStop {\"contentBlockIndex\":0}",
        "\nmessageStop {\"stopReason\":\"tool_use\"}",
        "\nmetadata {\"usage\":{\"inputTokens\":1}}",
        "\n!throttlingException {\"message\":\"x\"}",
        "\"output\":{\"message\":{\"content\":[",
        "\"stopReason\":\"end_turn\"",
        "\0\0\0\u{10}",
        ":message-type",
        ":event-type",
        "null",
    ],
    more_seeds: &[],
    run,
};

/// A bound on frames that some inputs meet.
const LIMIT: usize = 256;

fn run(input: &[u8]) -> Verdict {
    let mut told = frames(input)?;
    let framed: Vec<u8> = input.split(|byte| *byte == b'\n').flat_map(line).collect();
    for client in [
        Format::OpenAiChat,
        Format::AnthropicMessages,
        Format::GeminiContent,
    ] {
        let call = exchange::call(client, Format::BedrockConverse);
        told += &exchange::response(&call, input)?;
        told += &exchange::stream(&call, &framed)?;
    }
    Ok(Behaviour::of(&told))
}

/// `type payload` as a frame; `!` marks an exception.
fn line(line: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(line);
    let (name, payload) = text.split_once(' ').unwrap_or((&text, ""));
    let (message, name) = match name.strip_prefix('!') {
        Some(name) => (Message::Exception, name),
        None => (Message::Event, name),
    };
    let name: String = name.chars().filter(char::is_ascii).take(64).collect();
    frame(message, &name, payload.as_bytes()).to_vec()
}

/// The input itself as frames, which most inputs are not.
fn frames(input: &[u8]) -> Result<String, String> {
    let whole = split(&[input]);
    if split(&chunks(input)) != whole {
        return Err("chunks are not the whole".to_owned());
    }
    let (raw, end) = whole;
    match input.starts_with(&raw) {
        true => Ok(format!("{end:?} {}", raw.len().min(1))),
        false => Err("the events are not the input".to_owned()),
    }
}

fn split(chunks: &[&[u8]]) -> (Vec<u8>, Option<String>) {
    let mut splitter = AwsSplitter::new(LIMIT);
    let mut raw = Vec::new();
    for chunk in chunks {
        splitter.push(chunk);
        loop {
            match splitter.next_event() {
                Ok(Some(event)) => raw.extend_from_slice(&event.raw),
                Ok(None) => break,
                Err(error) => return (raw, Some(error.to_string())),
            }
        }
    }
    (raw, None)
}
